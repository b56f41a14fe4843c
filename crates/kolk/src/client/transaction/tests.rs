//! Transactions against a coordinator that follows a script: what is sent, repeated, never sent.

use super::*;
use crate::client::Offset;
use crate::client::TopicPartition;
use crate::client::scripted::{Scripted, Sent, Table};
use crate::time::Timestamp;
use kolk_wire::ApiKey;
use kolk_wire::message::add_offsets_to_txn::{AddOffsetsToTxnRequest, AddOffsetsToTxnResponse};
use kolk_wire::message::add_partitions_to_txn::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResponse, AddPartitionsToTxnTopicResult,
};
use kolk_wire::message::end_txn::EndTxnResponse;
use kolk_wire::message::find_coordinator::{
    Coordinator as Found, FindCoordinatorRequest, FindCoordinatorResponse,
};
use kolk_wire::message::init_producer_id::InitProducerIdResponse;
use kolk_wire::message::produce::{
    PartitionProduceResponse, ProduceRequest, ProduceResponse, TopicProduceResponse,
};
use kolk_wire::message::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition,
    TxnOffsetCommitResponseTopic,
};

struct World {
    network: Scripted,
    table: Table,
    producer: Producer,
    transaction: Transaction,
    to: Handle,
}

impl World {
    fn new(protocol: Protocol) -> Self {
        let config = ClientConfig::for_bootstrap("test:1").unwrap();
        let config = config.with("transactional.id", "tx").unwrap();
        let mut producer = Producer::new(&config);
        let to = producer.register(&TopicPartition::new("t", 0));
        let transaction = Transaction::new(&config, "tx");
        let (mut network, mut table) = (Scripted::default(), Table::default());
        table.leaders.insert(("t".into(), 0), 1);
        let level = if protocol == Protocol::V2 { 2 } else { 1 };
        network.features.insert("transaction.version".into(), level);
        Self { network, table, producer, transaction, to }
    }

    /// A world whose transaction is ready, with producer id 7 and epoch 0.
    fn ready(protocol: Protocol) -> Self {
        let mut world = Self::new(protocol);
        assert_eq!(world.step(), []);
        world.coordinator();
        world.step();
        world.init((-1, -1), ErrorCode::NONE, 0);
        assert_eq!(world.step(), [Event::Ready]);
        assert_eq!(world.transaction.protocol(), protocol);
        world
    }

    fn try_step(&mut self) -> Result<Vec<Event>, ClientError> {
        let mut events = self.transaction.step(&mut self.network, &mut self.producer)?;
        self.producer.step(&mut self.network, &mut self.table)?;
        events.extend(self.transaction.step(&mut self.network, &mut self.producer)?);
        Ok(events)
    }

    fn step(&mut self) -> Vec<Event> {
        self.try_step().unwrap()
    }

    fn pass(&mut self) -> Vec<Event> {
        self.network.advance(Duration::from_secs(2));
        self.step()
    }

    fn coordinator(&mut self) {
        let (sent, request) = self.network.expect::<FindCoordinatorRequest>();
        let key = request.coordinator_keys[0].clone();
        let found = Found { key, node_id: 1, host: "test".into(), port: 1, ..Default::default() };
        let response = FindCoordinatorResponse { coordinators: vec![found], ..Default::default() };
        self.network.answer::<FindCoordinatorRequest>(&sent, &response);
    }

    fn init(&mut self, expected: (i64, i16), error_code: ErrorCode, epoch: i16) {
        self.init_within(expected, 60_000, error_code, epoch);
    }

    fn init_within(
        &mut self,
        expected: (i64, i16),
        timeout_ms: i32,
        error_code: ErrorCode,
        epoch: i16,
    ) {
        let (sent, request) = self.network.expect::<InitProducerIdRequest>();
        assert_eq!(request.transaction_timeout_ms, timeout_ms);
        assert_eq!((request.producer_id, request.producer_epoch), expected);
        let response = InitProducerIdResponse {
            error_code,
            producer_id: 7,
            producer_epoch: epoch,
            throttle_time_ms: 0,
        };
        self.network.answer::<InitProducerIdRequest>(&sent, &response);
    }

