//! Idempotent producers: duplicates, gaps, epochs, wrap-around, expiry; against a model that remembers everything.

use super::*;
use kolk_wire::ErrorCode;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn code(result: Result<AppendInfo, AppendError>) -> ErrorCode {
    result.map_or_else(|error| error.code(), |_| ErrorCode::NONE)
}

#[test]
fn a_duplicate_gets_the_first_answer_and_is_not_appended() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    let infos: Vec<_> =
        (0..6).map(|at| From::producer(1, 0, at * 2).append(&mut log, 2).unwrap()).collect();
    for at in 1..6 {
        let again = From::producer(1, 0, at * 2).append(&mut log, 2).unwrap();
        let first = infos[usize::try_from(at).unwrap()];
        assert_eq!((again.base_offset, again.last_offset), (first.base_offset, first.last_offset));
    }
    // Only five batches are remembered, and a batch that overlaps one is none of them.
    assert_eq!(
        code(From::producer(1, 0, 0).append(&mut log, 2)),
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
    );
    assert_eq!(
        code(From::producer(1, 0, 10).append(&mut log, 3)),
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
    );
    assert_eq!(log.high_watermark(), 12);
}

#[test]
fn an_unknown_producer_starts_anywhere_and_a_new_epoch_at_zero() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    assert!(From::producer(1, 3, 500).append(&mut log, 1).is_ok());
    assert_eq!(
        code(From::producer(1, 4, 501).append(&mut log, 1)),
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
    );
    assert!(From::producer(1, 4, 0).append(&mut log, 1).is_ok());
    assert_eq!(
        code(From::producer(1, 3, 501).append(&mut log, 1)),
        ErrorCode::INVALID_PRODUCER_EPOCH
    );
}

#[test]
fn sequence_numbers_wrap_around() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    From::producer(1, 0, i32::MAX - 1).append(&mut log, 3).unwrap();
    let again = From::producer(1, 0, i32::MAX - 1).append(&mut log, 3).unwrap();
    assert_eq!(again.base_offset, 0);
    assert!(From::producer(1, 0, 1).append(&mut log, 1).is_ok());
    From::producer(2, 0, i32::MAX).append(&mut log, 1).unwrap();
    assert!(From::producer(2, 0, 0).append(&mut log, 1).is_ok());
}

#[test]
fn a_silent_producer_is_forgotten_unless_its_transaction_is_open() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &LogConfig::default());
    From::producer(1, 0, 0).append(&mut log, 1).unwrap();
    From::transaction(2, 0, 0).append(&mut log, 1).unwrap();
    let day = LogConfig::default().producer_id_expiration_ms;
    assert_eq!(log.maintain(NOW + day - 1).unwrap().producers_expired, 0);
    assert_eq!(log.maintain(NOW + day).unwrap().producers_expired, 1);
    assert_eq!(log.producers().len(), 1);
    assert!(From::producer(1, 0, 77).append(&mut log, 1).is_ok(), "it starts anywhere again");
}

#[test]
fn a_producer_stays_known_when_its_records_are_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let mut log = open(folder.path(), &small());
    From::producer(1, 0, 0).append(&mut log, 1).unwrap();
    log.delete_records(-1).unwrap();
    assert_eq!(
        code(From::producer(1, 0, 5).append(&mut log, 1)),
        ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER
    );
    assert!(From::producer(1, 0, 1).append(&mut log, 1).is_ok());
}

/// Every batch that was appended, by producer: epoch, first sequence number, count, offset.
#[derive(Debug, Default)]
struct Model {
    written: BTreeMap<i64, Vec<(i16, i32, i32, i64)>>,
    end: i64,
}

impl Model {
    /// The answer and the offset, by the protocol's rules, from the whole history.
    fn append(&mut self, from: From, count: i32) -> (ErrorCode, i64) {
        let history = self.written.entry(from.id).or_default();
        let epoch = history.last().map(|last| last.0);
        let recent = history.iter().rev().take(5);
        let same = recent.filter(|written| Some(written.0) == epoch).find(|written| {
            (written.0, written.1, written.2) == (from.epoch, from.sequence, count)
        });
        if epoch.is_some_and(|epoch| from.epoch < epoch) {
            return (ErrorCode::INVALID_PRODUCER_EPOCH, -1);
        }
        if let Some(same) = same {
            return (ErrorCode::NONE, same.3);
        }
        let expected = match history.last() {
            None => from.sequence,
            Some(last) if last.0 < from.epoch => 0,
            Some(last) => last.1 + last.2,
        };
        if from.sequence != expected {
            return (ErrorCode::OUT_OF_ORDER_SEQUENCE_NUMBER, -1);
        }
        history.push((from.epoch, from.sequence, count, self.end));
        self.end += i64::from(count);
        (ErrorCode::NONE, self.end - i64::from(count))
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// Few producers, epochs and numbers, so that every rule is met often; crashes and closes in between change nothing.
    #[test]
    fn producers_are_answered_by_their_whole_history(
        steps in prop::collection::vec((0i64..3, 0i16..3, 0i32..8, 1i32..4, 0u8..12), 1..80),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open(folder.path(), &small());
        let mut model = Model::default();
        for (id, epoch, sequence, count, then) in steps {
            let from = From::producer(id, epoch, sequence);
            let result = from.append(&mut log, usize::try_from(count).unwrap());
            let offset = result.as_ref().map_or(-1, |info| info.base_offset);
            prop_assert_eq!((code(result), offset), model.append(from, count));
            prop_assert_eq!(log.high_watermark(), model.end);
            if then < 2 {
                if then == 0 {
                    log.close().unwrap();
                } else {
                    drop(log);
                }
                log = open(folder.path(), &small());
            }
        }
    }
}
