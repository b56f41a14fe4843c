//! The fetcher against a broker played by the test: one topic `t`, its log in memory.

use super::*;
use crate::client::fake_broker::{Call, FakeBroker, Reply};
use crate::time::SystemClock;
use bytes::{Bytes, BytesMut};
use kolk_wire::message::fetch::{
    AbortedTransaction, EpochEndOffset, FetchPartition, FetchRequest, FetchResponse,
    FetchableTopicResponse, PartitionData,
};
use kolk_wire::message::list_offsets::{
    ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse, ListOffsetsTopicResponse,
};
use kolk_wire::message::metadata::{
    MetadataRequest, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic,
};
use kolk_wire::record::{
    BatchBuilder, Compression, ControlKind, Scratch, Transactional, control_batch, set_base_offset,
    stamp_producer,
};
use kolk_wire::{ApiKey, ErrorCode};
use std::sync::{Arc, Mutex};

const PATIENCE: Duration = Duration::from_secs(10);

/// A partition's log.
#[derive(Debug, Default)]
struct Log {
    batches: Vec<(i64, i64, Bytes)>,
    start: i64,
    last_stable: Option<i64>,
    aborted: Vec<AbortedTransaction>,
    /// Answered instead of records, one after the other.
    trouble: VecDeque<PartitionData>,
}

impl Log {
    fn end(&self) -> i64 {
        self.batches.last().map_or(self.start, |(_, next, _)| *next)
    }

    fn append(&mut self, mut batch: BytesMut, records: i64) {
        let base = self.end();
        set_base_offset(&mut batch, base, 3);
        self.batches.push((base, base + records, batch.freeze()));
    }

    fn values(&mut self, values: &[&str]) {
        self.append(batch(values), i64::try_from(values.len()).unwrap());
    }

    fn transaction(&mut self, producer: i64, values: &[&str]) {
        let mut batch = batch(values);
        stamp_producer(&mut batch, producer, 0, 0, Transactional::Yes);
        self.append(batch, i64::try_from(values.len()).unwrap());
    }

    fn mark(&mut self, producer: i64, kind: ControlKind) {
        self.append(control_batch(kind, producer, 0, 0, 0), 1);
    }

    fn answer(&mut self, ask: &FetchPartition) -> PartitionData {
        if let Some(trouble) = self.trouble.pop_front() {
            return PartitionData { partition_index: ask.partition, ..trouble };
        }
        let end = self.end();
        let mut data = PartitionData {
            partition_index: ask.partition,
            high_watermark: end,
            last_stable_offset: self.last_stable.unwrap_or(end),
            log_start_offset: self.start,
            aborted_transactions: Some(self.aborted.clone()),
            ..PartitionData::default()
        };
        if !(self.start..=end).contains(&ask.fetch_offset) {
            data.error_code = ErrorCode::OFFSET_OUT_OF_RANGE;
            return data;
        }
        let mut records = BytesMut::new();
        for (base, next, batch) in &self.batches {
            if *next > ask.fetch_offset && *base < data.last_stable_offset {
                records.extend_from_slice(batch);
            }
        }
        data.records = Some(records.freeze());
        data
    }
}

fn batch(values: &[&str]) -> BytesMut {
    let mut builder = BatchBuilder::new(Compression::None);
    for value in values {
        builder.push(0, None, Some(value.as_bytes()), &[]).unwrap();
    }
    builder.finish()
}

#[derive(Debug, Default)]
struct Cluster {
    topic_id: u8,
    logs: Vec<Log>,
    /// How long each fetch was allowed to wait, in milliseconds.
    waits: Vec<i32>,
}

impl Cluster {
    fn answer(&mut self, call: &Call) -> Option<Reply> {
        match call.api {
            ApiKey::Metadata => Some(call.reply::<MetadataRequest>(&self.metadata(call))),
            ApiKey::Fetch => {
                let request = call.request::<FetchRequest>();
                Some(call.reply::<FetchRequest>(&self.fetch(&request)))
            }
            ApiKey::ListOffsets => {
                let request = call.request::<ListOffsetsRequest>();
                Some(call.reply::<ListOffsetsRequest>(&self.list_offsets(&request)))
            }
            _ => None,
        }
    }

