//! Joining: JoinGroup, the leader's distribution, SyncGroup.

use super::{GroupEvent, MemberPhase, Membership, Role};
use crate::client::TopicPartition;
use crate::client::coordinator::Call;
use crate::client::error::{Action, ClientError};
use crate::client::group::assignor::{Assignor, Member};
use crate::client::group::protocol::{Assignment, Subscription};
use crate::client::network::{Lane, SendOptions};
use crate::client::requests::{ClusterView, Requests};
use bytes::Bytes;
use kolk_wire::ErrorCode;
use kolk_wire::message::join_group::{
    JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
};
use kolk_wire::message::sync_group::{SyncGroupRequest, SyncGroupRequestAssignment};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long the leader waits for the metadata of topics that members read; those still unknown then are left out.
pub(super) const METADATA_WAIT_MAX: Duration = Duration::from_secs(3);

impl Membership {
    pub(super) fn step_joining(&mut self, network: &mut impl Requests) -> Result<(), ClientError> {
        if self.heartbeat.is_waiting() {
            self.heartbeat.cancel(network);
        }
        let protocols = vec![JoinGroupRequestProtocol {
            name: self.assignor.name().to_owned(),
            metadata: self.subscription().encode(),
        }];
        let request = JoinGroupRequest {
            group_id: self.group_id.clone(),
            session_timeout_ms: millis(self.config.session_timeout),
            rebalance_timeout_ms: millis(self.config.poll_interval_max),
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance_id.clone(),
            protocol_type: "consumer".to_owned(),
            protocols,
            ..Default::default()
        };
        // The coordinator answers when all members have joined, or the rebalance time-out is over: five minutes. But whoever
        // is silent for a session is out, so after that long it is asked again, which takes nothing from anybody: the
        // place is kept, and the rebalance goes on. Otherwise a connection that died without a word, or a coordinator that
        // lost the request while it loaded the group (Apache Kafka 4.1 does when it is restarted), stops the member.
        let timeout = Some(self.config.session_timeout);
        let options = SendOptions { timeout, ..SendOptions::default() };
        let build = move |_| request;
        let lane = Lane::Coordinator;
        let Some(response) =
            self.join.step(network, &mut self.coordinator, lane, options, build)?
        else {
            return Ok(());
        };
        let code = response.error_code;
        if self.join.repeats(code, &mut self.coordinator, network.now()) {
            return Ok(());
        }
        self.join = Call::default();
        match code {
            ErrorCode::NONE => self.joined(network, response),
            // KIP-394: an id first, so that members who never come back cost nothing.
            ErrorCode::MEMBER_ID_REQUIRED => {
                self.member_id = response.member_id;
                self.step_joining(network)
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => {
                self.lost(code);
                Ok(())
            }
            code => self.refused(code),
        }
    }

    fn subscription(&self) -> Subscription {
        let user_data = match self.assignor {
            Assignor::Kolk => Some(self.user_data.encode()),
            Assignor::Range => None,
        };
        Subscription {
            topics: self.topics.clone(),
            user_data,
            owned: self.owned.iter().cloned().collect(),
            generation: self.generation,
            rack: None,
        }
    }

    fn joined(
        &mut self,
        network: &mut impl Requests,
        response: JoinGroupResponse,
    ) -> Result<(), ClientError> {
        self.forming = response.generation_id;
        self.assignments.clear();
        self.counted = None;
        self.incomplete_since = None;
        self.left_out = false;
        self.sync = Call::default();
        let leads = response.leader == response.member_id;
        self.role = if leads { Role::Leader } else { Role::Follower };
        self.member_id = response.member_id;
        // KIP-814: a static leader came back, and the group's assignment stays as it is.
        if !leads || response.skip_assignment {
            // What was distributed then is not known here.
            self.incomplete_since = leads.then(|| network.now());
            self.phase = MemberPhase::Syncing;
            return Ok(());
        }
        self.members.clear();
        for member in response.members {
            let subscription = Subscription::decode(member.metadata).map_err(|error| {
                let what = format!(
                    "member `{}` of group `{}` joined with a subscription that cannot be read: {error}",
                    member.member_id, self.group_id
                );
                ClientError::new(Action::Invalid, what)
            })?;
            let (id, instance_id) = (member.member_id, member.group_instance_id);
            self.members.push(Member { id, instance_id, subscription });
        }
        self.assigning_since = network.now();
        self.phase = MemberPhase::Assigning;
        Ok(())
    }

    /// Waits until the partitions of all topics are known, then distributes them.
    pub(super) fn step_assigning(&mut self, network: &impl Requests, view: &mut impl ClusterView) {
        let topics: BTreeSet<&str> =
            self.members.iter().flat_map(|m| &m.subscription.topics).map(String::as_str).collect();
        let mut counts = BTreeMap::new();
        let mut unknown = false;
        for topic in topics {
            match view.partition_count(topic).and_then(|count| i32::try_from(count).ok()) {
                Some(count) => {
                    counts.insert(topic.to_owned(), count);
                }
                None => {
                    view.want(topic);
                    unknown = true;
                }
            }
        }
        if unknown && network.now().since(self.assigning_since) < METADATA_WAIT_MAX {
            return;
        }
        self.assignments = self.assignor.assign(&self.members, &counts);
        let given: usize = self.assignments.values().map(Vec::len).sum();
        let all: usize = counts.values().filter_map(|count| usize::try_from(*count).ok()).sum();
        self.incomplete_since = (given < all).then(|| network.now());
        self.left_out = unknown;
        self.counted = Some(counts);
        self.members.clear();
        self.phase = MemberPhase::Syncing;
    }

    pub(super) fn step_syncing(&mut self, network: &mut impl Requests) -> Result<(), ClientError> {
        let assignments = self.assignments.iter().map(|(member, partitions)| {
            let assignment = Assignment { partitions: partitions.clone(), user_data: None };
            let assignment = assignment.encode();
            SyncGroupRequestAssignment { member_id: member.clone(), assignment }
        });
        let request = SyncGroupRequest {
            group_id: self.group_id.clone(),
            generation_id: self.forming,
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance_id.clone(),
            protocol_type: Some("consumer".to_owned()),
            protocol_name: Some(self.assignor.name().to_owned()),
            assignments: assignments.collect(),
        };
        // Waiting for the leader may take longer than `request.timeout.ms`, but repeating is harmless, and on a connection
        // that died without a word nothing else would end the wait before the next rebalance. Java's client does the same.
        let options = SendOptions::default();
        let build = move |_| request;
        let lane = Lane::Coordinator;
        let Some(response) =
            self.sync.step(network, &mut self.coordinator, lane, options, build)?
        else {
            return Ok(());
        };
        let code = response.error_code;
        if self.sync.repeats(code, &mut self.coordinator, network.now()) {
            return Ok(());
        }
        self.sync = Call::default();
        match code {
            ErrorCode::NONE => self.synced(network, response.assignment),
            ErrorCode::REBALANCE_IN_PROGRESS => {
                self.rejoin();
                Ok(())
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => {
                self.lost(code);
                Ok(())
            }
            code => self.refused(code),
        }
    }

    fn synced(&mut self, network: &impl Requests, assignment: Bytes) -> Result<(), ClientError> {
        let assignment = Assignment::decode(assignment).map_err(|error| {
            let what =
                format!("the assignment of group `{}` cannot be read: {error}", self.group_id);
            ClientError::new(Action::Invalid, what)
        })?;
        let assigned: BTreeSet<TopicPartition> = assignment.partitions.into_iter().collect();
        self.generation = self.forming;
        self.confirmed = Some(network.now());
        self.heartbeat = Call::default();
        self.next_heartbeat = network.now() + self.config.heartbeat_interval;
        self.phase = MemberPhase::Stable;
        let added: Vec<TopicPartition> = assigned.difference(&self.owned).cloned().collect();
        self.revoking = self.owned.difference(&assigned).cloned().collect();
        if !self.revoking.is_empty() {
            self.events.push(GroupEvent::Revoked(self.revoking.clone()));
            self.phase = MemberPhase::Revoking;
        }
        self.owned.extend(added.iter().cloned());
        self.events.push(GroupEvent::Assigned(added));
        Ok(())
    }
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}
