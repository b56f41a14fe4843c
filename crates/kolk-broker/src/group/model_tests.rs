//! Random histories of several clients against the group machine, with time passing and restarts.

use super::*;
use bytes::Bytes;
use kolk_wire::ErrorCode;
use proptest::prelude::*;
use std::collections::BTreeMap;

const CLIENTS: usize = 4;
const SESSION_MS: i32 = 6_000;
const REBALANCE_MS: i32 = 9_000;

#[derive(Debug, Clone)]
enum Step {
    /// The client does what it would do next: join, sync or heartbeat.
    Act(usize),
    /// It joins again although it need not.
    Rejoin(usize),
    Leave(usize),
    /// It forgets all, as after a restart of its process; what it waited for goes unheard.
    Crash(usize),
    Pass(i64),
    RestartBroker,
    /// The journal is rewritten, then the broker restarts.
    CompactAndRestart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = 0..CLIENTS;
    let step = prop_oneof![
        12 => client.clone().prop_map(Step::Act),
        1 => client.clone().prop_map(Step::Rejoin),
        1 => client.clone().prop_map(Step::Leave),
        1 => client.prop_map(Step::Crash),
        4 => (1i64..4_000).prop_map(Step::Pass),
        1 => Just(Step::RestartBroker),
        1 => Just(Step::CompactAndRestart),
    ];
    proptest::collection::vec(step, 1..120)
}

#[derive(Debug, Clone, PartialEq)]
enum Phase {
    Out,
    Joining(Ticket),
    /// Joined; must sync, and assign if it leads.
    Joined(Vec<String>),
    Syncing(Ticket),
    Stable(Bytes),
}

#[derive(Debug, Clone)]
struct Consumer {
    instance: Option<String>,
    member_id: String,
    generation: i32,
    phase: Phase,
}

struct World {
    groups: Groups,
    journal: Vec<GroupEntry>,
    consumers: Vec<Consumer>,
    now_ms: i64,
    /// Who leads which generation, and what it assigned.
    leaders: BTreeMap<i32, String>,
    assignments: BTreeMap<i32, BTreeMap<String, Bytes>>,
    generation_max: i32,
}

impl World {
    fn new() -> Self {
        let consumer = |index: usize| Consumer {
            instance: (index % 2 == 1).then(|| format!("i{index}")),
            member_id: String::new(),
            generation: -1,
            phase: Phase::Out,
        };
        let mut groups = Groups::new(GroupSettings::default(), 3);
        groups.start(0);
        Self {
            groups,
            journal: Vec::new(),
            consumers: (0..CLIENTS).map(consumer).collect(),
            now_ms: 0,
            leaders: BTreeMap::new(),
            assignments: BTreeMap::new(),
            generation_max: 0,
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Act(index) => self.act(index),
            Step::Rejoin(index) => {
                if !matches!(self.consumers[index].phase, Phase::Joining(_) | Phase::Syncing(_)) {
                    self.join(index);
                }
            }
            Step::Leave(index) => {
                let consumer = &mut self.consumers[index];
                let (member_id, instance_id) =
                    (consumer.member_id.clone(), consumer.instance.clone());
                if !member_id.is_empty() {
                    let _ =
                        self.groups.leave(self.now_ms, "g", &[Leaving { member_id, instance_id }]);
                    *consumer = out(consumer);
                }
            }
            Step::Crash(index) => {
                let consumer = &mut self.consumers[index];
                if let Phase::Joining(ticket) | Phase::Syncing(ticket) = consumer.phase {
                    self.groups.abandon(ticket);
                }
                *consumer = out(consumer);
            }
            Step::Pass(ms) => self.pass(ms),
            Step::RestartBroker => self.restart(),
            Step::CompactAndRestart => {
                self.journal = self.groups.snapshot();
                let _ = self.groups.take_entries();
                self.restart();
            }
        }
        self.journal.extend(self.groups.take_entries());
        self.hear_answers();
        self.check();
    }

