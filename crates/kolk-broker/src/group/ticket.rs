//! Answers that come later: a call that must wait takes a ticket, a later call answers it.

use super::join::JoinReply;
use super::sync::SyncReply;
use std::collections::BTreeMap;

/// Stands for an answer that is not known yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(u64);

/// What a call that may have to wait returns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply<T> {
    /// The answer.
    Now(T),
    /// The answer comes under this ticket.
    Wait(Ticket),
}

#[derive(Debug)]
pub(super) enum Answer {
    Join(JoinReply),
    Sync(SyncReply),
}

/// The open tickets, and the answers that nobody has fetched yet.
#[derive(Debug, Default)]
pub(super) struct Tickets {
    next: u64,
    open: BTreeMap<Ticket, Option<Answer>>,
}

impl Tickets {
    pub(super) fn open(&mut self) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.open.insert(ticket, None);
        ticket
    }

    pub(super) fn has_answers(&self) -> bool {
        self.open.values().any(Option::is_some)
    }

    /// Does nothing for a ticket that was abandoned.
    pub(super) fn answer(&mut self, ticket: Ticket, answer: Answer) {
        if let Some(slot) = self.open.get_mut(&ticket) {
            *slot = Some(answer);
        }
    }

    pub(super) fn abandon(&mut self, ticket: Ticket) {
        self.open.remove(&ticket);
    }

    pub(super) fn take_join(&mut self, ticket: Ticket) -> Option<JoinReply> {
        if !matches!(self.open.get(&ticket), Some(Some(Answer::Join(_)))) {
            return None;
        }
        match self.open.remove(&ticket) {
            Some(Some(Answer::Join(reply))) => Some(reply),
            _ => None,
        }
    }

    pub(super) fn take_sync(&mut self, ticket: Ticket) -> Option<SyncReply> {
        if !matches!(self.open.get(&ticket), Some(Some(Answer::Sync(_)))) {
            return None;
        }
        match self.open.remove(&ticket) {
            Some(Some(Answer::Sync(reply))) => Some(reply),
            _ => None,
        }
    }
}
