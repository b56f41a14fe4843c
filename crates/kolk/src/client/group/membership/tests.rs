//! Members against a group coordinator in a few lines: random joins, stops, crashes and pauses.

use super::{GroupEvent, MemberPhase, Membership};
use crate::client::TopicPartition;
use crate::client::config::ClientConfig;
use crate::client::error::Action;
use crate::client::scripted::{Scripted, Sent, Table};
use bytes::Bytes;
use kolk_wire::message::find_coordinator::{
    Coordinator as Found, FindCoordinatorRequest, FindCoordinatorResponse,
};
use kolk_wire::message::heartbeat::{HeartbeatRequest, HeartbeatResponse};
use kolk_wire::message::join_group::{
    JoinGroupRequest, JoinGroupResponse, JoinGroupResponseMember,
};
use kolk_wire::message::leave_group::{LeaveGroupRequest, LeaveGroupResponse};
use kolk_wire::message::sync_group::{SyncGroupRequest, SyncGroupResponse};
use kolk_wire::{ApiKey, ErrorCode};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

const TICK: Duration = Duration::from_millis(250);
const SESSION_TICKS: u64 = 24;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Preparing,
    Completing,
    Stable,
}

#[derive(Debug)]
struct Known {
    metadata: Bytes,
    /// Where it waits for an answer to JoinGroup or SyncGroup.
    waiting: Option<(usize, Sent)>,
    seen: u64,
    assignment: Bytes,
}

/// The coordinator's side of the classic protocol, for one group and one assignor.
#[derive(Debug)]
struct Group {
    phase: Phase,
    generation: i32,
    leader: String,
    members: BTreeMap<String, Known>,
    last_id: usize,
    tick: u64,
}

/// An instance of the application.
struct Instance {
    network: Scripted,
    membership: Membership,
    paused_until: u64,
    crashed: bool,
    /// Revocations are finished after so many ticks.
    slowness: u64,
    revoking: Option<u64>,
    lost: usize,
}

struct World {
    group: Group,
    instances: Vec<Instance>,
    table: Table,
    settings: Vec<(&'static str, &'static str)>,
}

fn joined(generation_id: i32, leader: &str, member_id: &str) -> JoinGroupResponse {
    JoinGroupResponse {
        generation_id,
        leader: leader.to_owned(),
        member_id: member_id.to_owned(),
        protocol_name: Some("kolk".into()),
        ..Default::default()
    }
}

impl World {
    fn new(settings: &[(&'static str, &'static str)], partitions: usize) -> Self {
        let group = Group {
            phase: Phase::Stable,
            generation: 0,
            leader: String::new(),
            members: BTreeMap::new(),
            last_id: 0,
            tick: 0,
        };
        let mut table = Table::default();
        table.counts.insert("v".into(), partitions);
        table.counts.insert("w".into(), partitions);
        Self { group, instances: Vec::new(), table, settings: settings.to_vec() }
    }

    fn start(&mut self, slowness: u64) {
        let config = ClientConfig::for_bootstrap("test:1").unwrap();
        let config = config.with("heartbeat.interval.ms", "500").unwrap();
        let mut config = config.with("session.timeout.ms", "6000").unwrap();
        for &(name, value) in &self.settings {
            config = config.with(name, value).unwrap();
        }
        let topics = ["v".to_owned(), "w".to_owned()];
        let membership = Membership::new(&config, "g", &topics, vec![topics.to_vec()]).unwrap();
        let mut network = Scripted::default();
        network.now = self.now();
        self.instances.push(Instance {
            network,
            membership,
            paused_until: 0,
            crashed: false,
            slowness,
            revoking: None,
            lost: 0,
        });
    }

    fn now(&self) -> crate::time::Moment {
        crate::time::Moment(TICK * u32::try_from(self.group.tick).unwrap())
    }