    fn restart(&mut self) {
        self.journal.extend(self.groups.take_entries());
        self.groups = Groups::new(GroupSettings::default(), self.now_ms.cast_unsigned());
        for entry in &self.journal {
            self.groups.replay(GroupEntry::decode(entry.encode()).unwrap());
        }
        self.groups.start(self.now_ms);
        for consumer in &mut self.consumers {
            // The connection broke: whoever waited asks again.
            if matches!(consumer.phase, Phase::Joining(_) | Phase::Syncing(_)) {
                consumer.phase = Phase::Out;
            }
        }
        // Generations that never reached the journal may come again, with another leader.
        let kept = self.generation();
        self.leaders.retain(|generation, _| *generation <= kept);
        self.assignments.retain(|generation, _| *generation <= kept);
        self.generation_max = kept;
    }

    fn generation(&self) -> i32 {
        match &self.groups.snapshot()[..] {
            [GroupEntry::Group(image), ..] => image.generation,
            _ => 0,
        }
    }

    fn pass(&mut self, ms: i64) {
        let until = self.now_ms + ms;
        while let Some(deadline) = self.groups.next_deadline_ms().filter(|at| *at <= until) {
            self.now_ms = self.now_ms.max(deadline);
            self.groups.tick(self.now_ms);
            let next = self.groups.next_deadline_ms();
            assert!(next.is_none_or(|at| at > self.now_ms), "tick leaves nothing that is due");
        }
        self.now_ms = until;
    }

    fn member(&self, index: usize) -> MemberRef {
        let consumer = &self.consumers[index];
        MemberRef {
            group_id: "g".to_owned(),
            member_id: consumer.member_id.clone(),
            instance_id: consumer.instance.clone(),
            generation: consumer.generation,
        }
    }

    fn act(&mut self, index: usize) {
        match self.consumers[index].phase.clone() {
            Phase::Out => self.join(index),
            Phase::Joined(members) => self.sync(index, &members),
            Phase::Stable(_) => {
                let member = self.member(index);
                match self.groups.heartbeat(self.now_ms, &member) {
                    ErrorCode::NONE => {}
                    ErrorCode::REBALANCE_IN_PROGRESS => self.join(index),
                    ErrorCode::UNKNOWN_MEMBER_ID
                    | ErrorCode::ILLEGAL_GENERATION
                    | ErrorCode::FENCED_INSTANCE_ID => self.lose(index),
                    other => panic!("heartbeat: {other}"),
                }
            }
            Phase::Joining(_) | Phase::Syncing(_) => {}
        }
    }

    fn lose(&mut self, index: usize) {
        self.consumers[index] = out(&self.consumers[index]);
    }

    fn join(&mut self, index: usize) {
        let consumer = &self.consumers[index];
        let request = JoinRequest {
            version: 9,
            client: Client { id: format!("c{index}"), host: String::new() },
            group_id: "g".to_owned(),
            member_id: consumer.member_id.clone(),
            instance_id: consumer.instance.clone(),
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            protocol_type: "consumer".to_owned(),
            protocols: vec![Protocol { name: "range".to_owned(), metadata: Bytes::new() }],
        };
        match self.groups.join(self.now_ms, request) {
            Reply::Now(reply) => self.joined(index, reply),
            Reply::Wait(ticket) => self.consumers[index].phase = Phase::Joining(ticket),
        }
    }

    fn joined(&mut self, index: usize, reply: JoinReply) {
        let consumer = &mut self.consumers[index];
        match reply.error {
            ErrorCode::NONE => {
                consumer.member_id = reply.member_id.clone();
                consumer.generation = reply.generation;
                let leads = reply.leader == reply.member_id && !reply.skip_assignment;
                let members = reply.members.into_iter().map(|member| member.member_id).collect();
                consumer.phase = Phase::Joined(if leads { members } else { Vec::new() });
                let leader = self.leaders.entry(reply.generation).or_insert(reply.leader.clone());
                // A static leader may have come back under a new id; otherwise there is one leader per generation.
                let prefix = |id: &str| id.get(..2).unwrap_or_default().to_owned();
                assert_eq!(
                    prefix(leader),
                    prefix(&reply.leader),
                    "generation {}",
                    reply.generation
                );
            }
            ErrorCode::MEMBER_ID_REQUIRED => {
                consumer.member_id = reply.member_id;
                self.join(index);
            }
            ErrorCode::UNKNOWN_MEMBER_ID | ErrorCode::FENCED_INSTANCE_ID => self.lose(index),
            other => panic!("join: {other}"),
        }
    }