    fn metadata(&self, call: &Call) -> MetadataResponse {
        let partition = |index: usize| MetadataResponsePartition {
            partition_index: i32::try_from(index).unwrap(),
            leader_id: 1,
            leader_epoch: 0,
            ..MetadataResponsePartition::default()
        };
        let topic = MetadataResponseTopic {
            name: Some("t".to_owned()),
            topic_id: Uuid([self.topic_id; 16]),
            partitions: (0..self.logs.len()).map(partition).collect(),
            ..MetadataResponseTopic::default()
        };
        let broker = MetadataResponseBroker {
            node_id: 1,
            host: call.broker.host.to_string(),
            port: call.broker.port.into(),
            ..MetadataResponseBroker::default()
        };
        MetadataResponse {
            brokers: vec![broker],
            topics: vec![topic],
            ..MetadataResponse::default()
        }
    }

    fn fetch(&mut self, request: &FetchRequest) -> FetchResponse {
        self.waits.push(request.max_wait_ms);
        let mut partitions = Vec::new();
        for ask in request.topics.iter().flat_map(|topic| &topic.partitions) {
            partitions.push(self.logs[usize::try_from(ask.partition).unwrap()].answer(ask));
        }
        let response = FetchableTopicResponse {
            topic_id: Uuid([self.topic_id; 16]),
            partitions: partitions.into(),
            ..FetchableTopicResponse::default()
        };
        FetchResponse { responses: vec![response], ..FetchResponse::default() }
    }

    fn list_offsets(&self, request: &ListOffsetsRequest) -> ListOffsetsResponse {
        let asked = request.topics.iter().flat_map(|topic| &topic.partitions);
        let found = asked.map(|ask| {
            let log = &self.logs[usize::try_from(ask.partition_index).unwrap()];
            let offset = match ask.timestamp {
                -2 => log.start,
                -1 => log.end(),
                _ => -1,
            };
            let partition_index = ask.partition_index;
            ListOffsetsPartitionResponse {
                partition_index,
                offset,
                ..ListOffsetsPartitionResponse::default()
            }
        });
        let topic = ListOffsetsTopicResponse { name: "t".to_owned(), partitions: found.collect() };
        ListOffsetsResponse { topics: vec![topic], ..ListOffsetsResponse::default() }
    }
}

/// A fetcher, its network and the cluster that it reads.
struct Reader {
    cluster: Arc<Mutex<Cluster>>,
    fake: FakeBroker,
    network: Network,
    metadata: Metadata,
    fetcher: Fetcher,
}

impl Reader {
    fn new(logs: Vec<Log>, properties: &[(&str, &str)]) -> Self {
        let cluster = Arc::new(Mutex::new(Cluster { topic_id: 1, logs, ..Cluster::default() }));
        let shared = Arc::clone(&cluster);
        let fake = FakeBroker::start(move |call| shared.lock().unwrap().answer(call));
        let bootstrap = fake.broker.to_string();
        let base = [("bootstrap.servers", bootstrap.as_str()), ("retry.backoff.ms", "10")];
        let config = ClientConfig::from_properties(base.iter().chain(properties).copied()).unwrap();
        let network = Network::new(&config, Arc::new(SystemClock::new())).unwrap();
        let mut metadata = Metadata::new(&config);
        metadata.want("t");
        let fetcher = Fetcher::new(&config);
        Self { cluster, fake, network, metadata, fetcher }
    }

    fn step(&mut self) {
        self.metadata.step(&mut self.network).unwrap();
        self.fetcher.step(&mut self.network, &mut self.metadata).unwrap();
        let deadlines = [self.metadata.deadline(), self.fetcher.deadline()];
        let next = deadlines.into_iter().flatten().min();
        let wait = next.map_or(Duration::from_millis(20), |at| self.network.now().until(at));
        self.network.poll(wait.min(Duration::from_millis(20)));
    }

