//! Fetch: reads batches, and waits for them.

use super::{Context, Handle};
use crate::fetch_session::{Resolved, SessionKey, Wanted};
use crate::log::{Isolation, LEADER_EPOCH, ReadRequest};
use crate::partition::{Partition, Waiter};
use kolk_wire::ErrorCode;
use kolk_wire::message::fetch::{
    AbortedTransaction, FetchRequest, FetchResponse, FetchableTopicResponse, PartitionData,
};
use kolk_wire::wire::Uuid;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

/// No long poll takes longer, whatever the client asks for: its connection's thread is bound meanwhile.
const WAIT_MS_MAX: i32 = 60_000;

impl Handle for FetchRequest {
    fn handle(self, context: &Context<'_>) -> Option<FetchResponse> {
        Some(match resolve(&self, context) {
            Ok(resolved) => Fetch::new(&self, context, resolved).run(),
            Err(error_code) => FetchResponse { error_code, ..FetchResponse::default() },
        })
    }
}

fn resolve(request: &FetchRequest, context: &Context<'_>) -> Result<Resolved, ErrorCode> {
    let by_id = context.version >= 13;
    let key = |topic: &str, id: Uuid, partition| {
        if by_id {
            SessionKey::Id(id.0, partition)
        } else {
            SessionKey::Name(topic.to_owned(), partition)
        }
    };
    let mut wanted = Vec::new();
    for topic in &request.topics {
        for partition in &topic.partitions {
            let max_bytes = usize::try_from(partition.partition_max_bytes).unwrap_or_default();
            let leader_epoch = partition.current_leader_epoch;
            let want = Wanted {
                fetch_offset: partition.fetch_offset,
                max_bytes,
                leader_epoch,
                told: (-1, -1),
            };
            wanted.push((key(&topic.topic, topic.topic_id, partition.partition), want));
        }
    }
    let forgotten: Vec<SessionKey> = request
        .forgotten_topics_data
        .iter()
        .flat_map(|topic| {
            topic.partitions.iter().map(|partition| key(&topic.topic, topic.topic_id, *partition))
        })
        .collect();
    let mut sessions = context.state.sessions.lock().unwrap_or_else(PoisonError::into_inner);
    sessions.resolve((request.session_id, request.session_epoch), wanted, &forgotten)
}

struct Fetch<'a> {
    context: &'a Context<'a>,
    resolved: Resolved,
    isolation: Isolation,
    min_bytes: u64,
    max_bytes: usize,
    wait_ms: i64,
}

/// One partition of the answer.
struct Found {
    key: SessionKey,
    data: PartitionData,
    told: (i64, i64),
}

impl<'a> Fetch<'a> {
    fn new(request: &FetchRequest, context: &'a Context<'a>, resolved: Resolved) -> Self {
        let limit = context.state.config.fetch_bytes_max;
        Self {
            context,
            resolved,
            isolation: if request.isolation_level == 1 {
                Isolation::Committed
            } else {
                Isolation::Uncommitted
            },
            min_bytes: u64::try_from(request.min_bytes).unwrap_or_default(),
            max_bytes: usize::try_from(request.max_bytes).unwrap_or_default().min(limit),
            wait_ms: i64::from(request.max_wait_ms.clamp(0, WAIT_MS_MAX)),
        }
    }

    fn run(self) -> FetchResponse {
        self.wait();
        let found = self.read();
        let session_id = self.resolved.session_id;
        if session_id != 0 {
            let told: HashMap<SessionKey, (i64, i64)> =
                found.iter().map(|found| (found.key.clone(), found.told)).collect();
            let mut sessions =
                self.context.state.sessions.lock().unwrap_or_else(PoisonError::into_inner);
            sessions.told(session_id, &told);
        }
        FetchResponse { session_id, responses: by_topic(found), ..FetchResponse::default() }
    }

    /// Waits until there is enough to read, a partition has an error, or the time is over.
    fn wait(&self) {
        let state = self.context.state;
        let deadline = state.steady_ms() + self.wait_ms;
        let waiter = Arc::new(Waiter::default());
        let partitions: Vec<(Option<Arc<Partition>>, &Wanted)> = self
            .resolved
            .partitions
            .iter()
            .map(|(key, wanted)| (self.find(key).ok(), wanted))
            .collect();
        loop {
            for partition in partitions.iter().filter_map(|(partition, _)| partition.as_ref()) {
                partition.register(&waiter);
            }
            if self.is_enough(&partitions) || state.is_stopping() {
                return;
            }
            let left = deadline - state.steady_ms();
            let Some(left) = u64::try_from(left).ok().filter(|left| *left > 0) else { return };
            if !waiter.wait(Duration::from_millis(left)) {
                return;
            }
        }
    }