    fn tick(&mut self) {
        self.group.tick += 1;
        let now = self.now();
        for index in 0..self.instances.len() {
            let instance = &mut self.instances[index];
            instance.network.now = now;
            if instance.crashed || instance.paused_until > self.group.tick {
                continue;
            }
            for _ in 0..4 {
                instance.step(&mut self.table, self.group.tick);
                while let Some(sent) = instance.network.requests.pop_front() {
                    self.group.serve(index, sent, &mut instance.network);
                }
            }
        }
        self.expire();
        self.progress();
        self.check_disjoint();
    }

    fn expire(&mut self) {
        let tick = self.group.tick;
        let before = self.group.members.len();
        let preparing = self.group.phase == Phase::Preparing;
        // A member whose JoinGroup is held is alive; one that is missing in a rebalance is dropped as its session ends.
        self.group
            .members
            .retain(|_, m| (preparing && m.waiting.is_some()) || tick - m.seen < SESSION_TICKS);
        if self.group.members.len() < before {
            self.group.prepare();
        }
    }

    /// Completes a rebalance for which everybody is there.
    fn progress(&mut self) {
        let group = &mut self.group;
        let all = group.members.values().all(|m| m.waiting.is_some());
        if group.phase != Phase::Preparing || !all || group.members.is_empty() {
            return;
        }
        group.generation += 1;
        group.phase = Phase::Completing;
        group.leader = group.members.keys().next().unwrap().clone();
        let members: Vec<JoinGroupResponseMember> = group
            .members
            .iter()
            .map(|(id, m)| JoinGroupResponseMember {
                member_id: id.clone(),
                metadata: m.metadata.clone(),
                ..Default::default()
            })
            .collect();
        for (id, member) in &mut group.members {
            let (index, sent) = member.waiting.take().unwrap();
            member.seen = group.tick;
            let mut response = joined(group.generation, &group.leader, id);
            if *id == group.leader {
                response.members = members.clone();
            }
            self.instances[index].network.answer::<JoinGroupRequest>(&sent, &response);
        }
    }

    /// Nobody who is a member works on a partition of another.
    fn check_disjoint(&self) {
        let mut owners: BTreeMap<&TopicPartition, usize> = BTreeMap::new();
        for (index, instance) in self.instances.iter().enumerate() {
            let id = instance.membership.identity().member_id;
            // Expelled members find out with their next heartbeat; until then the generation keeps their commits out.
            if instance.crashed || !self.group.members.contains_key(&id) {
                continue;
            }
            for partition in instance.membership.owned() {
                let other = owners.insert(partition, index);
                assert_eq!(other, None, "{partition} is owned by {index} too");
            }
        }
    }

    fn settle(&mut self) {
        for _ in 0..SESSION_TICKS * 8 {
            self.tick();
        }
    }

    fn check_complete(&self) {
        let live: Vec<&Instance> = self.instances.iter().filter(|i| !i.crashed).collect();
        let mut all = BTreeSet::new();
        let mut sizes = Vec::new();
        for instance in &live {
            if instance.membership.phase() == MemberPhase::Left {
                continue;
            }
            assert_eq!(instance.membership.phase(), MemberPhase::Stable);
            sizes.push(instance.membership.owned().len());
            all.extend(instance.membership.owned().iter().cloned());
        }
        if let (Some(least), Some(most)) = (sizes.iter().min(), sizes.iter().max()) {
            let partitions = self.table.counts.values().sum::<usize>();
            assert_eq!(all.len(), partitions, "{sizes:?}");
            assert!(most - least <= 2, "tasks of two partitions each: {sizes:?}");
        }
    }
}

impl Instance {
    fn step(&mut self, table: &mut Table, tick: u64) {
        for event in self.membership.step(&mut self.network, table).unwrap() {
            match event {
                GroupEvent::Revoked(_) => self.revoking = Some(tick + self.slowness),
                GroupEvent::Lost(_) => {
                    self.lost += 1;
                    self.revoking = None;
                }
                GroupEvent::Assigned(_) | GroupEvent::Left => {}
            }
        }
        if self.revoking.is_some_and(|at| at <= tick) {
            self.revoking = None;
            self.membership.revoked_done();
        }
    }
}

impl Group {
    fn prepare(&mut self) {
        // Members that wait for an assignment join again instead.
        self.phase = Phase::Preparing;
    }