    /// The next event.
    fn event(&mut self) -> FetchEvent {
        let end = self.network.now() + PATIENCE;
        loop {
            if let Some(event) = self.fetcher.next_event() {
                return event;
            }
            assert!(self.network.now() < end, "no event in time");
            self.step();
        }
    }

    /// The next event, which must be records: their values, those before the start left out.
    fn values(&mut self) -> (FetchedPartition, Vec<String>) {
        let event = self.event();
        let FetchEvent::Records(fetched) = event else { panic!("{event:?}") };
        let mut scratch = Scratch::new();
        let mut values = Vec::new();
        for batch in &fetched.batches {
            let body = batch.body(&mut scratch).unwrap();
            for record in body.records() {
                let record = record.unwrap();
                if record.offset >= fetched.start.0 {
                    values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
                }
            }
        }
        (fetched, values)
    }

    /// Steps on for a while, in which nothing may happen.
    fn expect_silence(&mut self) {
        for _ in 0..10 {
            self.step();
            let event = self.fetcher.next_event();
            assert!(event.is_none(), "{event:?}");
        }
    }
}

fn t(partition: i32) -> TopicPartition {
    TopicPartition::new("t", partition)
}

fn log(values: &[&str]) -> Log {
    let mut log = Log::default();
    log.values(values);
    log
}

#[test]
fn a_partition_is_read_from_the_start_and_then_as_records_arrive() {
    let mut reader = Reader::new(vec![log(&["a", "b", "c"])], &[]);
    reader.fetcher.assign(t(0), Start::Earliest);
    assert!(matches!(
        reader.event(),
        FetchEvent::Started { at: Offset(0), start: Start::Earliest, .. }
    ));
    let (fetched, values) = reader.values();
    assert_eq!(
        (values.join(""), fetched.next, fetched.caught_up),
        ("abc".to_owned(), Offset(3), true)
    );
    reader.expect_silence();
    reader.cluster.lock().unwrap().logs[0].values(&["d"]);
    let (fetched, values) = reader.values();
    assert_eq!(
        (values.join(""), fetched.start, fetched.next),
        ("d".to_owned(), Offset(3), Offset(4))
    );
    assert_eq!(reader.fetcher.position(&t(0)), Some(Offset(4)));
}

#[test]
fn reading_starts_in_the_middle_of_a_batch_at_the_end_and_behind_every_time() {
    let mut reader = Reader::new(vec![log(&["a", "b", "c"])], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(1)));
    let (fetched, values) = reader.values();
    assert_eq!((values.join(""), fetched.start), ("bc".to_owned(), Offset(1)));
    for start in [Start::Latest, Start::From(Timestamp(5))] {
        reader.fetcher.seek(&t(0), start);
        assert!(matches!(reader.event(), FetchEvent::Started { at: Offset(3), .. }));
        let (fetched, values) = reader.values();
        assert_eq!((values.len(), fetched.caught_up, fetched.next), (0, true, Offset(3)));
    }
}

