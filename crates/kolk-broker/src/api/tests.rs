//! Requests answered without a socket, on disks that fill up and after crashes at chosen moments.

use super::Api;
use crate::clock::ManualClock;
use crate::config::BrokerConfig;
use crate::log::files::tests::SmallDisk;
use crate::log::files::{Files, OsFiles};
use crate::server::{Answer, Peer, Service};
use crate::state::State;
use crate::transaction::{
    EndRequest, Outcome, Producer, TransactionRef, TransactionResult, TransactionState,
    TransactionVersion,
};
use bytes::{BufMut, Bytes, BytesMut};
use kolk_wire::ErrorCode;
use kolk_wire::frame::{decode_response, encode_request};
use kolk_wire::message::Request;
use kolk_wire::message::add_partitions_to_txn::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic,
};
use kolk_wire::message::create_topics::{CreatableTopic, CreateTopicsRequest};
use kolk_wire::message::end_txn::EndTxnRequest;
use kolk_wire::message::init_producer_id::InitProducerIdRequest;
use kolk_wire::message::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
use kolk_wire::message::offset_fetch::{OffsetFetchRequest, OffsetFetchRequestTopic};
use kolk_wire::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kolk_wire::record::{BatchBuilder, Compression, Transactional, stamp_producer};
use std::path::Path;
use std::sync::Arc;

const NOW: i64 = 1_793_000_000_000;

/// A broker without a server.
struct Bench {
    state: Arc<State>,
    api: Api,
    clock: Arc<ManualClock>,
}

impl Bench {
    fn open(folder: &Path) -> Self {
        Self::open_with(folder, &(Arc::new(OsFiles) as Arc<dyn Files>))
    }

    fn on(folder: &Path, disk: &Arc<SmallDisk>) -> Self {
        Self::open_with(folder, &(Arc::<SmallDisk>::clone(disk) as Arc<dyn Files>))
    }