    fn serve(&mut self, index: usize, sent: Sent, network: &mut Scripted) {
        match sent.api {
            ApiKey::FindCoordinator => {
                let found =
                    Found { node_id: 1, host: "test".into(), port: 1, ..Default::default() };
                let response =
                    FindCoordinatorResponse { coordinators: vec![found], ..Default::default() };
                network.answer::<FindCoordinatorRequest>(&sent, &response);
            }
            ApiKey::JoinGroup => self.join(index, sent, network),
            ApiKey::SyncGroup => self.sync(&sent, network),
            ApiKey::Heartbeat => {
                let request: HeartbeatRequest = sent.read();
                let error_code = self.check(&request.member_id, request.generation_id);
                let code = if error_code.is_none() && self.phase != Phase::Stable {
                    ErrorCode::REBALANCE_IN_PROGRESS
                } else {
                    error_code
                };
                let response = HeartbeatResponse { error_code: code, throttle_time_ms: 0 };
                network.answer::<HeartbeatRequest>(&sent, &response);
            }
            ApiKey::LeaveGroup => {
                let request: LeaveGroupRequest = sent.read();
                if self.members.remove(&request.members[0].member_id).is_some() {
                    self.prepare();
                }
                network.answer::<LeaveGroupRequest>(&sent, &LeaveGroupResponse::default());
            }
            other => panic!("{other:?} is not for this coordinator"),
        }
    }

    fn check(&mut self, id: &str, generation: i32) -> ErrorCode {
        let Some(member) = self.members.get_mut(id) else { return ErrorCode::UNKNOWN_MEMBER_ID };
        member.seen = self.tick;
        if generation == self.generation { ErrorCode::NONE } else { ErrorCode::ILLEGAL_GENERATION }
    }

    fn join(&mut self, index: usize, sent: Sent, network: &mut Scripted) {
        let request: JoinGroupRequest = sent.read();
        assert_eq!((&*request.protocol_type, request.protocols.len()), ("consumer", 1));
        let metadata = request.protocols[0].metadata.clone();
        let answer = |code: ErrorCode, id: &str| JoinGroupResponse {
            error_code: code,
            member_id: id.to_owned(),
            ..Default::default()
        };
        if request.member_id.is_empty() {
            self.last_id += 1;
            let id = format!("m{}", self.last_id);
            let member =
                Known { metadata, waiting: None, seen: self.tick, assignment: Bytes::new() };
            self.members.insert(id.clone(), member);
            let response = answer(ErrorCode::MEMBER_ID_REQUIRED, &id);
            network.answer::<JoinGroupRequest>(&sent, &response);
            self.prepare();
            return;
        }
        let Some(member) = self.members.get_mut(&request.member_id) else {
            let response = answer(ErrorCode::UNKNOWN_MEMBER_ID, "");
            network.answer::<JoinGroupRequest>(&sent, &response);
            return;
        };
        member.metadata = metadata;
        member.seen = self.tick;
        member.waiting = Some((index, sent));
        self.prepare();
    }

