//! Consumer groups: list, describe, delete; their offsets: list, set, delete.

use super::{Admin, Place, left_out, refusal};
use crate::client::error::{Action, ClientError};
use crate::client::group::protocol::Assignment;
use crate::client::{Offset, TopicPartition};
use kolk_wire::ErrorCode;
use kolk_wire::message::delete_groups::{DeleteGroupsRequest, DeleteGroupsResponse};
use kolk_wire::message::describe_groups::{
    DescribeGroupsRequest, DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};
use kolk_wire::message::list_groups::{ListGroupsRequest, ListGroupsResponse};
use kolk_wire::message::offset_commit::{
    OffsetCommitRequest, OffsetCommitRequestPartition, OffsetCommitRequestTopic,
    OffsetCommitResponse,
};
use kolk_wire::message::offset_delete::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
    OffsetDeleteResponse,
};
use kolk_wire::message::offset_fetch::{
    OffsetFetchRequest, OffsetFetchRequestGroup, OffsetFetchResponse,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// From version 10 on OffsetCommit and OffsetFetch go by topic id, which a group of deleted topics no longer has.
const BY_NAME: std::ops::RangeInclusive<i16> = 0..=9;

/// A group in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupListing {
    /// Its id.
    pub id: String,
    /// What it is used for: `consumer`, or empty when only offsets were committed.
    pub protocol_type: String,
    /// `Stable`, `Empty`, `PreparingRebalance` …; empty from brokers before 2.6.
    pub state: String,
}

/// A group in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its id.
    pub id: String,
    /// `Stable`, `Empty`, `PreparingRebalance`, `CompletingRebalance` or `Dead`.
    pub state: String,
    /// The assignor, while there are members.
    pub assignor: String,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// A member of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMember {
    /// Its id, given by the coordinator.
    pub id: String,
    /// Its name across restarts, if it has one.
    pub instance_id: Option<String>,
    /// Its client's name.
    pub client_id: String,
    /// Where it is.
    pub host: String,
    /// What it reads.
    pub assignment: Vec<TopicPartition>,
}

/// An offset that a group has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next record to read.
    pub offset: Offset,
    /// The leader epoch of the last record read; −1 when unknown.
    pub leader_epoch: i32,
    /// What the member wrote beside it.
    pub metadata: String,
}

impl Admin {
    /// All groups of all brokers, by id.
    ///
    /// # Errors
    /// As [`Admin::describe_cluster`].
    pub fn list_groups(&mut self) -> Result<Vec<GroupListing>, ClientError> {
        let what = "groups cannot be listed";
        let nodes: Vec<i32> = self.describe_cluster()?.nodes.into_keys().collect();
        let mut groups = Vec::new();
        for node in nodes {
            let request = ListGroupsRequest::default();
            let response = self.call(
                Place::Node(node),
                0..=i16::MAX,
                what,
                &request,
                |response: &ListGroupsResponse, _| refusal(response.error_code, what, None),
            )?;
            groups.extend(response.groups.iter().map(|group| GroupListing {
                id: group.group_id,
                protocol_type: group.protocol_type,
                state: group.group_state,
            }));
        }
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        groups.dedup_by(|a, b| a.id == b.id);
        Ok(groups)
    }

    /// One group in full. A group that does not exist is described as `Dead`.
    ///
    /// # Errors
    /// [`ClientError::Fatal`] when it may not be seen.
    pub fn describe_group(&mut self, group: &str) -> Result<GroupDescription, ClientError> {
        let what = format!("group `{group}` cannot be described");
        let request = DescribeGroupsRequest {
            groups: vec![group.to_owned()],
            ..DescribeGroupsRequest::default()
        };
        let place = Place::Coordinator(group);
        let response = self.call(
            place,
            0..=i16::MAX,
            &what,
            &request,
            |response: &DescribeGroupsResponse, _| {
                let result = response.groups.first().ok_or_else(|| left_out(&what))?;
                match result.error_code {
                    // KIP-1043: from version 6 on, what used to be a dead group.
                    ErrorCode::GROUP_ID_NOT_FOUND => Ok(()),
                    code => refusal(code, &what, result.error_message.as_deref()),
                }
            },
        )?;
        let described = response.groups.into_iter().next().ok_or_else(|| left_out(&what))?;
        Ok(description(described))
    }

