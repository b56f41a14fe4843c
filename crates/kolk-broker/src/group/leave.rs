//! LeaveGroup.

use super::classic::{Group, Turn};
use super::state::GroupState;
use kolk_wire::ErrorCode;

/// One who leaves; up to v2 a request names exactly one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// Member id; empty to remove whoever has the instance id, as administrators do.
    pub member_id: String,
    /// `group.instance.id` (v3+).
    pub instance_id: Option<String>,
}

impl Group {
    pub(super) fn leave(&mut self, turn: &mut Turn<'_>, leaving: &[Leaving]) -> Vec<ErrorCode> {
        let before = self.members.len();
        let errors = leaving.iter().map(|one| self.leave_one(turn, one)).collect();
        if self.members.len() < before {
            self.rebalance(turn);
        } else if self.state == GroupState::PreparingRebalance {
            self.complete_join_if_all(turn);
        }
        errors
    }

    fn leave_one(&mut self, turn: &mut Turn<'_>, leaving: &Leaving) -> ErrorCode {
        if leaving.instance_id.is_none() && self.invited.remove(&leaving.member_id).is_some() {
            return ErrorCode::NONE;
        }
        let by_instance = leaving.instance_id.as_ref().filter(|_| leaving.member_id.is_empty());
        let member_id = match by_instance {
            Some(instance) => match self.instances.get(instance) {
                Some(member_id) => member_id.clone(),
                None => return ErrorCode::UNKNOWN_MEMBER_ID,
            },
            None => leaving.member_id.clone(),
        };
        if let Err(error) = self.check_member(&member_id, leaving.instance_id.as_deref()) {
            return error;
        }
        self.remove(turn, &member_id, ErrorCode::UNKNOWN_MEMBER_ID);
        ErrorCode::NONE
    }
}
