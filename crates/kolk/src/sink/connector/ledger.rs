//! Which rows a transactional store has already: positions in the input that it keeps in the transactions of the rows.
//!
//! For each partition of the input (a [`Place`]) the store keeps a position, the offset behind the last record whose rows it has, and an
//! epoch. A connection *claims* a place before it writes rows of it: the store raises the epoch and tells both. From then on every
//! transaction moves the positions of its rows, under the condition that the epochs are still those that were claimed.
//!
//! - Rows before the claimed position are there already: a crash came between the store's commit and Kafka's. They are passed over.
//! - Whoever has lost a partition to another instance and does not know it yet finds the epoch raised, and its transaction is
//!   rolled back ([`ConnectorError::Fenced`](super::ConnectorError::Fenced)). Even if it claims again before it hears of its loss
//!   nothing is stored twice: it is told the new position, and its rows are those of its successor, since a query is deterministic.
//!
//! It relies on rows of a place coming in the order of their offsets, and on a batch holding all rows of a record: the outlet cuts
//! batches between records.

use super::batch::{Outcome, RowBatch};
use super::origin::{Place, Span};

/// What a store answers to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Claim {
    /// Which claim of the place this is.
    pub epoch: i64,
    /// The store has the rows of all records before this offset; 0 when it has none.
    pub position: i64,
}

/// How far a transaction brings a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advance {
    /// The place.
    pub place: Place,
    /// The epoch that it must still have.
    pub epoch: i64,
    /// The offset behind the last of the batch's records.
    pub position: i64,
}

/// What a connection knows of the positions that its store keeps.
#[derive(Debug, Default)]
pub struct Ledger {
    known: Vec<Known>,
    session: u64,
}

#[derive(Debug)]
struct Known {
    place: Place,
    claim: Claim,
    /// It was told that rows of it are there already.
    told: bool,
}

impl Ledger {
    /// The places of `batch` that must be claimed first. A batch that was read anew claims anew: another instance may have had the
    /// partitions meanwhile.
    #[must_use]
    pub fn unclaimed(&mut self, batch: &RowBatch) -> Vec<Place> {
        if self.session != batch.session() {
            self.session = batch.session();
            self.known.clear();
        }
        let places = batch.spans().into_iter().map(|span| span.place);
        places.filter(|place| self.find(place).is_none()).collect()
    }

    fn find(&self, place: &Place) -> Option<&Known> {
        self.known.iter().find(|known| known.place == *place)
    }

    /// Notes the answer to a claim.
    pub fn claimed(&mut self, place: Place, claim: Claim) {
        self.known.push(Known { place, claim, told: false });
    }

    /// Settles the rows that the store has already. Tells of which places there were some, once for each claim.
    pub fn pass_over(&mut self, batch: &mut RowBatch) -> Vec<(Place, Claim)> {
        let mut passed = Vec::new();
        for span in batch.spans() {
            let known = self.known.iter_mut().find(|known| known.place == span.place);
            let Some(known) = known.filter(|known| span.first < known.claim.position) else {
                continue;
            };
            for index in batch.open() {
                let is_there = batch.origin(index).is_some_and(|origin| {
                    origin.is_of(&known.place) && origin.offset < known.claim.position
                });
                if is_there {
                    batch.settle(index, Outcome::Stored);
                }
            }
            if !std::mem::replace(&mut known.told, true) {
                passed.push((known.place.clone(), known.claim));
            }
        }
        passed
    }

    /// What the transaction that stores the open rows of `batch` must note. Refused rows count too: they are elsewhere by then.
    #[must_use]
    pub fn advances(&self, batch: &RowBatch) -> Vec<Advance> {
        let advance = |span: Span| {
            let claim = self.find(&span.place)?.claim;
            let Span { place, end: position, .. } = span;
            (position > claim.position).then_some(Advance { place, epoch: claim.epoch, position })
        };
        batch.spans().into_iter().filter_map(advance).collect()
    }

    /// The transaction with these is committed.
    pub fn committed(&mut self, advances: &[Advance]) {
        for Advance { place, position, .. } in advances {
            if let Some(known) = self.known.iter_mut().find(|known| known.place == *place) {
                known.claim.position = *position;
            }
        }
    }

    /// Nothing is known any more: the connection was cut, or an epoch was raised.
    pub fn forget(&mut self) {
        self.known.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::connector::origin::InputTopic;
    use crate::sink::held::SinkRow;
    use crate::sink::outlet::Stamp;
    use crate::sink::progress::{InputPartition, Lane};
    use std::sync::Arc;

    /// Rows of these partitions and offsets, read for the `session`th time.
    fn batch(session: u64, topic: &Arc<InputTopic>, rows: &[(i32, i64)]) -> RowBatch {
        let mut batch = RowBatch::of_session(session);
        batch.come_from(topic);
        for (partition, offset) in rows {
            let partition = InputPartition { source: 0, partition: *partition };
            let row = SinkRow {
                key: None,
                value: None,
                headers: &[],
                fields: None,
                timestamp: 0,
                partition,
                offset: *offset,
            };
            batch.push(Lane(0), &row, Stamp::At(0), None);
        }
        batch
    }

    fn topic(id: u8) -> Arc<InputTopic> {
        Arc::new(InputTopic { name: "visits".to_owned(), id: [id; 16] })
    }

    #[test]
    fn rows_before_the_claimed_position_are_passed_over() {
        let (topic, mut ledger) = (topic(1), Ledger::default());
        let mut rows = batch(0, &topic, &[(0, 4), (1, 9), (0, 5), (0, 5), (0, 6)]);
        let places = ledger.unclaimed(&rows);
        assert_eq!(places.iter().map(|place| place.partition).collect::<Vec<_>>(), [0, 1]);
        for (place, position) in places.into_iter().zip([6, 0]) {
            ledger.claimed(place, Claim { epoch: 3, position });
        }
        assert_eq!(ledger.pass_over(&mut rows).len(), 1);
        assert_eq!(rows.open(), [1, 4], "both rows of record 5 are there");
        let advances = ledger.advances(&rows);
        let positions: Vec<_> = advances.iter().map(|it| (it.epoch, it.position)).collect();
        assert_eq!(positions, [(3, 7), (3, 10)]);
        ledger.committed(&advances);
        let next = batch(0, &topic, &[(0, 7)]);
        assert_eq!(ledger.unclaimed(&next), []);
        assert_eq!(ledger.advances(&batch(0, &topic, &[(0, 6)])), [], "positions do not go back");
    }

    #[test]
    fn what_is_read_anew_or_from_a_topic_made_anew_is_claimed_anew() {
        let mut ledger = Ledger::default();
        let place = ledger.unclaimed(&batch(0, &topic(1), &[(0, 4)])).remove(0);
        ledger.claimed(place, Claim { epoch: 1, position: 0 });
        assert_eq!(ledger.unclaimed(&batch(0, &topic(1), &[(0, 5)])).len(), 0);
        assert_eq!(ledger.unclaimed(&batch(0, &topic(2), &[(0, 0)])).len(), 1);
        assert_eq!(ledger.unclaimed(&batch(1, &topic(1), &[(0, 4)])).len(), 1);
    }
}