    fn open_with(folder: &Path, files: &Arc<dyn Files>) -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let config = BrokerConfig::default();
        let ticking = Arc::<ManualClock>::clone(&clock);
        let state = Arc::new(State::open_with(folder, config, ticking, files).unwrap());
        Self { api: Api::new(Arc::clone(&state)), state, clock }
    }

    fn call<R: Request>(&self, request: &R, version: i16) -> R::Response {
        let peer = Peer { address: ([127, 0, 0, 1], 1).into(), connection: 1 };
        let frame = encode_request(request, version, 7, None).concat();
        match self.api.answer(&peer, Bytes::from(frame).slice(4..)) {
            Answer::Frame(chunks) => {
                let frame = Bytes::from(chunks.concat()).slice(4..);
                decode_response::<R>(frame, version).unwrap().1
            }
            other => panic!("{other:?}"),
        }
    }

    fn create_topic(&self, name: &str) -> ErrorCode {
        let topic = CreatableTopic {
            name: name.to_owned(),
            num_partitions: 1,
            replication_factor: 1,
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        self.call(&request, 7).topics[0].error_code
    }

    fn produce(&self, value: &str, producer: Option<(Producer, i32)>, version: i16) -> ErrorCode {
        let mut builder = BatchBuilder::new(Compression::None);
        builder.push(NOW, None, Some(value.as_bytes()), &[]).unwrap();
        let mut batch = builder.finish();
        if let Some((Producer { id, epoch }, sequence)) = producer {
            stamp_producer(&mut batch, id, epoch, sequence, Transactional::Yes);
        }
        let partition = PartitionProduceData { index: 0, records: Some(batch.freeze().into()) };
        let topic = TopicProduceData {
            name: "t".to_owned(),
            partition_data: vec![partition],
            ..TopicProduceData::default()
        };
        let request = ProduceRequest {
            transactional_id: producer.map(|_| "x".to_owned()),
            topic_data: vec![topic],
            ..ProduceRequest::default()
        };
        self.call(&request, version).responses[0].partition_responses[0].error_code
    }

    fn init(&self) -> Producer {
        let request = InitProducerIdRequest {
            transactional_id: Some("x".to_owned()),
            transaction_timeout_ms: 60_000,
            ..InitProducerIdRequest::default()
        };
        let response = self.call(&request, 5);
        assert_eq!(response.error_code, ErrorCode::NONE);
        Producer { id: response.producer_id, epoch: response.producer_epoch }
    }

    fn add(&self, producer: Producer) -> ErrorCode {
        let topic = AddPartitionsToTxnTopic { name: "t".to_owned(), partitions: vec![0] };
        let request = AddPartitionsToTxnRequest {
            v3_and_below_transactional_id: "x".to_owned(),
            v3_and_below_producer_id: producer.id,
            v3_and_below_producer_epoch: producer.epoch,
            v3_and_below_topics: vec![topic],
            ..AddPartitionsToTxnRequest::default()
        };
        let response = self.call(&request, 3);
        response.results_by_topic_v3_and_below[0].results_by_partition[0].partition_error_code
    }

    fn end(&self, producer: Producer, version: i16) -> ErrorCode {
        let request = EndTxnRequest {
            transactional_id: "x".to_owned(),
            producer_id: producer.id,
            producer_epoch: producer.epoch,
            committed: true,
        };
        self.call(&request, version).error_code
    }

    fn commit(&self, offset: i64) -> ErrorCode {
        let partition =
            OffsetCommitRequestPartition { committed_offset: offset, ..Default::default() };
        let topic = OffsetCommitRequestTopic {
            name: "t".to_owned(),
            partitions: vec![partition].into(),
            ..OffsetCommitRequestTopic::default()
        };
        let group_id = "g".to_owned();
        let request = OffsetCommitRequest { group_id, topics: vec![topic], ..Default::default() };
        self.call(&request, 8).topics[0].partitions[0].error_code
    }

    fn committed(&self) -> i64 {
        let topic = OffsetFetchRequestTopic { name: "t".to_owned(), partition_indexes: vec![0] };
        let request = OffsetFetchRequest {
            group_id: "g".to_owned(),
            topics: Some(vec![topic]),
            ..OffsetFetchRequest::default()
        };
        self.call(&request, 7).topics[0].partitions.first().unwrap().committed_offset
    }

    /// The log's end, and how far a committed reader sees.
    fn ends(&self) -> (i64, i64) {
        let partition = self.state.partition("t", 0).unwrap();
        let log = partition.log();
        (log.high_watermark(), log.last_stable_offset())
    }

    fn transaction(&self) -> TransactionState {
        self.state.transactions().transactions.get("x").unwrap().state
    }
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::with_free_bytes(10_000);
    let bench = Bench::on(folder.path(), &disk);
    assert_eq!(bench.create_topic("t"), ErrorCode::NONE);
    assert_eq!(bench.produce("before", None, 9), ErrorCode::NONE);
    assert_eq!(bench.commit(1), ErrorCode::NONE);
    disk.set_free_bytes(5);
    assert_eq!(bench.produce("refused", None, 9), ErrorCode::KAFKA_STORAGE_ERROR);
    assert_eq!(bench.commit(2), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(bench.create_topic("u"), ErrorCode::KAFKA_STORAGE_ERROR);
    assert_eq!(bench.ends(), (1, 1));
    disk.set_free_bytes(10_000);
    assert_eq!(bench.produce("after", None, 9), ErrorCode::NONE);
    assert_eq!(bench.commit(3), ErrorCode::NONE);
    assert_eq!(bench.create_topic("u"), ErrorCode::NONE);
    drop(bench);
    let bench = Bench::open(folder.path());
    assert_eq!((bench.ends(), bench.committed()), ((2, 2), 3));
}

/// The decision is durable, the markers do not fit: they are written when there is room, and the client may ask again.
#[test]
fn an_end_that_meets_a_full_disk_is_carried_out_later() {
    let folder = tempfile::tempdir().unwrap();
    let disk = SmallDisk::with_free_bytes(10_000);
    let bench = Bench::on(folder.path(), &disk);
    bench.create_topic("t");
    let producer = bench.init();
    assert_eq!(bench.produce("a", Some((producer, 0)), 12), ErrorCode::NONE);
    disk.set_free_bytes(5);
    assert_eq!(bench.end(producer, 5), ErrorCode::COORDINATOR_NOT_AVAILABLE);
    assert_eq!(bench.ends(), (1, 0));
    disk.set_free_bytes(10_000);
    bench.clock.advance_ms(1_000);
    let mut desk = bench.state.transactions_mut();
    let due = desk.transactions.tick(NOW + 1_000);
    desk.save().unwrap();
    drop(desk);
    assert_eq!(due.len(), 1);
    assert!(due.into_iter().all(|prepared| bench.state.carry_out(prepared)));
    assert_eq!((bench.ends(), bench.transaction()), ((2, 2), TransactionState::CompleteCommit));
    assert_eq!(bench.end(producer, 5), ErrorCode::NONE, "the client asks again");
}

/// The journal refused that the partition takes part, so a batch must not be written on the strength of it: after a crash
/// nobody would know that the transaction has to be ended here.
#[test]
fn no_batch_is_written_for_a_transaction_that_the_journal_does_not_know() {
    for version in [11, 12] {
        let folder = tempfile::tempdir().unwrap();
        let disk = SmallDisk::with_free_bytes(10_000);
        let bench = Bench::on(folder.path(), &disk);
        bench.create_topic("t");
        let producer = bench.init();
        disk.set_free_bytes(5);
        let added = bench.add(producer);
        assert_eq!(added, ErrorCode::COORDINATOR_NOT_AVAILABLE);
        disk.set_free_bytes(75);
        let refused = bench.produce("a", Some((producer, 0)), version);
        assert_ne!(refused, ErrorCode::NONE, "there is room for the batch, not for the journal");
        assert_eq!(bench.ends(), (0, 0));
        disk.set_free_bytes(10_000);
        assert_eq!(bench.produce("a", Some((producer, 0)), version), ErrorCode::NONE);
        drop(bench);
        let bench = Bench::open(folder.path());
        assert_eq!(bench.transaction(), TransactionState::Ongoing);
        let end = if version == 11 { 4 } else { 5 };
        assert_eq!(bench.end(producer, end), ErrorCode::NONE);
        assert_eq!(bench.ends(), (2, 2));
    }
}

/// A crash between the decision and the markers: the next start carries it out.
#[test]
fn a_decided_end_is_carried_out_at_the_next_start() {
    for version in [TransactionVersion::One, TransactionVersion::Two] {
        let folder = tempfile::tempdir().unwrap();
        let bench = Bench::open(folder.path());
        bench.create_topic("t");
        let producer = bench.init();
        assert_eq!(bench.add(producer), ErrorCode::NONE);
        assert_eq!(bench.produce("a", Some((producer, 0)), 11), ErrorCode::NONE);
        let request = EndRequest {
            transaction: TransactionRef { transactional_id: "x".to_owned(), producer },
            result: TransactionResult::Commit,
            version,
        };
        let mut desk = bench.state.transactions_mut();
        let Outcome { reply, prepared } = desk.transactions.end(NOW, &request);
        assert!(reply.is_ok() && prepared.is_some());
        desk.save().unwrap();
        drop(desk);
        assert_eq!(bench.transaction(), TransactionState::PrepareCommit);
        drop(bench);
        let bench = Bench::open(folder.path());
        assert_eq!(bench.transaction(), TransactionState::CompleteCommit, "{version:?}");
        assert_eq!(bench.ends(), (2, 2));
        let end = if version == TransactionVersion::One { 4 } else { 5 };
        assert_eq!(bench.end(producer, end), ErrorCode::NONE, "the client asks again");
        assert_eq!(bench.ends(), (2, 2), "and no second marker is written");
    }
}

/// A journal that a newer version has written to: to go on would be to forget.
#[test]
fn unknown_entries_of_a_journal_are_not_passed_over() {
    for name in ["groups.journal", "transactions.journal", "topics.journal"] {
        let folder = tempfile::tempdir().unwrap();
        drop(Bench::open(folder.path()));
        let mut journal = crate::journal::Journal::open(&folder.path().join(name), |_| ()).unwrap();
        journal.append(b"\xf0 from the future").unwrap();
        let clock = Arc::new(ManualClock::new(NOW));
        let refused = State::open(folder.path(), BrokerConfig::default(), clock).err().unwrap();
        assert!(refused.to_string().contains(name), "{refused}");
    }
}

/// The table of docs/broker.md is what is served.
#[test]
fn the_documented_versions_are_those_served() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/broker.md");
    let docs = std::fs::read_to_string(path).unwrap();
    let rows = docs.lines().skip_while(|line| !line.starts_with("| API |")).skip(2);
    let documented: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    let mut served: Vec<_> = super::SERVED.iter().collect();
    served.sort_by_key(|api| api.key);
    let row = |api: &super::Served| {
        format!("| {:?} | {} | {}–{} |", api.key, api.key as i16, api.min, api.max)
    };
    let served: Vec<String> = served.into_iter().map(row).collect();
    assert_eq!(documented, served);
}

/// A frame that ends within its header is closed, not waited for.
#[test]
fn a_frame_of_nothing_closes_the_connection() {
    let folder = tempfile::tempdir().unwrap();
    let bench = Bench::open(folder.path());
    let peer = Peer { address: ([127, 0, 0, 1], 1).into(), connection: 1 };
    for length in 0..8 {
        let mut frame = BytesMut::new();
        frame.put_bytes(0, length);
        let answer = bench.api.answer(&peer, frame.freeze());
        assert!(matches!(answer, Answer::Close), "{length} bytes: {answer:?}");
    }
}
