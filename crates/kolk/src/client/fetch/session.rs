//! Fetch sessions (KIP-227): the broker remembers what is fetched from it, a request names only what changed.

use super::super::TopicPartition;
use kolk_wire::ErrorCode;
use kolk_wire::message::fetch::{FetchPartition, FetchTopic, ForgottenTopic};
use kolk_wire::wire::Uuid;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// What is asked of one partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Ask {
    /// The topic's id; none (all zero) when unknown.
    pub(super) topic_id: Uuid,
    /// From where.
    pub(super) offset: i64,
    /// The leader's epoch, as known from metadata.
    pub(super) leader_epoch: i32,
    /// The epoch of the last batch fetched: with it the broker recognises a log that was cut off (KIP-595).
    pub(super) fetched_epoch: i32,
    /// The most to return.
    pub(super) bytes_max: i32,
}

/// The part of a request that depends on the session.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Asked {
    pub(super) session_id: i32,
    pub(super) session_epoch: i32,
    pub(super) topics: Vec<FetchTopic>,
    pub(super) forgotten: Vec<ForgottenTopic>,
    /// Whether topics go by id: versions from 13 on.
    pub(super) by_id: bool,
}

/// The session with one broker, as far as the client knows.
#[derive(Debug, Default)]
pub(super) struct Session {
    id: i32,
    /// 0 asks for a new session.
    epoch: i32,
    known: BTreeMap<TopicPartition, Ask>,
    names: HashMap<Uuid, Arc<str>>,
    topics: BTreeSet<Arc<str>>,
    by_id: bool,
}

impl Session {
    /// Forgets the session: the next request is a full one.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// What was last asked about `partition`.
    pub(super) fn ask(&self, partition: &TopicPartition) -> Option<&Ask> {
        self.known.get(partition)
    }

    /// The name of a topic in a response, which carries an id from version 13 on.
    pub(super) fn name(&self, name: &str, id: Uuid) -> Option<Arc<str>> {
        if id.is_none() { self.topics.get(name).cloned() } else { self.names.get(&id).cloned() }
    }

    /// Builds the request for exactly these partitions.
    pub(super) fn request(&mut self, wanted: BTreeMap<TopicPartition, Ask>) -> Asked {
        let by_id = wanted.values().all(|ask| !ask.topic_id.is_none());
        let recreated = wanted.iter().any(|(partition, ask)| {
            self.known.get(partition).is_some_and(|known| known.topic_id != ask.topic_id)
        });
        // A session is by name or by id, and knows one id per topic, for its whole life (KIP-516).
        if self.epoch > 0 && (by_id != self.by_id || recreated) {
            let id = self.id;
            self.reset();
            // Epoch 0 with the old id closes it and opens a new one.
            self.id = id;
        }
        self.by_id = by_id;
        let mut asked =
            Asked { session_id: self.id, session_epoch: self.epoch, by_id, ..Asked::default() };
        for (partition, ask) in &wanted {
            if self.known.get(partition) != Some(ask) {
                push(&mut asked.topics, partition, ask);
            }
        }
        for (partition, ask) in &self.known {
            if !wanted.contains_key(partition) {
                forget(&mut asked.forgotten, partition, ask.topic_id);
            }
        }
        self.names = wanted
            .iter()
            .map(|(partition, ask)| (ask.topic_id, Arc::clone(&partition.topic)))
            .collect();
        self.topics = wanted.keys().map(|partition| Arc::clone(&partition.topic)).collect();
        self.known = wanted;
        asked
    }

    /// Takes note of the response's session id. False when the session is of no use any more.
    pub(super) fn on_response(&mut self, code: ErrorCode, session_id: i32) -> bool {
        if !code.is_none() {
            self.reset();
            return false;
        }
        if session_id == 0 {
            // The broker keeps no session for us: the next request is full again. What was asked is still needed to
            // read this response.
            self.id = 0;
            self.epoch = 0;
            return true;
        }
        self.id = session_id;
        self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
        true
    }

    /// Call after a response has been read: without a session nothing is known to the broker.
    pub(super) fn after_response(&mut self) {
        if self.id == 0 {
            self.known.clear();
        }
    }
}

