//! The APIs that the broker serves, one file for each (or for a family), and the table that leads a request to its
//! handler.

mod api_versions;
mod metadata;
mod describe_cluster;
mod describe_topic_partitions;
mod operations;
mod produce;
mod fetch;
mod list_offsets;
mod offset_for_leader_epoch;
mod find_coordinator;
mod membership;
mod groups;
mod offset_commit;
mod offset_fetch;
mod transactions;
mod create_topics;
mod change_topics;
mod configs;
#[cfg(test)]
mod tests;

use crate::server::{Answer, Peer, Service};
use crate::state::State;
use bytes::Bytes;
use kolk_wire::frame::{RequestHeader, encode_response};
use kolk_wire::message::Request;
use kolk_wire::{ApiKey, Reader};
use std::cell::Cell;
use std::sync::Arc;

/// What a handler knows besides the request.
struct Context<'a> {
    state: &'a State,
    peer: &'a Peer,
    client_id: Option<String>,
    /// The request's version.
    version: i16,
    /// Set by a handler that has no answer, to have the connection closed.
    hang_up: Cell<bool>,
}

/// A request that the broker answers.
trait Handle: Request {
    /// The highest version served, where that is not the highest that Kolk knows.
    const SERVED_MAX: i16 = Self::MAX_VERSION;

    /// The answer; `None` where the protocol wants none (produce with acks 0).
    fn handle(self, context: &Context<'_>) -> Option<Self::Response>;
}

/// Versions served of one API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Served {
    key: ApiKey,
    min: i16,
    max: i16,
    flexible_from: i16,
}

/// Lists the requests served: the table of versions and the way to each handler come of the same line.
macro_rules! serve {
    ($($request:path),* $(,)?) => {
        const SERVED: &[Served] = &[$(Served {
            key: <$request as Request>::KEY,
            min: <$request as Request>::MIN_VERSION,
            max: <$request as Handle>::SERVED_MAX,
            flexible_from: <$request as Request>::FLEXIBLE_FROM,
        }),*];

        fn dispatch(key: ApiKey, header: &RequestHeader, reader: &mut Reader, context: &Context<'_>) -> Answer {
            $(if key == <$request as Request>::KEY {
                return answer::<$request>(header, reader, context);
            })*
            Answer::Close
        }
    };
}

serve! {
    kolk_wire::message::api_versions::ApiVersionsRequest,
    kolk_wire::message::metadata::MetadataRequest,
    kolk_wire::message::produce::ProduceRequest,
    kolk_wire::message::fetch::FetchRequest,
    kolk_wire::message::list_offsets::ListOffsetsRequest,
    kolk_wire::message::offset_for_leader_epoch::OffsetForLeaderEpochRequest,
    kolk_wire::message::find_coordinator::FindCoordinatorRequest,
    kolk_wire::message::join_group::JoinGroupRequest,
    kolk_wire::message::sync_group::SyncGroupRequest,
    kolk_wire::message::heartbeat::HeartbeatRequest,
    kolk_wire::message::leave_group::LeaveGroupRequest,
    kolk_wire::message::offset_commit::OffsetCommitRequest,
    kolk_wire::message::offset_fetch::OffsetFetchRequest,
    kolk_wire::message::offset_delete::OffsetDeleteRequest,
    kolk_wire::message::describe_groups::DescribeGroupsRequest,
    kolk_wire::message::list_groups::ListGroupsRequest,
    kolk_wire::message::delete_groups::DeleteGroupsRequest,
    kolk_wire::message::init_producer_id::InitProducerIdRequest,
    kolk_wire::message::add_partitions_to_txn::AddPartitionsToTxnRequest,
    kolk_wire::message::add_offsets_to_txn::AddOffsetsToTxnRequest,
    kolk_wire::message::txn_offset_commit::TxnOffsetCommitRequest,
    kolk_wire::message::end_txn::EndTxnRequest,
    kolk_wire::message::create_topics::CreateTopicsRequest,
    kolk_wire::message::delete_topics::DeleteTopicsRequest,
    kolk_wire::message::create_partitions::CreatePartitionsRequest,
    kolk_wire::message::delete_records::DeleteRecordsRequest,
    kolk_wire::message::describe_configs::DescribeConfigsRequest,
    kolk_wire::message::alter_configs::AlterConfigsRequest,
    kolk_wire::message::incremental_alter_configs::IncrementalAlterConfigsRequest,
    kolk_wire::message::describe_cluster::DescribeClusterRequest,
    kolk_wire::message::describe_topic_partitions::DescribeTopicPartitionsRequest,
    kolk_wire::message::describe_log_dirs::DescribeLogDirsRequest,
}

fn served(key: i16) -> Option<&'static Served> {
    SERVED.iter().find(|served| served.key as i16 == key)
}

fn answer<R: Handle>(header: &RequestHeader, reader: &mut Reader, context: &Context<'_>) -> Answer {
    let Ok(request) = R::read(reader, R::version(header.api_version)) else {
        return Answer::Close;
    };
    match request.handle(context) {
        Some(response) => Answer::Frame(encode_response::<R>(
            &response,
            header.api_version,
            header.correlation_id,
        )),
        None if context.hang_up.get() => Answer::Close,
        None => Answer::Nothing,
    }
}

/// The broker as a server sees it.
pub(crate) struct Api {
    state: Arc<State>,
}

impl Api {
    /// Serves `state`.
    #[must_use]
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self { state }
    }
}

impl Service for Api {
    fn answer(&self, peer: &Peer, frame: Bytes) -> Answer {
        let mut reader = Reader::new(frame);
        let flexible =
            |key, version| served(key).is_some_and(|served| version >= served.flexible_from);
        let Ok(header) = RequestHeader::read(&mut reader, flexible) else { return Answer::Close };
        let Some(api) = served(header.api_key) else { return Answer::Close };
        if header.api_version < api.min || header.api_version > api.max {
            // Any client must be able to find out what is served (KIP-511); for all else Kafka hangs up too.
            return match api.key {
                ApiKey::ApiVersions => api_versions::unsupported(&header),
                _ => Answer::Close,
            };
        }
        let version = header.api_version;
        let context = Context {
            state: &self.state,
            peer,
            client_id: header.client_id.clone(),
            version,
            hang_up: Cell::new(false),
        };
        dispatch(api.key, &header, &mut reader, &context)
    }

    fn stop(&self) {
        self.state.stop();
    }
}
