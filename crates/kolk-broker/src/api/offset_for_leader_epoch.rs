//! OffsetForLeaderEpoch: where an epoch ended, for consumers that look for truncation (KIP-320). Nothing is ever truncated.

use super::{Context, Handle};
use crate::log::LEADER_EPOCH;
use kolk_wire::ErrorCode;
use kolk_wire::message::offset_for_leader_epoch::{
    EpochEndOffset, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopicResult,
};

impl Handle for OffsetForLeaderEpochRequest {
    fn handle(self, context: &Context<'_>) -> Option<OffsetForLeaderEpochResponse> {
        let topics = self.topics.into_iter().map(|topic| {
            let partitions =
                topic.partitions.iter().map(|wanted| end_of(context, &topic.topic, wanted));
            OffsetForLeaderTopicResult { partitions: partitions.collect(), topic: topic.topic }
        });
        Some(OffsetForLeaderEpochResponse {
            topics: topics.collect(),
            ..OffsetForLeaderEpochResponse::default()
        })
    }
}

fn end_of(context: &Context<'_>, topic: &str, wanted: &OffsetForLeaderPartition) -> EpochEndOffset {
    let partition = wanted.partition;
    let refused =
        |error_code| EpochEndOffset { partition, error_code, ..EpochEndOffset::default() };
    let Some(found) = context.state.partition(topic, partition) else {
        return refused(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    };
    if wanted.current_leader_epoch > LEADER_EPOCH {
        return refused(ErrorCode::UNKNOWN_LEADER_EPOCH);
    }
    let end = found.log().end_offset_for_epoch(wanted.leader_epoch);
    EpochEndOffset {
        partition,
        leader_epoch: end.leader_epoch,
        end_offset: end.end_offset,
        ..EpochEndOffset::default()
    }
}
