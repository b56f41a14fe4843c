//! What a stage has to tell: what it found, and what it did about it.

use std::collections::VecDeque;

/// Older ones are forgotten.
const KEPT: usize = 100;

/// What there is to tell, oldest first.
#[derive(Debug, Default)]
pub(super) struct Notices {
    kept: VecDeque<String>,
    /// Whether there is more than was shown.
    news: bool,
}

impl Notices {
    pub(super) fn push(&mut self, what: String) {
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back(what);
        self.news = true;
    }

    pub(super) fn extend(&mut self, what: impl IntoIterator<Item = String>) {
        what.into_iter().for_each(|what| self.push(what));
    }

    /// Brings what is shown up to date.
    pub(super) fn show(&mut self, shown: &mut Vec<String>) {
        if std::mem::take(&mut self.news) {
            *shown = self.kept.iter().cloned().collect();
        }
    }
}