#[test]
fn an_empty_partition_is_known_to_be_caught_up_only_after_a_fetch() {
    let mut reader = Reader::new(vec![Log::default()], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    let (fetched, values) = reader.values();
    assert_eq!((values.len(), fetched.caught_up, fetched.bytes), (0, true, 0));
}

#[test]
fn silence_is_what_brokers_confirm_behind_everything_that_was_taken() {
    let mut reader = Reader::new(vec![log(&["a"])], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    assert_eq!(reader.fetcher.quiet_for(&t(0)), None, "nothing is known yet");
    let (fetched, _) = reader.values();
    assert!(fetched.caught_up);
    let quiet = |reader: &Reader| reader.fetcher.quiet_for(&t(0));
    let start = reader.network.now();
    while quiet(&reader) == Some(Duration::ZERO) {
        assert!(reader.network.now().since(start) < 6 * PATIENCE, "later answers confirm it");
        reader.step();
    }
    assert!(quiet(&reader).is_some());
    reader.fetcher.seek(&t(0), Start::At(Offset(0)));
    assert_eq!(quiet(&reader), None, "there is something to read again");
}

#[test]
fn aborted_records_and_markers_are_passed_over_and_open_transactions_not_read() {
    let mut log = Log::default();
    log.transaction(7, &["kept1"]);
    log.transaction(8, &["void1"]);
    log.values(&["plain"]);
    log.mark(7, ControlKind::Commit);
    log.mark(8, ControlKind::Abort);
    log.aborted = vec![AbortedTransaction { producer_id: 8, first_offset: 1 }];
    log.last_stable = Some(5);
    log.transaction(9, &["open"]);
    let mut reader = Reader::new(vec![log], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    let (fetched, values) = reader.values();
    assert_eq!(values, ["kept1", "plain"]);
    assert_eq!(
        (fetched.next, fetched.caught_up, fetched.high_watermark),
        (Offset(5), true, Offset(6))
    );
}

#[test]
fn read_uncommitted_reads_all_but_markers_and_is_caught_up_at_the_high_watermark() {
    let mut log = Log::default();
    log.transaction(8, &["void"]);
    log.mark(8, ControlKind::Abort);
    log.transaction(9, &["open"]);
    let mut reader = Reader::new(vec![log], &[("isolation.level", "read_uncommitted")]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    let (fetched, values) = reader.values();
    assert_eq!(
        (values.join(" "), fetched.next, fetched.caught_up),
        ("void open".to_owned(), Offset(3), true)
    );
}

#[test]
fn a_position_out_of_range_is_told_before_the_policy_moves_it() {
    let mut short = log(&["a", "b"]);
    short.start = 0;
    let mut reader = Reader::new(vec![short], &[("auto.offset.reset", "latest")]);
    reader.fetcher.assign(t(0), Start::At(Offset(9)));
    let event = reader.event();
    assert!(
        matches!(
            event,
            FetchEvent::OutOfRange { position: Offset(9), policy: OffsetReset::Latest, .. }
        ),
        "{event:?}"
    );
    assert!(matches!(reader.event(), FetchEvent::Started { at: Offset(2), .. }));
    assert_eq!(reader.fetcher.counts().out_of_range, 1);
}

#[test]
fn without_a_policy_a_position_out_of_range_stands_still_until_sought() {
    let mut reader = Reader::new(vec![log(&["a", "b"])], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(9)));
    assert!(matches!(reader.event(), FetchEvent::OutOfRange { policy: OffsetReset::None, .. }));
    reader.expect_silence();
    reader.fetcher.seek(&t(0), Start::At(Offset(0)));
    assert_eq!(reader.values().1, ["a", "b"]);
}

#[test]
fn errors_that_pass_are_waited_out_and_those_that_do_not_are_told() {
    let mut log = log(&["a"]);
    for code in [
        ErrorCode::NOT_LEADER_OR_FOLLOWER,
        ErrorCode::UNKNOWN_LEADER_EPOCH,
        ErrorCode::KAFKA_STORAGE_ERROR,
    ] {
        log.trouble.push_back(PartitionData { error_code: code, ..PartitionData::default() });
    }
    let mut reader = Reader::new(vec![log], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    assert_eq!(reader.values().1, ["a"]);
    let refusal = PartitionData {
        error_code: ErrorCode::TOPIC_AUTHORIZATION_FAILED,
        ..PartitionData::default()
    };
    reader.cluster.lock().unwrap().logs[0].trouble.push_back(refusal);
    let event = reader.event();
    let FetchEvent::Failed { error, .. } = event else { panic!("{event:?}") };
    assert_eq!(error.to_string(), "t-0 cannot be read (TOPIC_AUTHORIZATION_FAILED)");
}

#[test]
fn a_damaged_batch_is_fetched_again_and_given_up_when_it_stays_damaged() {
    let mut log = log(&["a"]);
    let mut damaged = BytesMut::from(&log.batches[0].2[..]);
    let last = damaged.len() - 2;
    damaged[last] ^= 1;
    let data = PartitionData {
        records: Some(damaged.freeze()),
        high_watermark: 1,
        ..PartitionData::default()
    };
    log.trouble.push_back(data.clone());
    let mut reader = Reader::new(vec![log], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    assert_eq!(reader.values().1, ["a"]);
    assert_eq!(reader.fetcher.counts().corrupt, 1);
    reader.cluster.lock().unwrap().logs[0].trouble.extend((0..10).map(|_| data.clone()));
    reader.fetcher.seek(&t(0), Start::At(Offset(0)));
    let event = reader.event();
    assert!(matches!(event, FetchEvent::Failed { .. }), "{event:?}");
}

/// Batches are checked when they are taken. What was fetched ahead behind a damaged one, or is on its way, must not be taken
/// for its successor.
#[test]
fn behind_a_damaged_batch_nothing_is_read_until_it_was_fetched_again() {
    let mut log = log(&["a"]);
    log.values(&["b"]);
    log.values(&["c"]);
    let mut damaged = BytesMut::new();
    for (_, _, batch) in &log.batches {
        damaged.extend_from_slice(batch);
    }
    let in_second = log.batches[0].2.len() + log.batches[1].2.len() - 2;
    damaged[in_second] ^= 1;
    log.trouble.push_back(PartitionData {
        records: Some(damaged.freeze()),
        high_watermark: 3,
        ..PartitionData::default()
    });
    let mut reader = Reader::new(vec![log], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    let (fetched, values) = reader.values();
    assert_eq!((values.join(""), fetched.next), ("a".to_owned(), Offset(1)));
    assert!(!fetched.caught_up);
    // Meanwhile what comes behind the damaged batch is asked for.
    reader.step();
    let (fetched, values) = reader.values();
    assert_eq!((values.join(""), fetched.start), ("bc".to_owned(), Offset(1)));
    assert!(fetched.caught_up);
    assert_eq!((reader.fetcher.counts().corrupt, reader.fetcher.buffered), (1, 0));
}

#[test]
fn much_is_handed_out_piece_by_piece_and_the_last_piece_is_caught_up() {
    let value = "v".repeat(200 << 10);
    let mut log = Log::default();
    for _ in 0..5 {
        log.values(&[&value]);
    }
    log.transaction(7, &["void"]);
    log.mark(7, ControlKind::Abort);
    log.aborted = vec![AbortedTransaction { producer_id: 7, first_offset: 5 }];
    let mut reader = Reader::new(vec![log], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    let mut seen = Vec::new();
    loop {
        let (fetched, values) = reader.values();
        seen.push((fetched.start.0, fetched.next.0, values.len()));
        if fetched.caught_up {
            break;
        }
    }
    assert_eq!(seen, [(0, 2, 2), (2, 4, 2), (4, 7, 1)]);
    assert_eq!(reader.fetcher.buffered, 0);
}

/// Whoever stops after a piece must see that there is more: a stage once slept until its next commit with eight megabytes in hand.
#[test]
fn what_is_left_of_an_answer_waits_visibly() {
    let value = "v".repeat(300 << 10);
    let mut log = Log::default();
    (0..3).for_each(|_| log.values(&[&value]));
    let mut reader = Reader::new(vec![log], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    assert!(!reader.fetcher.has_waiting());
    let mut left = Vec::new();
    for _ in 0..3 {
        reader.values();
        left.push(reader.fetcher.has_waiting());
    }
    assert_eq!(left, [true, true, false]);
}

#[test]
fn a_log_that_was_cut_off_below_the_position_is_told() {
    let mut log = log(&["a", "b", "c"]);
    log.trouble.push_back(PartitionData {
        diverging_epoch: EpochEndOffset { epoch: 2, end_offset: 1 },
        ..PartitionData::default()
    });
    let mut reader = Reader::new(vec![log], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(3)));
    let event = reader.event();
    assert!(
        matches!(event, FetchEvent::Truncated { position: Offset(3), valid_to: Offset(1), .. }),
        "{event:?}"
    );
    reader.expect_silence();
}

#[test]
fn a_topic_that_was_created_again_is_told_and_not_read() {
    let mut reader = Reader::new(vec![log(&["a"])], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    assert_eq!(reader.values().1, ["a"]);
    {
        let mut cluster = reader.cluster.lock().unwrap();
        cluster.topic_id = 2;
        cluster.logs = vec![log(&["x", "y"])];
    }
    reader.metadata.request_refresh();
    let event = reader.event();
    let (was, now) = (Uuid([1; 16]), Uuid([2; 16]));
    assert!(
        matches!(event, FetchEvent::Recreated { was: id, now: new, .. } if id == was && new == now),
        "{event:?}"
    );
    reader.expect_silence();
    reader.fetcher.seek(&t(0), Start::Earliest);
    assert!(matches!(reader.event(), FetchEvent::Started { .. }));
    assert_eq!(reader.values().1, ["x", "y"]);
}

#[test]
fn a_paused_partition_is_left_out_and_the_others_go_on() {
    let mut reader = Reader::new(vec![log(&["a"]), log(&["b"])], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    reader.fetcher.pause(&t(0));
    reader.fetcher.assign(t(1), Start::At(Offset(0)));
    assert_eq!(reader.values().1, ["b"]);
    reader.expect_silence();
    reader.fetcher.resume(&t(0));
    assert_eq!(reader.values().1, ["a"]);
}

#[test]
fn no_more_is_fetched_ahead_than_the_bound() {
    let value = "v".repeat(1024 * 1024);
    let logs = (0..12).map(|_| log(&[&value])).collect();
    let mut reader = Reader::new(logs, &[]);
    for partition in 0..12 {
        reader.fetcher.assign(t(partition), Start::At(Offset(0)));
    }
    let end = reader.network.now() + PATIENCE;
    while reader.fetcher.buffered <= PREFETCH_BYTES_MAX {
        assert!(reader.network.now() < end, "nothing was fetched in time");
        reader.step();
    }
    let fetches =
        |reader: &Reader| reader.fake.log().iter().filter(|(api, _)| *api == ApiKey::Fetch).count();
    let before = fetches(&reader);
    for _ in 0..5 {
        reader.step();
    }
    assert_eq!(fetches(&reader), before);
    for _ in 0..12 {
        reader.values();
    }
    assert_eq!(reader.fetcher.buffered, 0);
    reader.step();
    reader.step();
    assert!(fetches(&reader) > before);
}

#[test]
fn what_was_fetched_for_a_partition_that_was_taken_away_or_moved_is_dropped() {
    let mut reader = Reader::new(vec![log(&["a", "b"]), log(&["c"])], &[]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    reader.fetcher.assign(t(1), Start::At(Offset(0)));
    let end = reader.network.now() + PATIENCE;
    while reader.fetcher.waiting.len() < 2 {
        assert!(reader.network.now() < end, "nothing was fetched in time");
        reader.step();
    }
    reader.fetcher.unassign(&t(1));
    reader.fetcher.seek(&t(0), Start::At(Offset(1)));
    assert_eq!(reader.fetcher.buffered, 0);
    let (fetched, values) = reader.values();
    assert_eq!((fetched.partition, values.join("")), (t(0), "b".to_owned()));
    reader.expect_silence();
}

/// With batches larger than `max.partition.fetch.bytes` a partition once sat out every other fetch, as if too much of it
/// waited to be taken; the others' fetch then waited its time, so that a reader got 20 batches a second.
#[test]
fn a_batch_larger_than_what_was_asked_for_does_not_make_its_partition_sit_out() {
    let logs = vec![log(&["more than ten bytes"]), Log::default()];
    let mut reader = Reader::new(logs, &[("max.partition.fetch.bytes", "10")]);
    reader.fetcher.assign(t(0), Start::At(Offset(0)));
    reader.fetcher.assign(t(1), Start::At(Offset(0)));
    assert_eq!(reader.values().1.len() + reader.values().1.len(), 1);
    reader.expect_silence();
    let waits = reader.cluster.lock().unwrap().waits.clone();
    assert!(waits.len() > 1 && waits.iter().all(|wait| *wait == 500), "{waits:?}");
}
