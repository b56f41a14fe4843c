//! What administrators see of groups: ListGroups and DescribeGroups.

use super::classic::Group;
use super::state::GroupState;
use bytes::Bytes;

/// The type of every group here, as ListGroups v5 names it (KIP-848).
pub const CLASSIC: &str = "classic";

/// Which groups ListGroups asks for; empty lists ask for all. Names are compared without regard to case.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ListFilter {
    /// Names of states (v4+).
    pub states: Vec<String>,
    /// Names of types (v5+).
    pub types: Vec<String>,
}

/// One group in a list; its type is [`CLASSIC`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupListing {
    /// Group.
    pub group_id: String,
    /// `consumer`, `connect`, ...; empty for a group that only has offsets.
    pub protocol_type: String,
    /// State.
    pub state: GroupState,
}

/// One group in full. A group that does not exist is `Dead`, up to DescribeGroups v5 without an error, from v6 on with
/// GROUP_ID_NOT_FOUND (KIP-1043); the server adds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupDescription {
    /// State.
    pub state: GroupState,
    /// `consumer`, `connect`, ...; empty for a group that only has offsets.
    pub protocol_type: String,
    /// The chosen protocol; empty unless stable.
    pub protocol: String,
    /// Members.
    pub members: Vec<MemberDescription>,
}

/// One member in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberDescription {
    /// Member id.
    pub member_id: String,
    /// `group.instance.id` of a static member.
    pub instance_id: Option<String>,
    /// `client.id`.
    pub client_id: String,
    /// Address.
    pub client_host: String,
    /// Its metadata under the chosen protocol; empty unless the group is stable.
    pub metadata: Bytes,
    /// Its assignment; empty unless the group is stable.
    pub assignment: Bytes,
}

impl ListFilter {
    pub(super) fn accepts(&self, group: &Group) -> bool {
        let has = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|one| one.eq_ignore_ascii_case(name))
        };
        has(&self.states, group.state.name()) && has(&self.types, CLASSIC)
    }
}

impl GroupDescription {
    pub(super) fn dead() -> Self {
        let (protocol_type, protocol) = (String::new(), String::new());
        Self { state: GroupState::Dead, protocol_type, protocol, members: Vec::new() }
    }
}

impl Group {
    pub(super) fn listing(&self) -> GroupListing {
        GroupListing {
            group_id: self.id.clone(),
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            state: self.state,
        }
    }

    pub(super) fn describe(&self) -> GroupDescription {
        let stable = self.state == GroupState::Stable;
        let protocol = self.protocol.clone().filter(|_| stable).unwrap_or_default();
        let member = |member: &super::member::Member| MemberDescription {
            member_id: member.id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client.id.clone(),
            client_host: member.client.host.clone(),
            metadata: if stable { member.metadata(&protocol) } else { Bytes::new() },
            assignment: if stable { member.assignment.clone() } else { Bytes::new() },
        };
        GroupDescription {
            state: self.state,
            protocol_type: self.protocol_type.clone().unwrap_or_default(),
            members: self.members.values().map(member).collect(),
            protocol,
        }
    }
}