    fn sync(&mut self, sent: &Sent, network: &mut Scripted) {
        let request: SyncGroupRequest = sent.read();
        let code = self.check(&request.member_id, request.generation_id);
        let error_code = match (code, self.phase) {
            (ErrorCode::NONE, Phase::Preparing) => ErrorCode::REBALANCE_IN_PROGRESS,
            (ErrorCode::NONE, Phase::Completing) if request.member_id == self.leader => {
                for assignment in request.assignments {
                    if let Some(member) = self.members.get_mut(&assignment.member_id) {
                        member.assignment = assignment.assignment;
                    }
                }
                self.phase = Phase::Stable;
                ErrorCode::NONE
            }
            // The real one holds the request until the leader has spoken; asking again comes to the same.
            (ErrorCode::NONE, Phase::Completing) => ErrorCode::COORDINATOR_LOAD_IN_PROGRESS,
            (code, _) => code,
        };
        let mut response = SyncGroupResponse { error_code, ..Default::default() };
        if error_code.is_none() {
            response.assignment = self.members[&request.member_id].assignment.clone();
        }
        network.answer::<SyncGroupRequest>(sent, &response);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_partition_has_one_owner_whatever_comes_and_goes(
        script in proptest::collection::vec((0..7u8, 0..5usize, 0..40u64), 1..25),
        partitions in 1..9usize,
        eager in any::<bool>(),
    ) {
        let range = [("partition.assignment.strategy", "range")];
        let mut world = World::new(if eager { &range } else { &[] }, partitions);
        world.start(1);
        for (what, which, ticks) in script {
            let tick = world.group.tick;
            let count = world.instances.len();
            let instance = &mut world.instances[which % count];
            match what {
                0 | 1 => world.start(ticks % 4),
                2 => instance.crashed = true,
                3 => instance.membership.leave(&mut instance.network),
                4 => instance.paused_until = tick + ticks,
                5 => instance.membership.hold(),
                _ => instance.membership.release(),
            }
            for _ in 0..ticks {
                world.tick();
            }
        }
        for instance in &mut world.instances {
            instance.membership.release();
        }
        world.settle();
        world.check_complete();
    }
}

#[test]
fn a_member_that_was_paused_too_long_loses_everything_and_comes_back() {
    let mut world = World::new(&[], 4);
    world.start(0);
    world.start(0);
    world.settle();
    world.instances[0].paused_until = world.group.tick + SESSION_TICKS * 3;
    world.settle();
    assert_eq!((world.instances[0].lost, world.instances[1].lost), (1, 0));
    world.check_complete();
}

#[test]
fn a_held_rebalance_waits_while_heartbeats_go_on() {
    let mut world = World::new(&[], 4);
    world.start(0);
    world.settle();
    world.instances[0].membership.hold();
    world.start(0);
    for _ in 0..SESSION_TICKS - 4 {
        world.tick();
    }
    assert_eq!(world.instances[0].membership.owned().len(), 8, "nothing moves during the commit");
    world.instances[0].membership.release();
    world.settle();
    assert_eq!(world.instances[0].membership.owned().len(), 4);
    assert_eq!(world.instances[0].lost, 0);
    world.check_complete();
}

#[test]
fn the_leader_distributes_again_when_a_topic_appears_or_grows() {
    let mut world = World::new(&[], 2);
    world.table.counts.remove("w");
    world.start(0);
    world.settle();
    assert_eq!(world.instances[0].membership.owned().len(), 2);
    // Whoever runs to the end of its input must not take this for all: on a busy machine the metadata came after three seconds, and
    // runs ended with nothing read.
    assert!(!world.instances[0].membership.has_given_out_all());
    world.table.counts.insert("w".into(), 3);
    world.settle();
    assert_eq!(world.instances[0].membership.owned().len(), 5);
    assert!(world.instances[0].membership.has_given_out_all());
}

#[test]
fn static_and_dynamic_members_that_stop_leave_the_group() {
    for settings in [&[("group.instance.id", "i")][..], &[][..]] {
        let mut world = World::new(settings, 1);
        world.start(0);
        world.settle();
        let instance = &mut world.instances[0];
        instance.membership.leave(&mut instance.network);
        world.tick();
        assert_eq!(world.instances[0].membership.phase(), MemberPhase::Left);
        assert_eq!(world.group.members.len(), 0);
    }
}

#[test]
fn another_process_with_the_same_instance_id_is_an_error_that_says_so() {
    let mut world = World::new(&[("group.instance.id", "i1")], 1);
    world.start(0);
    world.settle();
    let instance = &mut world.instances[0];
    instance.network.advance(Duration::from_secs(1));
    instance.membership.step(&mut instance.network, &mut world.table).unwrap();
    let (sent, _) = instance.network.expect::<HeartbeatRequest>();
    let response =
        HeartbeatResponse { error_code: ErrorCode::FENCED_INSTANCE_ID, throttle_time_ms: 0 };
    instance.network.answer::<HeartbeatRequest>(&sent, &response);
    let error = instance.membership.step(&mut instance.network, &mut world.table).unwrap_err();
    assert_eq!(error.action(), Action::Fatal);
    assert!(error.to_string().contains("as instance `i1`"), "{error}");
}

/// Apache Kafka 4.1, restarted after `kill -9`, once took a JoinGroup while it loaded the group and never answered; the member
/// would have waited for as long as a rebalance may take, five minutes.
#[test]
fn an_unanswered_join_is_given_up_after_a_session_and_repeated() {
    let mut world = World::new(&[], 1);
    world.start(0);
    let mut swallowed = 0;
    for _ in 0..8 {
        world.group.tick += 1;
        let now = world.now();
        let instance = &mut world.instances[0];
        instance.network.now = now;
        instance.step(&mut world.table, world.group.tick);
        while let Some(sent) = instance.network.requests.pop_front() {
            let known = sent.api == ApiKey::JoinGroup
                && !sent.read::<JoinGroupRequest>().member_id.is_empty();
            if known && swallowed == 0 {
                assert_eq!(sent.timeout, Some(Duration::from_secs(6)), "session.timeout.ms");
                instance.network.fail(&sent, sent.cut(true));
                swallowed += 1;
            } else {
                world.group.serve(0, sent, &mut instance.network);
            }
        }
        world.progress();
    }
    assert_eq!(swallowed, 1);
    world.settle();
    world.check_complete();
}

/// A connection that died without a word between JoinGroup and SyncGroup once kept a member waiting for as long as a rebalance
/// may take, five minutes.
#[test]
fn an_unanswered_sync_is_given_up_after_the_request_time_out_and_repeated() {
    let mut world = World::new(&[], 1);
    world.start(0);
    let mut swallowed = 0;
    for _ in 0..8 {
        world.group.tick += 1;
        let now = world.now();
        let instance = &mut world.instances[0];
        instance.network.now = now;
        instance.step(&mut world.table, world.group.tick);
        while let Some(sent) = instance.network.requests.pop_front() {
            if sent.api == ApiKey::SyncGroup && swallowed == 0 {
                assert_eq!(sent.timeout, None, "it waits longer than for any other answer");
                instance.network.fail(&sent, sent.cut(true));
                swallowed += 1;
            } else {
                world.group.serve(0, sent, &mut instance.network);
            }
        }
        world.progress();
    }
    assert_eq!(swallowed, 1);
    world.settle();
    world.check_complete();
}

/// It was given up only when the session was over, and with it the membership.
#[test]
fn an_unanswered_heartbeat_is_repeated_before_the_session_is_over() {
    let mut world = World::new(&[], 1);
    world.start(0);
    world.settle();
    let instance = &mut world.instances[0];
    instance.network.advance(Duration::from_secs(1));
    instance.membership.step(&mut instance.network, &mut world.table).unwrap();
    let (sent, _) = instance.network.expect::<HeartbeatRequest>();
    assert_eq!(sent.timeout, Some(Duration::from_secs(2)), "a third of session.timeout.ms");
}

#[test]
fn an_unknown_assignor_is_refused() {
    let config = ClientConfig::for_bootstrap("test:1").unwrap();
    let config = config.with("partition.assignment.strategy", "roundrobin").unwrap();
    let error = Membership::new(&config, "g", &[], Vec::new()).unwrap_err();
    assert!(error.to_string().contains("`kolk` and `range`"), "{error}");
}

/// A member that was killed before it gave partitions up came back under its instance id, without a rebalance, and they were
/// nobody's from then on.
#[test]
fn the_leader_distributes_again_what_nobody_has_taken() {
    let mut world = World::new(&[], 2);
    world.start(0);
    world.settle();
    let generation = world.instances[0].membership.identity().generation;
    world.settle();
    assert_eq!(world.instances[0].membership.identity().generation, generation);
    world.instances[0].membership.incomplete_since = Some(world.now());
    world.settle();
    let membership = &world.instances[0].membership;
    assert_eq!(membership.identity().generation, generation + 1);
    assert_eq!(membership.incomplete_since, None);
    world.check_complete();
}