    fn append(&mut self, value: &str) {
        self.producer.append(self.to, Timestamp(0), None, Some(value.as_bytes()), &[]).unwrap();
    }

    fn produced(&mut self, error_code: ErrorCode) -> Sent {
        let (sent, request) = self.network.expect::<ProduceRequest>();
        assert_eq!(request.transactional_id.as_deref(), Some("tx"));
        let partition =
            PartitionProduceResponse { error_code, base_offset: 0, ..Default::default() };
        let partition_responses = vec![partition];
        let topic =
            TopicProduceResponse { name: "t".into(), partition_responses, ..Default::default() };
        let response = ProduceResponse { responses: vec![topic], ..Default::default() };
        self.network.answer::<ProduceRequest>(&sent, &response);
        sent
    }

    fn partitions_added(&mut self, partition_error_code: ErrorCode) {
        let (sent, request) = self.network.expect::<AddPartitionsToTxnRequest>();
        assert_eq!(request.v3_and_below_topics[0].partitions, [0]);
        let result = AddPartitionsToTxnPartitionResult { partition_index: 0, partition_error_code };
        let topic =
            AddPartitionsToTxnTopicResult { name: "t".into(), results_by_partition: vec![result] };
        let response = AddPartitionsToTxnResponse {
            results_by_topic_v3_and_below: vec![topic],
            ..Default::default()
        };
        self.network.answer::<AddPartitionsToTxnRequest>(&sent, &response);
    }

    fn add_offsets(&mut self) {
        let group =
            GroupIdentity { generation: 3, member_id: "m".into(), ..GroupIdentity::outside("g") };
        let partition = TopicPartition::new("in", 0);
        let offset = CommittedOffset {
            partition,
            offset: Offset(5),
            leader_epoch: -1,
            metadata: "tx".into(),
        };
        self.transaction.add_offsets(group, vec![offset]).unwrap();
    }

    fn offsets_committed(&mut self, error_code: ErrorCode) -> i16 {
        let (sent, request) = self.network.expect::<TxnOffsetCommitRequest>();
        assert_eq!((request.generation_id, &*request.member_id), (3, "m"));
        let partition = request.topics[0].partitions.first().unwrap();
        assert_eq!(
            (partition.committed_offset, partition.committed_metadata.as_deref()),
            (5, Some("tx"))
        );
        let partitions = vec![TxnOffsetCommitResponsePartition { partition_index: 0, error_code }];
        let topics = vec![TxnOffsetCommitResponseTopic { name: "in".into(), partitions }];
        let response = TxnOffsetCommitResponse { topics, throttle_time_ms: 0 };
        self.network.answer::<TxnOffsetCommitRequest>(&sent, &response);
        sent.version
    }

    fn end(&mut self, committed: bool, epoch: i16) -> Sent {
        let (sent, request) = self.network.expect::<EndTxnRequest>();
        assert_eq!(
            (request.committed, request.producer_id, request.producer_epoch),
            (committed, 7, epoch)
        );
        sent
    }

    fn end_answered(
        &mut self,
        committed: bool,
        epoch: i16,
        error_code: ErrorCode,
        next: i16,
    ) -> i16 {
        let sent = self.end(committed, epoch);
        let response = EndTxnResponse {
            error_code,
            producer_id: 7,
            producer_epoch: next,
            throttle_time_ms: 0,
        };
        self.network.answer::<EndTxnRequest>(&sent, &response);
        sent.version
    }

    fn cut(&mut self) {
        let sent = self.network.requests.pop_front().unwrap();
        let error = sent.cut(true);
        self.network.fail(&sent, error);
    }

    /// Opens a transaction and brings one record into it, up to its acknowledgement.
    fn open_with_a_record(&mut self) {
        self.transaction.begin(&mut self.producer).unwrap();
        self.append("a");
        self.producer.flush();
        self.step();
        if self.transaction.protocol() == Protocol::V1 {
            self.partitions_added(ErrorCode::NONE);
            self.step();
        }
        self.produced(ErrorCode::NONE);
        self.step();
        assert!(self.producer.is_idle());
    }