fn push(topics: &mut Vec<FetchTopic>, partition: &TopicPartition, ask: &Ask) {
    if topics.last().is_none_or(|topic| *topic.topic != *partition.topic) {
        let topic = partition.topic.to_string();
        topics.push(FetchTopic { topic, topic_id: ask.topic_id, ..FetchTopic::default() });
    }
    if let Some(topic) = topics.last_mut() {
        topic.partitions.push(FetchPartition {
            partition: partition.partition,
            current_leader_epoch: ask.leader_epoch,
            fetch_offset: ask.offset,
            last_fetched_epoch: ask.fetched_epoch,
            partition_max_bytes: ask.bytes_max,
            ..FetchPartition::default()
        });
    }
}

fn forget(topics: &mut Vec<ForgottenTopic>, partition: &TopicPartition, topic_id: Uuid) {
    if topics.last().is_none_or(|topic| *topic.topic != *partition.topic) {
        let topic = partition.topic.to_string();
        topics.push(ForgottenTopic { topic, topic_id, ..ForgottenTopic::default() });
    }
    if let Some(topic) = topics.last_mut() {
        topic.partitions.push(partition.partition);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(offset: i64) -> Ask {
        Ask { topic_id: Uuid([7; 16]), offset, leader_epoch: 0, fetched_epoch: -1, bytes_max: 100 }
    }

    fn wanted(offsets: &[(i32, i64)]) -> BTreeMap<TopicPartition, Ask> {
        offsets
            .iter()
            .map(|(partition, offset)| (TopicPartition::new("t", *partition), ask(*offset)))
            .collect()
    }

    /// (session id, epoch, partitions named, partitions forgotten)
    fn shape(asked: &Asked) -> (i32, i32, Vec<i32>, Vec<i32>) {
        let topics =
            asked.topics.iter().flat_map(|topic| topic.partitions.iter().map(|it| it.partition));
        let forgotten = asked.forgotten.iter().flat_map(|topic| topic.partitions.iter().copied());
        (asked.session_id, asked.session_epoch, topics.collect(), forgotten.collect())
    }

    #[test]
    fn after_a_full_request_only_changes_are_named() {
        let mut session = Session::default();
        assert_eq!(shape(&session.request(wanted(&[(0, 5), (1, 6)]))), (0, 0, vec![0, 1], vec![]));
        assert!(session.on_response(ErrorCode::NONE, 42));
        session.after_response();
        assert_eq!(shape(&session.request(wanted(&[(0, 5), (1, 9)]))), (42, 1, vec![1], vec![]));
        session.on_response(ErrorCode::NONE, 42);
        session.after_response();
        assert_eq!(shape(&session.request(wanted(&[(1, 9), (2, 0)]))), (42, 2, vec![2], vec![0]));
        assert_eq!(session.name("", Uuid([7; 16])).as_deref(), Some("t"));
        // A broker that knows ids but not version 13 answers by name.
        assert_eq!(session.name("t", Uuid::default()).as_deref(), Some("t"));
    }

    #[test]
    fn a_session_that_the_broker_lost_or_refuses_starts_over() {
        let mut session = Session::default();
        session.request(wanted(&[(0, 5)]));
        session.on_response(ErrorCode::NONE, 42);
        session.request(wanted(&[(0, 5)]));
        assert!(!session.on_response(ErrorCode::FETCH_SESSION_ID_NOT_FOUND, 0));
        assert_eq!(shape(&session.request(wanted(&[(0, 5)]))), (0, 0, vec![0], vec![]));
        // No session given: every request is full.
        assert!(session.on_response(ErrorCode::NONE, 0));
        assert!(session.ask(&TopicPartition::new("t", 0)).is_some());
        session.after_response();
        assert_eq!(shape(&session.request(wanted(&[(0, 8)]))), (0, 0, vec![0], vec![]));
    }

    #[test]
    fn a_topic_with_another_id_needs_another_session() {
        let mut session = Session::default();
        session.request(wanted(&[(0, 5)]));
        session.on_response(ErrorCode::NONE, 42);
        let mut other = wanted(&[(0, 0)]);
        other.values_mut().for_each(|ask| ask.topic_id = Uuid([8; 16]));
        assert_eq!(shape(&session.request(other)), (42, 0, vec![0], vec![]));
    }
}