    fn sync(&mut self, index: usize, members: &[String]) {
        let assignment = |id: &String| (id.clone(), Bytes::from(format!("{id}@{}", self.now_ms)));
        let assignments: Vec<_> = members.iter().map(assignment).collect();
        let member = self.member(index);
        let generation = member.generation;
        let request = SyncRequest {
            member,
            protocol_type: None,
            protocol: None,
            assignments: assignments.clone(),
        };
        match self.groups.sync(self.now_ms, request) {
            Reply::Now(reply) => {
                if reply.error.is_none() && !members.is_empty() {
                    self.assignments.entry(generation).or_insert(assignments.into_iter().collect());
                }
                self.synced(index, &reply);
            }
            Reply::Wait(ticket) => self.consumers[index].phase = Phase::Syncing(ticket),
        }
    }

    fn synced(&mut self, index: usize, reply: &SyncReply) {
        match reply.error {
            ErrorCode::NONE => {
                self.consumers[index].phase = Phase::Stable(reply.assignment.clone());
            }
            ErrorCode::REBALANCE_IN_PROGRESS => self.consumers[index].phase = Phase::Out,
            ErrorCode::UNKNOWN_MEMBER_ID
            | ErrorCode::ILLEGAL_GENERATION
            | ErrorCode::FENCED_INSTANCE_ID => self.lose(index),
            other => panic!("sync: {other}"),
        }
    }

    fn hear_answers(&mut self) {
        for index in 0..CLIENTS {
            match self.consumers[index].phase {
                Phase::Joining(ticket) => {
                    if let Some(reply) = self.groups.take_join(ticket) {
                        self.joined(index, reply);
                    }
                }
                Phase::Syncing(ticket) => {
                    if let Some(reply) = self.groups.take_sync(ticket) {
                        self.synced(index, &reply);
                    }
                }
                _ => {}
            }
        }
        self.journal.extend(self.groups.take_entries());
    }

    fn check(&mut self) {
        let generation = self.generation();
        assert!(generation >= self.generation_max, "generations never go back");
        self.generation_max = generation;
        for consumer in &self.consumers {
            let Phase::Stable(assignment) = &consumer.phase else { continue };
            let Some(assigned) = self.assignments.get(&consumer.generation) else {
                panic!("an assignment of generation {} that nobody made", consumer.generation)
            };
            // A static member may have come back under a newer id than the one that the leader assigned to.
            let own = |id: &String| match &consumer.instance {
                Some(instance) => id.starts_with(&format!("{instance}-")),
                None => *id == consumer.member_id,
            };
            let Some((_, expected)) = assigned.iter().find(|(id, _)| own(id)) else {
                panic!("{consumer:?} was left out of {assigned:?}")
            };
            assert_eq!(assignment, expected, "{consumer:?}");
        }
    }
}

fn out(consumer: &Consumer) -> Consumer {
    let instance = consumer.instance.clone();
    Consumer { instance, member_id: String::new(), generation: -1, phase: Phase::Out }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// One leader per generation, generations that never go back, assignments that the leader of the generation made; and
    /// when clients behave and time passes, all of them become stable with different assignments.
    #[test]
    fn any_history_keeps_the_rules_and_settles(steps in steps()) {
        let mut world = World::new();
        for step in &steps {
            world.step(step);
        }
        // Enough for sessions, join and sync time-outs of those that crashed; then everybody behaves.
        for _ in 0..40 {
            for index in 0..CLIENTS {
                world.step(&Step::Act(index));
            }
            world.step(&Step::Pass(1_000));
        }
        for _ in 0..6 {
            for index in 0..CLIENTS {
                world.step(&Step::Act(index));
            }
        }
        let mut seen = std::collections::BTreeSet::new();
        for consumer in &world.consumers {
            let Phase::Stable(assignment) = &consumer.phase else { panic!("{consumer:?} is not stable") };
            prop_assert!(seen.insert(assignment.clone()), "two members share {assignment:?}");
            prop_assert_eq!(consumer.generation, world.generation_max);
        }
        prop_assert_eq!(world.groups.describe("g").state, GroupState::Stable);
        prop_assert_eq!(world.groups.describe("g").members.len(), CLIENTS);
    }
}