    fn nothing_is_sent(&self) {
        let sent: Vec<ApiKey> = self.network.requests.iter().map(|sent| sent.api).collect();
        assert_eq!(sent, []);
    }
}

#[test]
fn v2_takes_partitions_and_offsets_in_by_themselves_and_each_end_raises_the_epoch() {
    let mut world = World::ready(Protocol::V2);
    for epoch in 0..3 {
        world.transaction.begin(&mut world.producer).unwrap();
        world.append("a");
        world.transaction.commit(&mut world.producer).unwrap();
        world.add_offsets();
        world.step();
        let sent = world.network.requests.iter().position(|s| s.api == ApiKey::Produce).unwrap();
        world.network.requests.rotate_left(sent);
        assert_eq!(world.produced(ErrorCode::NONE).version, 12);
        world.coordinator();
        world.step();
        assert_eq!(world.offsets_committed(ErrorCode::NONE), 5);
        let one_step = world.transaction.step(&mut world.network, &mut world.producer).unwrap();
        assert_eq!(one_step, [Event::OffsetsAdded], "and the commit goes out in the same step");
        assert_eq!(world.end_answered(true, epoch, ErrorCode::NONE, epoch + 1), 5);
        assert_eq!(world.step(), [Event::Ended(Outcome::Committed), Event::Ready]);
    }
    world.nothing_is_sent();
}

#[test]
fn v1_announces_everything_first_and_keeps_its_epoch() {
    let mut world = World::ready(Protocol::V1);
    for _ in 0..2 {
        world.open_with_a_record();
        world.add_offsets();
        world.step();
        let (sent, request) = world.network.expect::<AddOffsetsToTxnRequest>();
        assert_eq!(request.group_id, "g");
        world.network.answer::<AddOffsetsToTxnRequest>(&sent, &AddOffsetsToTxnResponse::default());
        world.step();
        world.coordinator();
        world.step();
        assert_eq!(world.offsets_committed(ErrorCode::NONE), 4);
        assert_eq!(world.step(), [Event::OffsetsAdded]);
        world.transaction.commit(&mut world.producer).unwrap();
        world.step();
        assert_eq!(world.end_answered(true, 0, ErrorCode::NONE, -1), 4);
        assert_eq!(world.step(), [Event::Ended(Outcome::Committed), Event::Ready]);
    }
}

#[test]
fn v1_produces_below_version_12_and_not_before_the_partition_is_announced() {
    let mut world = World::ready(Protocol::V1);
    world.transaction.begin(&mut world.producer).unwrap();
    world.append("a");
    world.producer.flush();
    world.step();
    assert_eq!(world.network.requests.len(), 1, "only the announcement");
    world.partitions_added(ErrorCode::CONCURRENT_TRANSACTIONS); // the former one is being completed
    world.step();
    world.nothing_is_sent();
    world.pass();
    world.partitions_added(ErrorCode::NONE);
    world.step();
    assert_eq!(world.produced(ErrorCode::NONE).version, 11);
}

#[test]
fn an_empty_transaction_is_never_ended_by_a_request() {
    for protocol in [Protocol::V1, Protocol::V2] {
        let mut world = World::ready(protocol);
        world.transaction.begin(&mut world.producer).unwrap();
        world.transaction.commit(&mut world.producer).unwrap();
        assert_eq!(world.step(), [Event::Ended(Outcome::Committed), Event::Ready]);
        world.transaction.begin(&mut world.producer).unwrap();
        world.transaction.abort(&mut world.network, &mut world.producer).unwrap();
        assert_eq!(world.step(), [Event::Ended(Outcome::Aborted), Event::Ready]);
        world.nothing_is_sent();
    }
}

