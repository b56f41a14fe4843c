//! All messages by their number, for whoever takes what comes: brokers, proxies and tests.

use super::Request;
use crate::api::ApiKey;
use crate::read::{DecodeError, Reader};
#[cfg(test)]
use crate::sample::{Entropy, Sample};
use crate::wire::{Version, Wire};
use crate::write::Writer;

/// The versions of one API that Kolk speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Supported {
    /// The API.
    pub key: ApiKey,
    /// Lowest version.
    pub min: i16,
    /// Highest version.
    pub max: i16,
    /// First flexible version (KIP-482).
    pub flexible_from: i16,
}

impl Supported {
    /// Of the API with this number, if Kolk speaks it.
    #[must_use]
    pub fn of(api_key: i16) -> Option<Self> {
        supported().iter().copied().find(|api| api.key as i16 == api_key)
    }

    /// Whether Kolk speaks this version of the API.
    #[must_use]
    pub fn has(&self, version: i16) -> bool {
        (self.min..=self.max).contains(&version)
    }

    /// The version with this number, flexible or not.
    #[must_use]
    pub fn version(&self, number: i16) -> Version {
        Version { number, flexible: number >= self.flexible_from }
    }
}

/// The part that [`AnyRequest`] and [`AnyResponse`] have in common.
pub trait Any: Sized {
    /// Reads the message of an API at a version; `None` when Kolk does not speak that version.
    ///
    /// # Errors
    /// [`DecodeError`] when the bytes are not such a message.
    fn read(key: ApiKey, version: i16, reader: &mut Reader) -> Result<Option<Self>, DecodeError>;

    /// An empty message.
    fn default_of(key: ApiKey) -> Option<Self>;

    /// The message's API.
    fn key(&self) -> ApiKey;

    /// Writes the message without its header.
    fn write(&self, version: i16, writer: &mut Writer);
}

/// For tests: a message made out of random bytes.
#[cfg(test)]
pub(crate) trait AnySample: Any {
    fn sample(key: ApiKey, entropy: &mut Entropy<'_>, version: Version) -> Option<Self>;
}

macro_rules! any {
    ($($module:ident :: $request:ident => $response:ident, $key:ident;)*) => {
        /// All APIs that Kolk speaks, by rising number.
        #[must_use]
        pub const fn supported() -> &'static [Supported] {
            &[$(Supported {
                key: ApiKey::$key,
                min: super::$module::$request::MIN_VERSION,
                max: super::$module::$request::MAX_VERSION,
                flexible_from: super::$module::$request::FLEXIBLE_FROM,
            },)*]
        }

        any!(enum AnyRequest "A request of any API.", $($module::$request, $key;)*);
        any!(enum AnyResponse "A response of any API.", $($module::$response, $key;)*);
    };
    (enum $any:ident $doc:literal, $($module:ident :: $message:ident, $key:ident;)*) => {
        #[doc = $doc]
        #[derive(Debug, Clone, PartialEq)]
        #[expect(missing_docs, reason = "the names are the protocol's own")]
        pub enum $any {
            $($key(super::$module::$message),)*
        }

        #[cfg(test)]
        impl AnySample for $any {
            fn sample(key: ApiKey, entropy: &mut Entropy<'_>, version: Version) -> Option<Self> {
                match key {
                    $(ApiKey::$key => Some(Self::$key(Sample::sample(entropy, version))),)*
                    _ => None,
                }
            }
        }

        impl Any for $any {
            fn read(key: ApiKey, version: i16, reader: &mut Reader) -> Result<Option<Self>, DecodeError> {
                let Some(api) = Supported::of(key as i16).filter(|api| api.has(version)) else {
                    return Ok(None);
                };
                let version = api.version(version);
                Ok(Some(match key {
                    $(ApiKey::$key => Self::$key(Wire::read(reader, version)?),)*
                    _ => return Ok(None),
                }))
            }

            fn default_of(key: ApiKey) -> Option<Self> {
                match key {
                    $(ApiKey::$key => Some(Self::$key(Default::default())),)*
                    _ => None,
                }
            }

            fn key(&self) -> ApiKey {
                match self {
                    $(Self::$key(_) => ApiKey::$key,)*
                }
            }

            fn write(&self, version: i16, writer: &mut Writer) {
                let flexible = Supported::of(self.key() as i16).is_some_and(|api| version >= api.flexible_from);
                let version = Version { number: version, flexible };
                match self {
                    $(Self::$key(message) => message.write(writer, version),)*
                }
            }
        }
    };
}

