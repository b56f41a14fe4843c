//! Staying and leaving: heartbeats, what they tell, and the good-bye.

use super::{GroupEvent, Held, MemberPhase, Membership, Role};
use crate::client::coordinator::Call;
use crate::client::error::ClientError;
use crate::client::network::{Lane, SendOptions};
use crate::client::requests::{ClusterView, Requests};
use kolk_wire::ErrorCode;
use kolk_wire::message::heartbeat::HeartbeatRequest;
use kolk_wire::message::leave_group::{LeaveGroupRequest, MemberIdentity};
use std::time::Duration;

/// How long a member that stops tries to say so.
pub(super) const LEAVE_WAIT_MAX: Duration = Duration::from_secs(2);
/// How long the leader waits for a member that has to give partitions up and joins again then. One that is killed in between comes
/// back under its instance id without a rebalance, knows nothing of them, and nobody would ever own them.
pub(super) const INCOMPLETE_MAX: Duration = Duration::from_secs(5);

impl Membership {
    pub(super) fn step_stable(
        &mut self,
        network: &mut impl Requests,
        view: &impl ClusterView,
    ) -> Result<(), ClientError> {
        let due = network.now() >= self.next_heartbeat;
        self.step_heartbeat(network)?;
        if due && self.phase == MemberPhase::Stable {
            let overdue = self
                .incomplete_since
                .is_some_and(|since| network.now().since(since) >= INCOMPLETE_MAX);
            self.rejoin_wanted |= self.counts_changed(view) || overdue;
        }
        if self.rejoin_wanted && self.held == Held::No && self.phase == MemberPhase::Stable {
            self.rebalance();
        }
        Ok(())
    }

    /// Whether the leader distributed other partitions than there are now.
    fn counts_changed(&mut self, view: &impl ClusterView) -> bool {
        if self.role == Role::Follower {
            return false;
        }
        let count =
            |topic: &String| view.partition_count(topic).and_then(|n| i32::try_from(n).ok());
        let Some(counted) = &self.counted else {
            let found = self.topics.iter().filter_map(|t| count(t).map(|n| (t.clone(), n)));
            self.counted = Some(found.collect());
            return false;
        };
        let differs = |t: &&String| count(t).is_some_and(|n| counted.get(*t) != Some(&n));
        self.topics.iter().any(|topic| differs(&topic))
    }

    pub(super) fn step_heartbeat(
        &mut self,
        network: &mut impl Requests,
    ) -> Result<(), ClientError> {
        let now = network.now();
        if !self.heartbeat.is_waiting() {
            if now < self.next_heartbeat {
                return Ok(());
            }
            self.asked_at = now;
        }
        let request = HeartbeatRequest {
            group_id: self.group_id.clone(),
            generation_id: self.generation,
            member_id: self.member_id.clone(),
            group_instance_id: self.config.instance_id.clone(),
        };
        // On a connection that died without a word the next attempt must come before the session is over.
        let timeout = Some(self.config.session_timeout / 3);
        let options = SendOptions { timeout, ..Default::default() };
        let build = move |_| request;
        let lane = Lane::Coordinator;
        let response = self.heartbeat.step(network, &mut self.coordinator, lane, options, build)?;
        let Some(response) = response else { return Ok(()) };
        let code = response.error_code;
        if self.heartbeat.repeats(code, &mut self.coordinator, now) {
            return Ok(());
        }
        self.heartbeat = Call::default();
        self.next_heartbeat = now + self.config.heartbeat_interval;
        if matches!(code, ErrorCode::NONE | ErrorCode::REBALANCE_IN_PROGRESS) {
            self.confirmed = Some(self.asked_at);
        }
        match code {
            ErrorCode::NONE => Ok(()),
            ErrorCode::REBALANCE_IN_PROGRESS => {
                self.rejoin_wanted = true;
                Ok(())
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::ILLEGAL_GENERATION => {
                self.lost(code);
                Ok(())
            }
            code => self.refused(code),
        }
    }

    /// Dynamic members say that they leave; whatever the answer, they are gone.
    pub(super) fn step_leaving(&mut self, network: &mut impl Requests) -> Result<(), ClientError> {
        if !self.member_id.is_empty() {
            let instance_id = self.config.instance_id.clone();
            let (group_id, member_id) = (self.group_id.clone(), self.member_id.clone());
            let build = move |version| match version {
                0..=2 => LeaveGroupRequest { group_id, member_id, ..Default::default() },
                _ => {
                    let reason = Some("the instance stops".to_owned());
                    let member =
                        MemberIdentity { member_id, group_instance_id: instance_id, reason };
                    LeaveGroupRequest { group_id, members: vec![member], ..Default::default() }
                }
            };
            // Not behind a JoinGroup that is still held.
            let (lane, options) = (Lane::Control, SendOptions::default());
            let first = self.leave.attempts == 0;
            let answer = self.leave.step(network, &mut self.coordinator, lane, options, build)?;
            let patient = network.now().since(self.leaving_since) < LEAVE_WAIT_MAX;
            if answer.is_none() && patient && (first || self.leave.is_waiting()) {
                return Ok(());
            }
            self.leave.cancel(network);
        }
        self.phase = MemberPhase::Left;
        self.events.push(GroupEvent::Left);
        Ok(())
    }

    pub(super) fn refused(&mut self, code: ErrorCode) -> Result<(), ClientError> {
        let what = match (code, &self.config.instance_id) {
            (ErrorCode::FENCED_INSTANCE_ID, Some(id)) => {
                format!("another process is in group `{}` as instance `{id}`", self.group_id)
            }
            _ => format!("membership of group `{}`", self.group_id),
        };
        Err(ClientError::from_code(code, what, None))
    }
}