#[test]
fn v2_repeats_an_unanswered_commit_with_the_same_epoch() {
    let mut world = World::ready(Protocol::V2);
    world.open_with_a_record();
    world.transaction.commit(&mut world.producer).unwrap();
    world.step();
    world.cut();
    assert_eq!(world.step(), []);
    world.pass();
    world.coordinator();
    world.step();
    world.end_answered(true, 0, ErrorCode::NONE, 1);
    assert_eq!(world.step(), [Event::Ended(Outcome::Committed), Event::Ready]);
    world.nothing_is_sent();
}

#[test]
fn v1_raises_the_epoch_after_a_repeated_commit_before_the_next_transaction() {
    let mut world = World::ready(Protocol::V1);
    world.open_with_a_record();
    world.transaction.commit(&mut world.producer).unwrap();
    world.step();
    world.cut();
    world.step();
    world.pass();
    world.coordinator();
    world.step();
    world.end_answered(true, 0, ErrorCode::NONE, -1);
    assert_eq!(world.step(), [Event::Ended(Outcome::Committed)]);
    assert!(
        world.transaction.begin(&mut world.producer).is_err(),
        "not before the epoch has risen"
    );
    world.init((7, 0), ErrorCode::NONE, 1);
    assert_eq!(world.step(), [Event::Ready]);
    world.open_with_a_record();
    world.transaction.commit(&mut world.producer).unwrap();
    world.step();
    world.end_answered(true, 1, ErrorCode::NONE, -1);
    assert_eq!(world.step(), [Event::Ended(Outcome::Committed), Event::Ready]);
}

#[test]
fn v1_aborts_only_when_no_batch_can_come_late_and_then_raises_the_epoch() {
    let mut world = World::ready(Protocol::V1);
    world.open_with_a_record();
    world.append("on its way");
    world.producer.flush();
    world.step();
    world.transaction.abort(&mut world.network, &mut world.producer).unwrap();
    assert!(world.producer.is_idle());
    world.step();
    assert_eq!(world.network.requests.len(), 1, "only the batch that is on its way");
    world.produced(ErrorCode::INVALID_TXN_STATE); // whatever the answer, it is of no interest any more
    world.step();
    world.end_answered(false, 0, ErrorCode::NONE, -1);
    assert_eq!(world.step(), [Event::Ended(Outcome::Aborted)]);
    world.init((7, 0), ErrorCode::NONE, 1);
    assert_eq!(world.step(), [Event::Ready]);
}

#[test]
fn v2_aborts_what_was_sent_though_nobody_knows_whether_it_arrived() {
    let mut world = World::ready(Protocol::V2);
    world.transaction.begin(&mut world.producer).unwrap();
    world.append("a");
    world.producer.flush();
    world.step();
    world.cut();
    world.transaction.abort(&mut world.network, &mut world.producer).unwrap();
    world.step();
    world.end_answered(false, 0, ErrorCode::NONE, 1);
    assert_eq!(world.step(), [Event::Ended(Outcome::Aborted), Event::Ready]);
}

#[test]
fn a_commit_waits_for_every_acknowledgement_and_for_the_offsets() {
    let mut world = World::ready(Protocol::V2);
    world.transaction.begin(&mut world.producer).unwrap();
    world.append("a");
    world.transaction.commit(&mut world.producer).unwrap();
    world.step();
    assert_eq!(world.network.requests.len(), 1, "only the batch");
    world.cut();
    world.step();
    world.nothing_is_sent();
    world.pass();
    world.produced(ErrorCode::NONE);
    world.step();
    world.end(true, 0);
}

#[test]
fn a_commit_that_cannot_be_resolved_is_said_to_be_so() {
    for protocol in [Protocol::V1, Protocol::V2] {
        for code in [
            ErrorCode::INVALID_TXN_STATE,
            ErrorCode::INVALID_PRODUCER_EPOCH,
            ErrorCode::PRODUCER_FENCED,
        ] {
            let mut world = World::ready(protocol);
            world.open_with_a_record();
            world.transaction.commit(&mut world.producer).unwrap();
            world.step();
            world.cut();
            world.pass();
            world.pass();
            world.coordinator();
            world.step();
            world.end_answered(true, 0, code, -1);
            world.step();
            world.init((7, 0), ErrorCode::CONCURRENT_TRANSACTIONS, 0);
            world.step();
            world.pass();
            world.init((7, 0), ErrorCode::NONE, 5);
            assert_eq!(
                world.step(),
                [Event::Ended(Outcome::Unresolved), Event::Ready],
                "{protocol:?} {code}"
            );
        }
    }
}