    /// Deletes a group and its offsets.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] with code `NON_EMPTY_GROUP` or `GROUP_ID_NOT_FOUND`.
    pub fn delete_group(&mut self, group: &str) -> Result<(), ClientError> {
        let what = format!("group `{group}` cannot be deleted");
        let request = DeleteGroupsRequest { groups_names: vec![group.to_owned()] };
        let place = Place::Coordinator(group);
        self.call(
            place,
            0..=i16::MAX,
            &what,
            &request,
            |response: &DeleteGroupsResponse, before| {
                let result = response.results.first().ok_or_else(|| left_out(&what))?;
                match result.error_code {
                    ErrorCode::GROUP_ID_NOT_FOUND if before == super::Before::Perhaps => Ok(()),
                    code => refusal(code, &what, None),
                }
            },
        )?;
        Ok(())
    }

    /// The offsets that a group has committed; stable ones, so it waits for transactions that are about to end.
    ///
    /// # Errors
    /// [`ClientError::Retry`] when a transaction stays open too long, [`ClientError::Fatal`] when they may not be seen.
    pub fn group_offsets(
        &mut self,
        group: &str,
    ) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
        let what = format!("offsets of group `{group}` cannot be read");
        let asked = OffsetFetchRequestGroup {
            group_id: group.to_owned(),
            topics: None,
            ..OffsetFetchRequestGroup::default()
        };
        let request = OffsetFetchRequest {
            group_id: group.to_owned(),
            topics: None,
            groups: vec![asked],
            require_stable: true,
        };
        let mut found = BTreeMap::new();
        self.call(
            Place::Coordinator(group),
            BY_NAME,
            &what,
            &request,
            |response: &OffsetFetchResponse, _| {
                found = committed(response, &what)?;
                Ok(())
            },
        )?;
        Ok(found)
    }

    /// Sets offsets of a group that has no members.
    ///
    /// # Errors
    /// [`ClientError::Invalid`] when the group has members (stop them first) or a partition does not exist.
    pub fn set_group_offsets(
        &mut self,
        group: &str,
        offsets: &BTreeMap<TopicPartition, Offset>,
    ) -> Result<(), ClientError> {
        let what = format!("offsets of group `{group}` cannot be set");
        let topics = by_topic(offsets.keys()).into_iter().map(|(topic, partitions)| {
            OffsetCommitRequestTopic {
                partitions: partitions
                    .iter()
                    .filter_map(|it| {
                        Some(OffsetCommitRequestPartition {
                            partition_index: it.partition,
                            committed_offset: offsets.get(*it)?.0,
                            // Null is not understood by every broker; empty is what Kafka's own tool writes.
                            committed_metadata: Some(String::new()),
                            ..OffsetCommitRequestPartition::default()
                        })
                    })
                    .collect(),
                name: topic.to_string(),
                ..OffsetCommitRequestTopic::default()
            }
        });
        let request = OffsetCommitRequest {
            group_id: group.to_owned(),
            topics: topics.collect(),
            ..OffsetCommitRequest::default()
        };
        self.call(
            Place::Coordinator(group),
            BY_NAME,
            &what,
            &request,
            |response: &OffsetCommitResponse, _| {
                for topic in &response.topics {
                    for partition in &topic.partitions {
                        member_refusal(
                            partition.error_code,
                            format!("{what} ({}-{})", topic.name, partition.partition_index),
                        )?;
                    }
                }
                Ok(())
            },
        )?;
        Ok(())
    }

    /// Deletes offsets of a group that does not read their topics at the moment (KIP-496).
    ///
    /// # Errors
    /// [`ClientError::Invalid`] with code `GROUP_SUBSCRIBED_TO_TOPIC` or `GROUP_ID_NOT_FOUND`.
    pub fn delete_group_offsets(
        &mut self,
        group: &str,
        partitions: &BTreeSet<TopicPartition>,
    ) -> Result<(), ClientError> {
        let what = format!("offsets of group `{group}` cannot be deleted");
        let topics =
            by_topic(partitions).into_iter().map(|(topic, partitions)| OffsetDeleteRequestTopic {
                name: topic.to_string(),
                partitions: partitions
                    .iter()
                    .map(|it| OffsetDeleteRequestPartition { partition_index: it.partition })
                    .collect(),
            });
        let request = OffsetDeleteRequest { group_id: group.to_owned(), topics: topics.collect() };
        self.call(
            Place::Coordinator(group),
            0..=i16::MAX,
            &what,
            &request,
            |response: &OffsetDeleteResponse, _| {
                refusal(response.error_code, &what, None)?;
                for topic in &response.topics {
                    for partition in &topic.partitions {
                        member_refusal(
                            partition.error_code,
                            format!("{what} ({}-{})", topic.name, partition.partition_index),
                        )?;
                    }
                }
                Ok(())
            },
        )?;
        Ok(())
    }
}