    fn is_enough(&self, partitions: &[(Option<Arc<Partition>>, &Wanted)]) -> bool {
        let mut bytes = 0;
        for (partition, wanted) in partitions {
            // What cannot be read is answered at once.
            let Some(partition) = partition else { return true };
            let Some(log) = partition.live_log() else { return true };
            let from = wanted.fetch_offset;
            if from < log.log_start_offset()
                || from > log.high_watermark()
                || check_epoch(wanted).is_err()
            {
                return true;
            }
            bytes += log.readable_bytes(from, self.isolation).min(wanted.max_bytes.max(1) as u64);
        }
        bytes >= self.min_bytes || partitions.is_empty()
    }

    fn find(&self, key: &SessionKey) -> Result<Arc<Partition>, ErrorCode> {
        let topics = self.context.state.topics();
        let (topic, number) = match key {
            SessionKey::Name(name, partition) => {
                (topics.get(name).ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?, *partition)
            }
            SessionKey::Id(id, partition) => {
                (topics.by_id(Uuid(*id)).ok_or(ErrorCode::UNKNOWN_TOPIC_ID)?, *partition)
            }
        };
        let partition =
            usize::try_from(number).ok().and_then(|number| topic.partitions.get(number));
        partition.cloned().ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)
    }

    fn read(&self) -> Vec<Found> {
        let (mut left, mut found) = (self.max_bytes, Vec::new());
        // The first partition rotates, so that a busy one does not starve those behind it.
        let partitions = &self.resolved.partitions;
        let turn = self.context.state.fetch_turn() % partitions.len().max(1);
        let (before, after) = partitions.split_at(turn);
        for (key, wanted) in after.iter().chain(before) {
            let read =
                self.read_one(key, wanted, left, found.iter().all(|f: &Found| is_empty(&f.data)));
            left = left.saturating_sub(read.data.records.as_ref().map_or(0, bytes::Bytes::len));
            let news = !is_empty(&read.data)
                || !read.data.error_code.is_none()
                || read.told != wanted.told;
            if news || !self.resolved.incremental {
                found.push(read);
            }
        }
        found
    }

    fn read_one(&self, key: &SessionKey, wanted: &Wanted, left: usize, nothing_yet: bool) -> Found {
        let (SessionKey::Name(_, number) | SessionKey::Id(_, number)) = key;
        let mut data = PartitionData {
            partition_index: *number,
            high_watermark: -1,
            records: Some(bytes::Bytes::new()),
            ..PartitionData::default()
        };
        let read = check_epoch(wanted).and_then(|()| self.find(key)).and_then(|partition| {
            let request = ReadRequest {
                from: wanted.fetch_offset,
                isolation: self.isolation,
                max_bytes: wanted.max_bytes.min(left),
                min_one: nothing_yet,
            };
            let log = partition.log();
            log.read(&request).map_err(|error| error.code())
        });
        let mut told = (-1, -1);
        match read {
            Ok(read) => {
                data.high_watermark = read.high_watermark;
                data.last_stable_offset = read.last_stable_offset;
                data.log_start_offset = read.log_start_offset;
                told = (read.high_watermark, read.log_start_offset);
                data.records = Some(read.records);
                data.aborted_transactions = (self.isolation == Isolation::Committed).then(|| {
                    let aborted = read.aborted.iter();
                    aborted
                        .map(|a| AbortedTransaction {
                            producer_id: a.producer_id,
                            first_offset: a.first_offset,
                        })
                        .collect()
                });
            }
            Err(error) => data.error_code = error,
        }
        Found { key: key.clone(), data, told }
    }
}

/// There is one epoch: a client that believes in a later one knows another cluster.
fn check_epoch(wanted: &Wanted) -> Result<(), ErrorCode> {
    if wanted.leader_epoch > LEADER_EPOCH { Err(ErrorCode::UNKNOWN_LEADER_EPOCH) } else { Ok(()) }
}

fn is_empty(data: &PartitionData) -> bool {
    data.records.as_ref().is_none_or(bytes::Bytes::is_empty)
}

fn by_topic(found: Vec<Found>) -> Vec<FetchableTopicResponse> {
    let mut topics: Vec<FetchableTopicResponse> = Vec::new();
    let mut places: HashMap<SessionKey, usize> = HashMap::new();
    for Found { key, data, .. } in found {
        let (name, id) = match &key {
            SessionKey::Name(name, _) => (name.clone(), Uuid::default()),
            SessionKey::Id(id, _) => (String::new(), Uuid(*id)),
        };
        // The topic's own key: that of a partition which cannot be.
        let topic_key = match key {
            SessionKey::Name(name, _) => SessionKey::Name(name, -1),
            SessionKey::Id(id, _) => SessionKey::Id(id, -1),
        };
        let place = *places.entry(topic_key).or_insert_with(|| {
            topics.push(FetchableTopicResponse {
                topic: name,
                topic_id: id,
                ..FetchableTopicResponse::default()
            });
            topics.len() - 1
        });
        topics[place].partitions.push(data);
    }
    topics
}