any! {
    produce::ProduceRequest => ProduceResponse, Produce;
    fetch::FetchRequest => FetchResponse, Fetch;
    list_offsets::ListOffsetsRequest => ListOffsetsResponse, ListOffsets;
    metadata::MetadataRequest => MetadataResponse, Metadata;
    offset_commit::OffsetCommitRequest => OffsetCommitResponse, OffsetCommit;
    offset_fetch::OffsetFetchRequest => OffsetFetchResponse, OffsetFetch;
    find_coordinator::FindCoordinatorRequest => FindCoordinatorResponse, FindCoordinator;
    join_group::JoinGroupRequest => JoinGroupResponse, JoinGroup;
    heartbeat::HeartbeatRequest => HeartbeatResponse, Heartbeat;
    leave_group::LeaveGroupRequest => LeaveGroupResponse, LeaveGroup;
    sync_group::SyncGroupRequest => SyncGroupResponse, SyncGroup;
    describe_groups::DescribeGroupsRequest => DescribeGroupsResponse, DescribeGroups;
    list_groups::ListGroupsRequest => ListGroupsResponse, ListGroups;
    sasl_handshake::SaslHandshakeRequest => SaslHandshakeResponse, SaslHandshake;
    api_versions::ApiVersionsRequest => ApiVersionsResponse, ApiVersions;
    create_topics::CreateTopicsRequest => CreateTopicsResponse, CreateTopics;
    delete_topics::DeleteTopicsRequest => DeleteTopicsResponse, DeleteTopics;
    delete_records::DeleteRecordsRequest => DeleteRecordsResponse, DeleteRecords;
    init_producer_id::InitProducerIdRequest => InitProducerIdResponse, InitProducerId;
    offset_for_leader_epoch::OffsetForLeaderEpochRequest => OffsetForLeaderEpochResponse, OffsetForLeaderEpoch;
    add_partitions_to_txn::AddPartitionsToTxnRequest => AddPartitionsToTxnResponse, AddPartitionsToTxn;
    add_offsets_to_txn::AddOffsetsToTxnRequest => AddOffsetsToTxnResponse, AddOffsetsToTxn;
    end_txn::EndTxnRequest => EndTxnResponse, EndTxn;
    txn_offset_commit::TxnOffsetCommitRequest => TxnOffsetCommitResponse, TxnOffsetCommit;
    describe_configs::DescribeConfigsRequest => DescribeConfigsResponse, DescribeConfigs;
    alter_configs::AlterConfigsRequest => AlterConfigsResponse, AlterConfigs;
    describe_log_dirs::DescribeLogDirsRequest => DescribeLogDirsResponse, DescribeLogDirs;
    sasl_authenticate::SaslAuthenticateRequest => SaslAuthenticateResponse, SaslAuthenticate;
    create_partitions::CreatePartitionsRequest => CreatePartitionsResponse, CreatePartitions;
    delete_groups::DeleteGroupsRequest => DeleteGroupsResponse, DeleteGroups;
    incremental_alter_configs::IncrementalAlterConfigsRequest => IncrementalAlterConfigsResponse,
        IncrementalAlterConfigs;
    offset_delete::OffsetDeleteRequest => OffsetDeleteResponse, OffsetDelete;
    describe_cluster::DescribeClusterRequest => DescribeClusterResponse, DescribeCluster;
    describe_topic_partitions::DescribeTopicPartitionsRequest => DescribeTopicPartitionsResponse,
        DescribeTopicPartitions;
}