#[test]
fn whoever_was_overtaken_is_fenced_for_good() {
    for during_commit in [false, true] {
        let mut world = World::ready(Protocol::V2);
        world.open_with_a_record();
        if during_commit {
            world.transaction.commit(&mut world.producer).unwrap();
        } else {
            world.transaction.abort(&mut world.network, &mut world.producer).unwrap();
        }
        world.step();
        world.end_answered(during_commit, 0, ErrorCode::PRODUCER_FENCED, -1);
        world.step();
        world.init((7, 0), ErrorCode::PRODUCER_FENCED, -1);
        assert_eq!(world.step(), [Event::Ended(Outcome::Fenced)]);
        assert_eq!(world.transaction.phase(), Phase::Fenced);
        assert!(world.transaction.begin(&mut world.producer).is_err());
        world.nothing_is_sent();
    }
}

#[test]
fn whoever_was_only_too_slow_takes_its_id_back_and_has_twice_the_time() {
    let mut world = World::new(Protocol::V2);
    let config = ClientConfig::for_bootstrap("test:1").unwrap();
    let config = config.with("transaction.timeout.ms", "10000").unwrap();
    let most = Duration::from_secs(15);
    world.transaction = Transaction::new(&config, "tx").raising_timeout_to(most);
    world.step();
    world.coordinator();
    world.step();
    world.init_within((-1, -1), 10_000, ErrorCode::NONE, 0);
    assert_eq!(world.step(), [Event::Ready]);
    world.open_with_a_record();
    world.network.advance(Duration::from_secs(10));
    world.transaction.commit(&mut world.producer).unwrap();
    world.step();
    world.end_answered(true, 0, ErrorCode::PRODUCER_FENCED, -1);
    world.step();
    world.init_within((7, 0), 15_000, ErrorCode::PRODUCER_FENCED, -1);
    assert_eq!(world.step(), [Event::Ended(Outcome::TimedOut)]);
    assert_eq!(world.transaction.phase(), Phase::TimedOut);
    assert!(world.transaction.begin(&mut world.producer).is_err());
    world.nothing_is_sent();
    assert_eq!(world.transaction.deadline(), None, "somebody must ask the group first");

    world.transaction.take_back().unwrap();
    world.step();
    world.init_within((-1, -1), 15_000, ErrorCode::INVALID_TRANSACTION_TIMEOUT, -1);
    world.step();
    world.init_within((-1, -1), 10_000, ErrorCode::NONE, 2);
    assert_eq!(world.step(), [Event::Ready]);
    // The next transaction is young: whoever has fenced this one is not the coordinator.
    world.open_with_a_record();
    world.transaction.abort(&mut world.network, &mut world.producer).unwrap();
    world.step();
    world.end_answered(false, 2, ErrorCode::PRODUCER_FENCED, -1);
    world.step();
    world.init_within((7, 2), 10_000, ErrorCode::PRODUCER_FENCED, -1);
    assert_eq!(world.step(), [Event::Ended(Outcome::Fenced)]);
}

#[test]
fn an_abort_after_the_time_out_asks_for_more_time() {
    let mut world = World::ready(Protocol::V2);
    let most = Duration::from_secs(90);
    world.transaction.timeout = world.transaction.timeout.up_to(most);
    for (passed, next) in [(59, None), (60, Some(90_000))] {
        world.open_with_a_record();
        world.network.advance(Duration::from_secs(passed));
        world.transaction.abort(&mut world.network, &mut world.producer).unwrap();
        world.step();
        world.end_answered(false, 0, ErrorCode::NONE, 0);
        let events = world.step();
        assert_eq!(events[0], Event::Ended(Outcome::Aborted));
        match next {
            None => assert_eq!(events[1..], [Event::Ready]),
            Some(timeout) => {
                world.init_within((7, 0), timeout, ErrorCode::NONE, 1);
                assert_eq!(world.step(), [Event::Ready]);
            }
        }
    }
}

