//! The layout that texts of a topic usually share.

use super::scan::Cursor;
use super::token::Token;

/// A layout learned from earlier texts.
#[derive(Debug, Default)]
pub(super) struct Shape {}

impl Shape {
    /// Scans a text that has the learned layout; `false`, with any tokens, for one that has not.
    #[inline]
    pub(super) fn scan(&mut self, _cursor: &mut Cursor<'_>, _tokens: &mut [Token]) -> bool {
        false
    }
}
