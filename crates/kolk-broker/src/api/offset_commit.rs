//! OffsetCommit and TxnOffsetCommit: how far a group has come.

use super::{Context, Handle};
use crate::group::{MemberRef, OffsetToCommit};
use crate::state::State;
use crate::transaction::{Producer, TopicPartition, TransactionRef, txn_offset_commit_error};
use kolk_wire::ErrorCode;
use kolk_wire::message::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
use kolk_wire::message::txn_offset_commit::{
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};

/// From this version on a group that does not exist is called so (KIP-848).
const GROUP_NOT_FOUND_FROM: i16 = 9;
/// From this version on topics are named by their ids (KIP-848).
const BY_ID_FROM: i16 = 10;
/// From this version on a commit takes the group into the transaction (KIP-890).
const IMPLICIT_ADD_FROM: i16 = 5;

/// Offsets of a request in its order: those to commit, and for each partition the answer if it is known already.
#[derive(Default)]
struct Plan {
    offsets: Vec<OffsetToCommit>,
    refused: Vec<Option<ErrorCode>>,
}

impl Plan {
    fn refuse(&mut self, error: ErrorCode) {
        self.refused.push(Some(error));
    }

    /// Takes an offset of a partition that exists; others are refused.
    fn add(&mut self, state: &State, offset: OffsetToCommit) {
        let TopicPartition { topic, partition } = &offset.partition;
        if state.partition(topic, *partition).is_none() {
            return self.refuse(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
        }
        self.offsets.push(offset);
        self.refused.push(None);
    }

    /// Commits, and gives the answer for each partition in the request's order.
    fn run(
        self,
        commit: impl FnOnce(Vec<OffsetToCommit>) -> Result<Vec<ErrorCode>, ErrorCode>,
    ) -> impl Iterator<Item = ErrorCode> {
        // Kafka does not ask the coordinator when nothing is left to ask.
        let committed = if self.offsets.is_empty() { Ok(Vec::new()) } else { commit(self.offsets) };
        let (errors, for_all) = match committed {
            Ok(errors) => (errors, ErrorCode::UNKNOWN_SERVER_ERROR),
            Err(error) => (Vec::new(), error),
        };
        let mut errors = errors.into_iter();
        self.refused
            .into_iter()
            .map(move |refused| refused.or_else(|| errors.next()).unwrap_or(for_all))
    }
}

impl Handle for OffsetCommitRequest {
    fn handle(self, context: &Context<'_>) -> Option<OffsetCommitResponse> {
        let state = context.state;
        let retention_ms = Some(self.retention_time_ms);
        let mut plan = Plan::default();
        for topic in &self.topics {
            let name = name_of(context, topic);
            for partition in &topic.partitions {
                match &name {
                    Some(name) => plan.add(state, to_commit(name, partition, retention_ms)),
                    None => plan.refuse(ErrorCode::UNKNOWN_TOPIC_ID),
                }
            }
        }
        let member = MemberRef {
            group_id: self.group_id,
            member_id: self.member_id,
            instance_id: self.group_instance_id,
            generation: self.generation_id_or_member_epoch,
        };
        let mut errors = plan.run(|offsets| {
            let commit = |groups: &mut crate::group::Groups| {
                let unknown = member.generation >= 0 && !groups.contains(&member.group_id);
                if unknown && context.version >= GROUP_NOT_FOUND_FROM {
                    return Err(ErrorCode::GROUP_ID_NOT_FOUND);
                }
                groups.commit(state.steady_ms(), &member, offsets)
            };
            state.with_groups(commit)?
        });
        let topics = self.topics.into_iter().map(|topic| OffsetCommitResponseTopic {
            partitions: topic.partitions.iter().map(|one| committed(&one, errors.next())).collect(),
            name: topic.name,
            topic_id: topic.topic_id,
        });
        Some(OffsetCommitResponse { topics: topics.collect(), ..OffsetCommitResponse::default() })
    }
}

fn name_of(context: &Context<'_>, topic: &OffsetCommitRequestTopic) -> Option<String> {
    if context.version < BY_ID_FROM {
        return Some(topic.name.clone());
    }
    context.state.topics().by_id(topic.topic_id).map(|topic| topic.name.to_string())
}

fn to_commit(
    topic: &str,
    partition: OffsetCommitRequestPartition,
    retention_ms: Option<i64>,
) -> OffsetToCommit {
    OffsetToCommit {
        partition: TopicPartition::new(topic, partition.partition_index),
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata,
        retention_ms,
    }
}

fn committed(
    partition: &OffsetCommitRequestPartition,
    error: Option<ErrorCode>,
) -> OffsetCommitResponsePartition {
    let error_code = error.unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR);
    OffsetCommitResponsePartition { partition_index: partition.partition_index, error_code }
}

impl Handle for TxnOffsetCommitRequest {
    fn handle(self, context: &Context<'_>) -> Option<TxnOffsetCommitResponse> {
        let state = context.state;
        let mut plan = Plan::default();
        for topic in &self.topics {
            for partition in &topic.partitions {
                plan.add(state, pending(&topic.name, partition));
            }
        }
        let transaction = TransactionRef {
            transactional_id: self.transactional_id,
            producer: Producer { id: self.producer_id, epoch: self.producer_epoch },
        };
        let member = MemberRef {
            group_id: self.group_id,
            member_id: self.member_id,
            instance_id: self.group_instance_id,
            generation: self.generation_id,
        };
        let mut errors =
            plan.run(|offsets| commit_in_transaction(context, &transaction, &member, offsets));
        let topics = self.topics.into_iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|one| TxnOffsetCommitResponsePartition {
                partition_index: one.partition_index,
                error_code: errors.next().unwrap_or(ErrorCode::UNKNOWN_SERVER_ERROR),
            });
            TxnOffsetCommitResponseTopic { partitions: partitions.collect(), name: topic.name }
        });
        Some(TxnOffsetCommitResponse {
            topics: topics.collect(),
            ..TxnOffsetCommitResponse::default()
        })
    }
}

fn pending(topic: &str, partition: TxnOffsetCommitRequestPartition) -> OffsetToCommit {
    OffsetToCommit {
        partition: TopicPartition::new(topic, partition.partition_index),
        offset: partition.committed_offset,
        leader_epoch: partition.committed_leader_epoch,
        metadata: partition.committed_metadata,
        retention_ms: None,
    }
}

/// The coordinator's lock is held from the question until the offsets are with the group: the transaction cannot end between.
fn commit_in_transaction(
    context: &Context<'_>,
    transaction: &TransactionRef,
    member: &MemberRef,
    offsets: Vec<OffsetToCommit>,
) -> Result<Vec<ErrorCode>, ErrorCode> {
    let state = context.state;
    let now_ms = state.steady_ms();
    let commit = || {
        state.with_groups(|groups| {
            groups.commit_in_transaction(now_ms, member, transaction.producer, offsets)
        })?
    };
    let told = |error| Err(txn_offset_commit_error(error, context.version));
    if context.version < IMPLICIT_ADD_FROM {
        let desk = state.transactions();
        return match desk.transactions.verify_group(transaction, &member.group_id) {
            ErrorCode::NONE => commit(),
            error => told(error),
        };
    }
    let mut desk = state.transactions_mut();
    match desk.transactions.add_group(now_ms, transaction, &member.group_id) {
        ErrorCode::NONE => {
            desk.save()?;
            commit()
        }
        error => told(error),
    }
}