/// Codes by which a coordinator says that the group is in use.
fn member_refusal(code: ErrorCode, what: String) -> Result<(), ClientError> {
    match code {
        ErrorCode::UNKNOWN_MEMBER_ID
        | ErrorCode::ILLEGAL_GENERATION
        | ErrorCode::REBALANCE_IN_PROGRESS => {
            let message = format!("{what}: the group has members; stop them first");
            Err(ClientError::with_code(Action::Invalid, code, message))
        }
        code => refusal(code, what, None),
    }
}

fn by_topic<'a>(
    partitions: impl IntoIterator<Item = &'a TopicPartition>,
) -> BTreeMap<Arc<str>, Vec<&'a TopicPartition>> {
    let mut topics: BTreeMap<Arc<str>, Vec<&TopicPartition>> = BTreeMap::new();
    for partition in partitions {
        topics.entry(Arc::clone(&partition.topic)).or_default().push(partition);
    }
    topics
}

fn description(group: DescribedGroup) -> GroupDescription {
    let absent = !group.error_code.is_none();
    GroupDescription {
        id: group.group_id,
        state: if absent { "Dead".to_owned() } else { group.group_state },
        assignor: group.protocol_data,
        members: group.members.into_iter().map(member).collect(),
    }
}

fn member(member: DescribedGroupMember) -> GroupMember {
    // Another protocol type than `consumer` has assignments of its own form: they are shown as none.
    let assignment =
        Assignment::decode(member.member_assignment).map(|it| it.partitions).unwrap_or_default();
    GroupMember {
        id: member.member_id,
        instance_id: member.group_instance_id,
        client_id: member.client_id,
        host: member.client_host,
        assignment,
    }
}

/// Reads a response of any version: up to 7 for one group, from 8 on for several.
fn committed(
    response: &OffsetFetchResponse,
    what: &str,
) -> Result<BTreeMap<TopicPartition, CommittedOffset>, ClientError> {
    let mut found = BTreeMap::new();
    let mut take = |topic: &str, partition: i32, code: ErrorCode, offset: CommittedOffset| {
        refusal(code, format!("{what} ({topic}-{partition})"), None)?;
        if offset.offset.0 >= 0 {
            found.insert(TopicPartition::new(topic, partition), offset);
        }
        Ok::<(), ClientError>(())
    };
    refusal(response.error_code, what, None)?;
    for topic in &response.topics {
        for it in &topic.partitions {
            let offset = CommittedOffset {
                offset: Offset(it.committed_offset),
                leader_epoch: it.committed_leader_epoch,
                metadata: it.metadata.unwrap_or_default(),
            };
            take(&topic.name, it.partition_index, it.error_code, offset)?;
        }
    }
    for group in &response.groups {
        refusal(group.error_code, what, None)?;
        for topic in &group.topics {
            for it in &topic.partitions {
                let offset = CommittedOffset {
                    offset: Offset(it.committed_offset),
                    leader_epoch: it.committed_leader_epoch,
                    metadata: it.metadata.unwrap_or_default(),
                };
                take(&topic.name, it.partition_index, it.error_code, offset)?;
            }
        }
    }
    Ok(found)
}
