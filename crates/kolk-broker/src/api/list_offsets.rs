//! ListOffsets: earliest, latest, by time, and the record with the greatest time-stamp.

use super::{Context, Handle};
use crate::log::{Isolation, LEADER_EPOCH, OffsetAndTimestamp};
use kolk_wire::ErrorCode;
use kolk_wire::message::list_offsets::{
    ListOffsetsPartition, ListOffsetsPartitionResponse, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopicResponse,
};

/// The offset behind the last record (or the last stable offset).
const LATEST: i64 = -1;
/// The first offset.
const EARLIEST: i64 = -2;
/// The record with the greatest time-stamp (KIP-734).
const MAX_TIMESTAMP: i64 = -3;
/// The first offset on this node's own disk (KIP-405): all are.
const EARLIEST_LOCAL: i64 = -4;
/// The last offset in tiered storage (KIP-1005): there is none.
const LATEST_TIERED: i64 = -5;
/// The first offset that waits to go there (KIP-1023): there is none.
const EARLIEST_PENDING_UPLOAD: i64 = -6;

impl Handle for ListOffsetsRequest {
    fn handle(self, context: &Context<'_>) -> Option<ListOffsetsResponse> {
        let isolation =
            if self.isolation_level == 1 { Isolation::Committed } else { Isolation::Uncommitted };
        let topics = self.topics.into_iter().map(|topic| {
            let find = |partition| find(context, &topic.name, &partition, isolation);
            let partitions = topic.partitions.iter().cloned().map(find).collect();
            ListOffsetsTopicResponse { name: topic.name.clone(), partitions }
        });
        Some(ListOffsetsResponse { topics: topics.collect(), ..ListOffsetsResponse::default() })
    }
}

fn find(
    context: &Context<'_>,
    topic: &str,
    wanted: &ListOffsetsPartition,
    isolation: Isolation,
) -> ListOffsetsPartitionResponse {
    let index = wanted.partition_index;
    match offset(context, topic, wanted, isolation) {
        Ok(found) => ListOffsetsPartitionResponse {
            partition_index: index,
            timestamp: found.timestamp,
            offset: found.offset,
            leader_epoch: if found.offset >= 0 { LEADER_EPOCH } else { -1 },
            ..ListOffsetsPartitionResponse::default()
        },
        Err(error_code) => ListOffsetsPartitionResponse {
            partition_index: index,
            error_code,
            ..ListOffsetsPartitionResponse::default()
        },
    }
}

fn offset(
    context: &Context<'_>,
    topic: &str,
    wanted: &ListOffsetsPartition,
    isolation: Isolation,
) -> Result<OffsetAndTimestamp, ErrorCode> {
    const NONE: OffsetAndTimestamp = OffsetAndTimestamp { offset: -1, timestamp: -1 };
    if wanted.current_leader_epoch > LEADER_EPOCH {
        return Err(ErrorCode::UNKNOWN_LEADER_EPOCH);
    }
    let partition = context.state.partition(topic, wanted.partition_index);
    let partition = partition.ok_or(ErrorCode::UNKNOWN_TOPIC_OR_PARTITION)?;
    let log = partition.log();
    let at = |offset| OffsetAndTimestamp { offset, timestamp: -1 };
    match wanted.timestamp {
        LATEST => Ok(at(log.limit(isolation))),
        EARLIEST | EARLIEST_LOCAL => Ok(at(log.log_start_offset())),
        MAX_TIMESTAMP => {
            let found =
                log.offset_of_max_timestamp().map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?;
            Ok(found.unwrap_or(NONE))
        }
        LATEST_TIERED | EARLIEST_PENDING_UPLOAD => Ok(NONE),
        timestamp if timestamp < 0 => Err(ErrorCode::UNSUPPORTED_VERSION),
        timestamp => {
            let found = log.offset_for_timestamp(timestamp, isolation);
            Ok(found.map_err(|_| ErrorCode::KAFKA_STORAGE_ERROR)?.unwrap_or(NONE))
        }
    }
}
