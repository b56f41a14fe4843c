//! Scenarios, one per rule of the protocol; times in milliseconds.

use super::*;
use kolk_wire::ErrorCode;

const ONE: TransactionVersion = TransactionVersion::One;
const TWO: TransactionVersion = TransactionVersion::Two;
const COMMIT: TransactionResult = TransactionResult::Commit;
const ABORT: TransactionResult = TransactionResult::Abort;
const TIMEOUT_MS: i32 = 60_000;
/// The highest epoch that a client sees.
const LAST_EPOCH: i16 = i16::MAX - 1;

fn transactions() -> Transactions {
    Transactions::new(TransactionSettings::default())
}

fn init_request(current: Producer) -> InitRequest {
    InitRequest { transactional_id: Some("t".to_owned()), timeout_ms: TIMEOUT_MS, current }
}

fn init(transactions: &mut Transactions) -> Producer {
    let outcome = transactions.init(0, &init_request(Producer::NONE));
    assert_eq!(outcome.prepared, None);
    outcome.reply.unwrap()
}

fn reference(producer: Producer) -> TransactionRef {
    TransactionRef { transactional_id: "t".to_owned(), producer }
}

fn partition(number: i32) -> TopicPartition {
    TopicPartition::new("visits", number)
}

fn add(transactions: &mut Transactions, producer: Producer) -> ErrorCode {
    transactions.add_partitions(0, &reference(producer), &[partition(0)])
}

fn end_request(
    producer: Producer,
    result: TransactionResult,
    version: TransactionVersion,
) -> EndRequest {
    EndRequest { transaction: reference(producer), result, version }
}

/// EndTxn, carried out at once.
fn end(
    transactions: &mut Transactions,
    producer: Producer,
    result: TransactionResult,
    version: TransactionVersion,
) -> Result<Producer, ErrorCode> {
    let outcome = transactions.end(0, &end_request(producer, result, version));
    if let Some(prepared) = outcome.prepared {
        transactions.complete(0, &prepared);
    }
    outcome.reply
}

fn state(transactions: &Transactions) -> TransactionState {
    transactions.get("t").unwrap().state
}

fn next(producer: Producer) -> Producer {
    Producer { epoch: producer.epoch + 1, ..producer }
}

#[test]
fn an_idempotent_producer_gets_an_id_of_its_own() {
    let mut transactions = transactions();
    let request = InitRequest { transactional_id: None, ..init_request(Producer::NONE) };
    let ids: Vec<_> = (0..3).map(|_| transactions.init(0, &request).reply.unwrap()).collect();
    assert_eq!(ids, [0, 1, 2].map(|id| Producer { id, epoch: 0 }));
    let entries = transactions.take_entries();
    assert_eq!(entries, [TransactionEntry::ProducerIds { until: 1_000 }], "one write for many ids");
    let mut restarted = Transactions::new(TransactionSettings::default());
    entries.into_iter().for_each(|entry| restarted.replay(entry));
    assert_eq!(restarted.init(0, &request).reply.unwrap().id, 1_000, "no id twice");
}

#[test]
fn init_refuses_what_kafka_refuses() {
    let mut transactions = transactions();
    let base = || init_request(Producer::NONE);
    let empty = InitRequest { transactional_id: Some(String::new()), ..base() };
    let half = InitRequest { current: Producer { id: 3, epoch: -1 }, ..base() };
    let timeout = |timeout_ms| InitRequest { timeout_ms, ..base() };
    for (request, expected) in [
        (empty, ErrorCode::INVALID_REQUEST),
        (half, ErrorCode::INVALID_REQUEST),
        (timeout(0), ErrorCode::INVALID_TRANSACTION_TIMEOUT),
        (timeout(900_001), ErrorCode::INVALID_TRANSACTION_TIMEOUT),
    ] {
        assert_eq!(transactions.init(0, &request).reply, Err(expected), "{request:?}");
    }
    assert!(transactions.init(0, &timeout(900_000)).reply.is_ok());
}