#[test]
fn a_batch_refused_with_an_old_epoch_leads_to_an_abort_that_finds_out_who_is_right() {
    let mut world = World::ready(Protocol::V2);
    world.transaction.begin(&mut world.producer).unwrap();
    world.append("a");
    world.producer.flush();
    world.step();
    world.produced(ErrorCode::INVALID_PRODUCER_EPOCH);
    assert_eq!(world.try_step().unwrap_err().action(), Action::Rewind);
    world.transaction.abort(&mut world.network, &mut world.producer).unwrap();
    world.step();
    world.end_answered(false, 0, ErrorCode::PRODUCER_FENCED, -1);
    world.step();
    world.init((7, 0), ErrorCode::NONE, 3); // the coordinator had aborted it because of its time-out
    assert_eq!(world.step(), [Event::Ended(Outcome::Aborted), Event::Ready]);
}

#[test]
fn offsets_of_a_past_generation_are_refused_and_can_be_added_again() {
    let mut world = World::ready(Protocol::V2);
    world.open_with_a_record();
    world.transaction.commit(&mut world.producer).unwrap();
    world.add_offsets();
    world.step();
    world.coordinator();
    world.step();
    world.offsets_committed(ErrorCode::ILLEGAL_GENERATION);
    assert_eq!(
        world.transaction.step(&mut world.network, &mut world.producer).unwrap(),
        [Event::OffsetsRefused(ErrorCode::ILLEGAL_GENERATION)]
    );
    world.step();
    world.nothing_is_sent();
    world.add_offsets();
    world.step();
    world.coordinator();
    world.step();
    world.offsets_committed(ErrorCode::NONE);
    world.step();
    world.end(true, 0);
}

#[test]
fn a_coordinator_that_loads_is_asked_again() {
    let mut world = World::new(Protocol::V2);
    world.step();
    world.coordinator();
    world.step();
    world.init((-1, -1), ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, -1);
    world.step();
    world.pass();
    world.init((-1, -1), ErrorCode::NOT_COORDINATOR, -1);
    world.step();
    world.pass();
    world.coordinator();
    world.step();
    world.init((-1, -1), ErrorCode::NONE, 4);
    assert_eq!(world.step(), [Event::Ready]);
}

#[test]
fn what_waits_for_an_answer_has_no_deadline_to_spin_on() {
    let mut world = World::new(Protocol::V1);
    assert_eq!(world.transaction.deadline(), Some(Moment::default()), "a first step is due");
    world.step();
    assert_eq!(world.transaction.deadline(), None, "the coordinator is being looked for");
    world.coordinator();
    world.step();
    assert_eq!(world.transaction.deadline(), None);
    world.init((-1, -1), ErrorCode::COORDINATOR_LOAD_IN_PROGRESS, -1);
    world.step();
    assert!(world.transaction.deadline().unwrap() > world.network.now);
    world.pass();
    world.init((-1, -1), ErrorCode::NONE, 0);
    world.step();
    world.open_with_a_record();
    world.append("on its way");
    world.producer.flush();
    world.step();
    world.transaction.abort(&mut world.network, &mut world.producer).unwrap();
    world.step();
    assert_eq!(world.transaction.deadline(), None, "the batch on its way must be answered first");
}

#[test]
fn an_orphan_is_ended_by_taking_its_id_over() {
    let config = ClientConfig::for_bootstrap("test:1").unwrap();
    let mut orphan = Orphan::new(&config, "tx");
    let mut world = World::new(Protocol::V2);
    assert!(!orphan.step(&mut world.network).unwrap());
    world.coordinator();
    assert!(!orphan.step(&mut world.network).unwrap());
    world.init((-1, -1), ErrorCode::NONE, 9);
    assert!(orphan.step(&mut world.network).unwrap());
}
