//! Producer ids, each given out once in the life of a data folder.

use super::entry::TransactionEntry;

/// How many ids one journal entry reserves; those that a restart leaves unused are lost.
const BLOCK: i64 = 1_000;

#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    next: i64,
    reserved_until: i64,
}

impl ProducerIds {
    pub(super) fn replay(&mut self, until: i64) {
        self.next = self.next.max(until);
        self.reserved_until = self.next;
    }

    pub(super) fn fresh(&mut self, entries: &mut Vec<TransactionEntry>) -> i64 {
        if self.next == self.reserved_until {
            self.reserved_until += BLOCK;
            entries.push(TransactionEntry::ProducerIds { until: self.reserved_until });
        }
        self.next += 1;
        self.next - 1
    }

    pub(super) fn snapshot(&self) -> TransactionEntry {
        TransactionEntry::ProducerIds { until: self.reserved_until }
    }
}