#[test]
fn each_init_bumps_the_epoch_and_fences_the_producer_before() {
    let mut transactions = transactions();
    let older = init(&mut transactions);
    let newer = init(&mut transactions);
    assert_eq!(newer, next(older));
    assert_eq!(add(&mut transactions, older), ErrorCode::PRODUCER_FENCED);
    assert_eq!(end(&mut transactions, older, COMMIT, ONE), Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(end(&mut transactions, older, ABORT, TWO), Err(ErrorCode::PRODUCER_FENCED));
    let goes_on = init_request(older);
    assert_eq!(transactions.init(0, &goes_on).reply, Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(add(&mut transactions, newer), ErrorCode::NONE);
}

#[test]
fn init_over_an_open_transaction_aborts_it_first() {
    let mut transactions = transactions();
    let older = init(&mut transactions);
    add(&mut transactions, older);
    let request = init_request(Producer::NONE);
    let outcome = transactions.init(0, &request);
    assert_eq!(outcome.reply, Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    let prepared = outcome.prepared.unwrap();
    assert_eq!(
        (prepared.result, prepared.producer),
        (ABORT, next(older)),
        "fenced where it writes"
    );
    assert_eq!(prepared.partitions, [partition(0)]);
    let again = transactions.init(0, &request);
    assert_eq!(again.reply, Err(ErrorCode::CONCURRENT_TRANSACTIONS));
    assert_eq!(again.prepared, None, "it is being aborted already");
    assert_eq!(add(&mut transactions, older), ErrorCode::PRODUCER_FENCED);
    transactions.complete(0, &prepared);
    let newer = transactions.init(0, &request).reply.unwrap();
    assert_eq!(newer, next(next(older)));
    assert_eq!(end(&mut transactions, older, ABORT, TWO), Err(ErrorCode::PRODUCER_FENCED));
}

#[test]
fn a_fenced_producer_cannot_abort_its_successors_transaction_by_init() {
    let mut transactions = transactions();
    let older = init(&mut transactions);
    let newer = init(&mut transactions);
    add(&mut transactions, newer);
    let outcome = transactions.init(0, &init_request(older));
    assert_eq!(outcome, Outcome { reply: Err(ErrorCode::PRODUCER_FENCED), prepared: None });
    assert_eq!(state(&transactions), TransactionState::Ongoing);
}

#[test]
fn a_producer_that_goes_on_after_an_error_gets_the_next_epoch_once() {
    let mut transactions = transactions();
    let producer = init(&mut transactions);
    let request = init_request(producer);
    assert_eq!(transactions.init(0, &request).reply, Ok(next(producer)));
    assert_eq!(transactions.init(0, &request).reply, Ok(next(producer)), "asked again: KIP-360");
    let stranger = init_request(Producer { id: 77, epoch: 0 });
    assert_eq!(transactions.init(0, &stranger).reply, Err(ErrorCode::PRODUCER_FENCED));
}

#[test]
fn a_forgotten_id_takes_up_a_producer_that_knows_it() {
    let mut transactions = transactions();
    let request = init_request(Producer { id: 77, epoch: 5 });
    let producer = transactions.init(0, &request).reply.unwrap();
    assert_eq!(producer, Producer { id: 0, epoch: 0 });
}

#[test]
fn an_exhausted_epoch_gives_a_new_producer_id() {
    let mut transactions = transactions();
    let mut producer = init(&mut transactions);
    while producer.epoch < LAST_EPOCH {
        producer = init(&mut transactions);
    }
    let request = init_request(producer);
    let rotated = transactions.init(0, &request).reply.unwrap();
    assert_eq!((rotated.epoch, rotated.id != producer.id), (0, true));
    assert_eq!(transactions.init(0, &request).reply, Ok(rotated), "asked again");
    assert_eq!(add(&mut transactions, producer), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
}

#[test]
fn the_last_epoch_can_still_be_fenced() {
    let mut transactions = transactions();
    let mut producer = init(&mut transactions);
    while producer.epoch < LAST_EPOCH {
        producer = init(&mut transactions);
    }
    add(&mut transactions, producer);
    let prepared = transactions.init(0, &init_request(Producer::NONE)).prepared.unwrap();
    assert_eq!(prepared.producer.epoch, i16::MAX);
    transactions.complete(0, &prepared);
    assert_eq!(end(&mut transactions, producer, ABORT, TWO), Err(ErrorCode::PRODUCER_FENCED));
    let newer = init(&mut transactions);
    assert_eq!((newer.epoch, newer.id != producer.id), (0, true));
}

#[test]
fn add_and_verify_refuse_what_kafka_refuses() {
    let mut transactions = transactions();
    let nameless = TransactionRef { transactional_id: String::new(), producer: Producer::NONE };
    let unknown = reference(Producer { id: 0, epoch: 0 });
    let partitions = [partition(0)];
    for (reference, expected) in [
        (&nameless, ErrorCode::INVALID_REQUEST),
        (&unknown, ErrorCode::INVALID_PRODUCER_ID_MAPPING),
    ] {
        assert_eq!(transactions.add_partitions(0, reference, &partitions), expected);
        assert_eq!(transactions.add_group(0, reference, "g"), expected);
        assert_eq!(transactions.verify_partition(reference, &partition(0)), expected);
    }
    let producer = init(&mut transactions);
    let mine = reference(producer);
    assert_eq!(transactions.add_group(0, &mine, ""), ErrorCode::INVALID_GROUP_ID);
    let other = reference(Producer { id: 9, ..producer });
    for (reference, expected) in [
        (&other, ErrorCode::INVALID_PRODUCER_ID_MAPPING),
        (&reference(next(producer)), ErrorCode::PRODUCER_FENCED),
        (&mine, ErrorCode::TRANSACTION_ABORTABLE),
    ] {
        assert_eq!(transactions.verify_partition(reference, &partition(0)), expected);
        assert_eq!(transactions.verify_group(reference, "g"), expected);
    }
    assert_eq!(transactions.ensure_partition(0, &mine, &partition(0)), ErrorCode::NONE);
    assert_eq!(transactions.add_group(0, &mine, "g"), ErrorCode::NONE);
    assert_eq!(transactions.verify_partition(&mine, &partition(0)), ErrorCode::NONE);
    assert_eq!(
        transactions.verify_partition(&mine, &partition(1)),
        ErrorCode::TRANSACTION_ABORTABLE
    );
    assert_eq!(transactions.verify_group(&mine, "g"), ErrorCode::NONE);
    let outcome = transactions.end(0, &end_request(producer, COMMIT, ONE));
    let prepared = outcome.prepared.unwrap();
    assert_eq!(
        (&prepared.partitions[..], &prepared.groups[..]),
        (&partitions[..], &["g".to_owned()][..])
    );
    assert_eq!(add(&mut transactions, producer), ErrorCode::CONCURRENT_TRANSACTIONS);
    let error = transactions.verify_partition(&mine, &partition(0));
    assert_eq!(error, ErrorCode::CONCURRENT_TRANSACTIONS);
    transactions.complete(0, &prepared);
    let error = transactions.verify_partition(&mine, &partition(0));
    assert_eq!(error, ErrorCode::TRANSACTION_ABORTABLE, "a late batch belongs to no transaction");
}

#[test]
fn what_is_in_the_transaction_already_is_not_written_again() {
    let mut transactions = transactions();
    let producer = init(&mut transactions);
    add(&mut transactions, producer);
    let _ = transactions.take_entries();
    assert_eq!(add(&mut transactions, producer), ErrorCode::NONE);
    assert_eq!(transactions.take_entries(), []);
}

#[test]
fn end_before_kip_890_keeps_the_epoch_and_answers_repetitions() {
    let invalid = Err(ErrorCode::INVALID_TXN_STATE);
    for (result, other) in [(COMMIT, ABORT), (ABORT, COMMIT)] {
        let mut transactions = transactions();
        let producer = init(&mut transactions);
        assert_eq!(end(&mut transactions, producer, result, ONE), invalid, "nothing is open");
        add(&mut transactions, producer);
        let stranger = Producer { id: 9, ..producer };
        let mapping = Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
        assert_eq!(end(&mut transactions, stranger, result, ONE), mapping);
        let fenced = Err(ErrorCode::PRODUCER_FENCED);
        assert_eq!(end(&mut transactions, next(producer), result, ONE), fenced);

        let outcome = transactions.end(0, &end_request(producer, result, ONE));
        assert_eq!(outcome.reply, Ok(producer));
        let prepared = outcome.prepared.unwrap();
        assert_eq!((prepared.producer, prepared.result), (producer, result));
        let concurrent = Err(ErrorCode::CONCURRENT_TRANSACTIONS);
        assert_eq!(end(&mut transactions, producer, result, ONE), concurrent);
        assert_eq!(end(&mut transactions, producer, other, ONE), invalid);
        transactions.complete(0, &prepared);
        assert_eq!(end(&mut transactions, producer, result, ONE), Ok(producer), "said again");
        assert_eq!(end(&mut transactions, producer, other, ONE), invalid);
        assert_eq!(add(&mut transactions, producer), ErrorCode::NONE, "and the next one");
    }
    let mut transactions = transactions();
    let nobody = Producer { id: 0, epoch: 0 };
    let mapping = Err(ErrorCode::INVALID_PRODUCER_ID_MAPPING);
    assert_eq!(end(&mut transactions, nobody, COMMIT, ONE), mapping);
    assert_eq!(end(&mut transactions, nobody, COMMIT, TWO), mapping);
}

/// The table at `Transaction::end_v2`.
#[test]
fn end_of_kip_890_follows_the_table() {
    let invalid = || Err(ErrorCode::INVALID_TXN_STATE);
    let fenced = || Err(ErrorCode::PRODUCER_FENCED);
    for (before, result, expected_before, expected_now) in [
        (None, ABORT, fenced(), "bump"),
        (None, COMMIT, fenced(), "invalid"),
        (Some(ABORT), ABORT, Ok(()), "bump"),
        (Some(ABORT), COMMIT, invalid(), "invalid"),
        (Some(COMMIT), ABORT, invalid(), "bump"),
        (Some(COMMIT), COMMIT, Ok(()), "invalid"),
    ] {
        let story = || {
            let mut transactions = transactions();
            let older = init(&mut transactions);
            match before {
                None => (init(&mut transactions), older, transactions),
                Some(before) => {
                    add(&mut transactions, older);
                    let now = end(&mut transactions, older, before, TWO).unwrap();
                    assert_eq!(now, next(older));
                    (now, older, transactions)
                }
            }
        };
        let (now, older, mut transactions) = story();
        let expected = expected_before.map(|()| now);
        assert_eq!(end(&mut transactions, older, result, TWO), expected, "{before:?} {result:?}");
        let (now, _, mut transactions) = story();
        let expected = match expected_now {
            "bump" => Ok(next(now)),
            _ => Err(ErrorCode::INVALID_TXN_STATE),
        };
        assert_eq!(end(&mut transactions, now, result, TWO), expected, "{before:?} {result:?}");
    }
}

#[test]
fn while_an_end_of_kip_890_is_carried_out_its_repetition_waits() {
    let mut transactions = transactions();
    let producer = init(&mut transactions);
    add(&mut transactions, producer);
    let outcome = transactions.end(0, &end_request(producer, COMMIT, TWO));
    assert_eq!(outcome.reply, Ok(next(producer)));
    assert_eq!(outcome.prepared.as_ref().unwrap().producer, next(producer), "markers fence");
    let concurrent = Err(ErrorCode::CONCURRENT_TRANSACTIONS);
    assert_eq!(end(&mut transactions, producer, COMMIT, TWO), concurrent);
    assert_eq!(end(&mut transactions, producer, ABORT, TWO), Err(ErrorCode::INVALID_TXN_STATE));
    let fenced = Err(ErrorCode::PRODUCER_FENCED);
    assert_eq!(end(&mut transactions, next(producer), COMMIT, TWO), fenced);
    assert_eq!(add(&mut transactions, next(producer)), ErrorCode::CONCURRENT_TRANSACTIONS);
    transactions.complete(0, &outcome.prepared.unwrap());
    assert_eq!(add(&mut transactions, next(producer)), ErrorCode::NONE);
}

/// What KIP-890 is for: a commit that was delayed on its way meets the next transaction of the same producer.
#[test]
fn a_delayed_end_does_not_end_the_next_transaction() {
    let mut transactions = transactions();
    let first = init(&mut transactions);
    add(&mut transactions, first);
    let second = end(&mut transactions, first, COMMIT, TWO).unwrap();
    add(&mut transactions, second);
    let late = end(&mut transactions, first, COMMIT, TWO);
    assert_eq!(late, Err(ErrorCode::PRODUCER_FENCED));
    assert_eq!(state(&transactions), TransactionState::Ongoing);
}

#[test]
fn the_last_epoch_ends_with_a_new_producer_id() {
    let mut transactions = transactions();
    let mut producer = init(&mut transactions);
    while producer.epoch < LAST_EPOCH {
        producer = init(&mut transactions);
    }
    add(&mut transactions, producer);
    let outcome = transactions.end(0, &end_request(producer, COMMIT, TWO));
    let prepared = outcome.prepared.unwrap();
    assert_eq!(prepared.producer, Producer { id: producer.id, epoch: i16::MAX });
    transactions.complete(0, &prepared);
    let rotated = outcome.reply.unwrap();
    assert_eq!((rotated.epoch, rotated.id != producer.id), (0, true));
    assert_eq!(end(&mut transactions, producer, COMMIT, TWO), Ok(rotated), "said again");
    assert_eq!(add(&mut transactions, rotated), ErrorCode::NONE);
}

#[test]
fn a_transaction_that_takes_too_long_is_aborted_and_its_producer_fenced() {
    for version in [ONE, TWO] {
        let mut transactions = transactions();
        let producer = init(&mut transactions);
        transactions.add_partitions(1_000, &reference(producer), &[partition(0)]);
        transactions.add_partitions(50_000, &reference(producer), &[partition(1)]);
        assert_eq!(transactions.next_deadline_ms(), Some(61_000), "it counts from the beginning");
        assert_eq!(transactions.tick(60_999), []);
        let plans = transactions.tick(61_000);
        assert_eq!(plans.len(), 1);
        assert_eq!((plans[0].result, plans[0].producer), (ABORT, next(producer)));
        assert_eq!(plans[0].partitions, [partition(0), partition(1)]);
        let fenced = ErrorCode::PRODUCER_FENCED;
        assert_eq!(end(&mut transactions, producer, COMMIT, version), Err(fenced));
        transactions.complete(61_000, &plans[0]);
        assert_eq!(end(&mut transactions, producer, COMMIT, version), Err(fenced));
        assert_eq!(end(&mut transactions, producer, ABORT, version), Err(fenced));
        assert_eq!(add(&mut transactions, producer), fenced);
        assert_eq!(transactions.tick(61_001), []);
    }
}

#[test]
fn an_id_that_is_not_used_is_forgotten() {
    const WEEK_MS: i64 = 7 * 24 * 3_600_000;
    let mut transactions = transactions();
    let producer = init(&mut transactions);
    assert_eq!(transactions.next_deadline_ms(), Some(WEEK_MS));
    let _ = transactions.take_entries();
    assert_eq!(transactions.tick(WEEK_MS), []);
    let forgotten = TransactionEntry::Forgotten { transactional_id: "t".to_owned() };
    assert_eq!(transactions.take_entries(), [forgotten]);
    assert_eq!(add(&mut transactions, producer), ErrorCode::INVALID_PRODUCER_ID_MAPPING);
}

#[test]
fn a_decided_end_is_carried_out_after_a_restart_and_an_open_transaction_goes_on() {
    let mut transactions = transactions();
    let producer = init(&mut transactions);
    add(&mut transactions, producer);
    transactions.add_partitions(5, &reference(producer), &[partition(1)]);
    let mut journal = transactions.take_entries();
    let restart = |journal: &[TransactionEntry]| {
        let mut restarted = Transactions::new(TransactionSettings::default());
        for entry in journal {
            restarted.replay(TransactionEntry::decode(entry.encode()).unwrap());
        }
        restarted
    };
    let mut open = restart(&journal);
    assert_eq!(open.start(), []);
    assert_eq!(
        open.get("t"),
        transactions.get("t").map(|t| Transaction { updated_at_ms: 0, ..t.clone() }).as_ref()
    );
    assert_eq!(open.verify_partition(&reference(producer), &partition(1)), ErrorCode::NONE);
    assert_eq!(
        open.tick(i64::from(TIMEOUT_MS)).len(),
        1,
        "it times out as if nothing had happened"
    );

    let prepared = transactions.end(0, &end_request(producer, COMMIT, TWO)).prepared.unwrap();
    journal.extend(transactions.take_entries());
    let mut decided = restart(&journal);
    assert_eq!(decided.start(), std::slice::from_ref(&prepared));
    decided.complete(0, &prepared);
    assert_eq!(state(&decided), TransactionState::CompleteCommit);
    decided.complete(0, &prepared);
    assert_eq!(decided.take_entries().len(), 1, "complete is once only");
    let compacted = restart(&decided.snapshot());
    assert_eq!(compacted.get("t"), decided.get("t"));
    assert_eq!(decided.start(), []);
}

#[test]
fn an_end_that_cannot_be_carried_out_is_tried_again() {
    let mut transactions = transactions();
    let producer = init(&mut transactions);
    add(&mut transactions, producer);
    let prepared = transactions.end(0, &end_request(producer, COMMIT, ONE)).prepared.unwrap();
    let entries = transactions.take_entries();
    transactions.give_back(entries.clone());
    transactions.postpone(0, prepared.clone());
    assert_eq!(transactions.tick(499), []);
    assert_eq!(transactions.next_deadline_ms(), Some(500));
    assert_eq!(transactions.tick(500), std::slice::from_ref(&prepared));
    assert_eq!(transactions.take_entries(), entries);
    transactions.complete(500, &prepared);
    assert_eq!(transactions.tick(10_000), []);
}
