//! Random histories of two producers with one transactional id: time passes, the broker crashes, requests come twice or late.
//!
//! The log is modelled as Kafka's: a partition accepts a batch of the newest epoch of a producer id only, and a marker
//! brings its epoch with it.

use super::*;
use kolk_wire::ErrorCode;
use proptest::prelude::*;
use std::collections::BTreeMap;

const TIMEOUT_MS: i32 = 5_000;

#[derive(Debug, Clone)]
enum Step {
    Init(usize),
    /// KIP-360: goes on from what it has.
    InitAgain(usize),
    Write(usize, i32),
    End(usize, bool),
    /// The last EndTxn arrives once more.
    RepeatEnd(usize),
    Pass(i64),
    /// Carries out one of the plans that wait, if any.
    CarryOut(usize),
    /// The broker loses all that is not in the journal, after a compaction or not.
    Crash(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let who = 0..2usize;
    let step = prop_oneof![
        2 => who.clone().prop_map(Step::Init),
        1 => who.clone().prop_map(Step::InitAgain),
        8 => (who.clone(), 0..3).prop_map(|(who, partition)| Step::Write(who, partition)),
        4 => (who.clone(), any::<bool>()).prop_map(|(who, commit)| Step::End(who, commit)),
        2 => who.prop_map(Step::RepeatEnd),
        3 => (1i64..3_000).prop_map(Step::Pass),
        5 => (0..4usize).prop_map(Step::CarryOut),
        1 => any::<bool>().prop_map(Step::Crash),
    ];
    proptest::collection::vec(step, 1..150)
}

/// A partition: the newest epoch per producer id, and what each producer id has open.
#[derive(Default)]
struct Log {
    epochs: BTreeMap<i64, i16>,
    /// Batches that no marker has followed yet: number of the transaction that wrote them.
    open: BTreeMap<i64, Vec<u64>>,
}

#[derive(Default)]
struct Client {
    producer: Option<Producer>,
    /// The number of the transaction that it believes to be in.
    transaction: Option<u64>,
    last_end: Option<(EndRequest, u64)>,
}

struct World {
    version: TransactionVersion,
    transactions: Transactions,
    journal: Vec<TransactionEntry>,
    plans: Vec<Prepared>,
    clients: [Client; 2],
    logs: BTreeMap<i32, Log>,
    now_ms: i64,
    next_transaction: u64,
    /// Outcomes, by number of transaction.
    decided: BTreeMap<u64, TransactionResult>,
    /// Commits that a client was told of.
    promised: Vec<u64>,
}

impl World {
    fn new(version: TransactionVersion) -> Self {
        Self {
            version,
            transactions: Transactions::new(TransactionSettings::default()),
            journal: Vec::new(),
            plans: Vec::new(),
            clients: Default::default(),
            logs: BTreeMap::new(),
            now_ms: 0,
            next_transaction: 0,
            decided: BTreeMap::new(),
            promised: Vec::new(),
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Init(who) => self.init(who, Producer::NONE),
            Step::InitAgain(who) => {
                let current = self.clients[who].producer.unwrap_or(Producer::NONE);
                self.init(who, current);
            }
            Step::Write(who, partition) => self.write(who, partition),
            Step::End(who, commit) => self.end(who, commit),
            Step::RepeatEnd(who) => self.repeat_end(who),
            Step::Pass(ms) => {
                self.now_ms += ms;
                let plans = self.transactions.tick(self.now_ms);
                self.persist();
                self.plans.extend(plans);
            }
            Step::CarryOut(index) => {
                if !self.plans.is_empty() {
                    let plan = self.plans.remove(index % self.plans.len());
                    self.carry_out(&plan);
                }
            }
            Step::Crash(compacted) => self.crash(compacted),
        }
    }

    fn persist(&mut self) {
        self.journal.extend(self.transactions.take_entries());
    }

    fn crash(&mut self, compacted: bool) {
        if compacted {
            self.journal = self.transactions.snapshot();
        }
        self.transactions = Transactions::new(TransactionSettings::default());
        for entry in &self.journal {
            self.transactions.replay(TransactionEntry::decode(entry.encode()).unwrap());
        }
        // Whatever was decided is found again; nothing else is.
        let mut expected = std::mem::take(&mut self.plans);
        self.plans = self.transactions.start();
        expected.dedup();
        assert_eq!(self.plans, expected);
    }

    fn init(&mut self, who: usize, current: Producer) {
        let transactional_id = Some("t".to_owned());
        let request = InitRequest { transactional_id, timeout_ms: TIMEOUT_MS, current };
        let outcome = self.transactions.init(self.now_ms, &request);
        self.persist();
        self.plans.extend(outcome.prepared);
        if let Ok(producer) = outcome.reply {
            let client = &mut self.clients[who];
            client.producer = Some(producer);
            client.transaction = None;
            client.last_end = None;
        }
    }

    fn reference(&self, who: usize) -> Option<TransactionRef> {
        let producer = self.clients[who].producer?;
        Some(TransactionRef { transactional_id: "t".to_owned(), producer })
    }

    /// Asks the coordinator and appends, in one step.
    fn write(&mut self, who: usize, partition: i32) {
        let Some(reference) = self.reference(who) else { return };
        let topic_partition = TopicPartition::new("p", partition);
        let error = self.transactions.ensure_partition(self.now_ms, &reference, &topic_partition);
        self.persist();
        if !error.is_none() {
            return;
        }
        let Producer { id, epoch } = reference.producer;
        let log = self.logs.entry(partition).or_default();
        let newest = log.epochs.entry(id).or_insert(epoch);
        // The coordinator is never behind the logs: what it lets pass, they accept.
        assert!(epoch >= *newest, "a fenced epoch was let through to the log");
        *newest = epoch;
        let client = &mut self.clients[who];
        let number = *client.transaction.get_or_insert_with(|| {
            self.next_transaction += 1;
            self.next_transaction
        });
        log.open.entry(id).or_default().push(number);
    }

    fn end(&mut self, who: usize, commit: bool) {
        let Some(transaction) = self.reference(who) else { return };
        let result = if commit { TransactionResult::Commit } else { TransactionResult::Abort };
        let request = EndRequest { transaction, result, version: self.version };
        let number = self.clients[who].transaction.take().unwrap_or(0);
        self.clients[who].last_end = Some((request.clone(), number));
        self.send_end(who, &request, number);
    }

    fn repeat_end(&mut self, who: usize) {
        let Some((request, number)) = self.clients[who].last_end.clone() else { return };
        // A client of version 1 never starts a transaction before it knows how the last one ended.
        if self.version == TransactionVersion::Two || self.clients[who].transaction.is_none() {
            self.send_end(who, &request, number);
        }
    }

    fn send_end(&mut self, who: usize, request: &EndRequest, number: u64) {
        let outcome = self.transactions.end(self.now_ms, request);
        self.persist();
        let client = &mut self.clients[who];
        if let Ok(producer) = outcome.reply {
            // An answer to an old request changes nothing for a client that has gone on.
            if client.producer == Some(request.transaction.producer) && client.transaction.is_none()
            {
                client.producer = Some(producer);
            }
            if request.result == TransactionResult::Commit && number > 0 {
                self.promised.push(number);
            }
        }
        if let Some(plan) = outcome.prepared {
            self.plans.push(plan);
        }
    }

    /// Writes the markers, twice as after a crash, and completes.
    fn carry_out(&mut self, plan: &Prepared) {
        for partition in plan.partitions.iter().chain(&plan.partitions) {
            let log = self.logs.entry(partition.partition).or_default();
            let newest = log.epochs.entry(plan.producer.id).or_insert(plan.producer.epoch);
            assert!(plan.producer.epoch >= *newest, "a marker of an older epoch");
            *newest = plan.producer.epoch;
            for number in log.open.remove(&plan.producer.id).unwrap_or_default() {
                let decided = self.decided.entry(number).or_insert(plan.result);
                assert_eq!(
                    *decided, plan.result,
                    "transaction {number} both committed and aborted"
                );
            }
        }
        self.transactions.complete(self.now_ms, plan);
        self.persist();
    }

    fn check(&self) {
        for log in self.logs.values() {
            let mut writers: Vec<u64> = log.open.values().flatten().copied().collect();
            writers.dedup();
            assert!(writers.len() <= 1, "two transactions of one id are open: {writers:?}");
        }
        let same = self.plans.iter().filter(|plan| plan.transactional_id == "t").count();
        assert!(same <= 1, "two ends of one id are being carried out");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    /// At most one open transaction per id; no batch of a fenced epoch; every transaction ends in one way in all
    /// partitions; what a client was told is committed; every prepared end is carried out, also over a crash.
    #[test]
    fn any_history_of_two_producers_keeps_the_rules(steps in steps(), two in any::<bool>()) {
        let version = if two { TransactionVersion::Two } else { TransactionVersion::One };
        let mut world = World::new(version);
        for step in &steps {
            world.step(step);
            world.check();
        }
        for _ in 0..3 {
            world.step(&Step::Pass(i64::from(TIMEOUT_MS)));
            while !world.plans.is_empty() {
                world.step(&Step::CarryOut(0));
            }
        }
        for (partition, log) in &world.logs {
            prop_assert!(log.open.values().all(Vec::is_empty), "partition {} hangs", partition);
        }
        for number in &world.promised {
            prop_assert_eq!(world.decided.get(number), Some(&TransactionResult::Commit));
        }
        if let Some(transaction) = world.transactions.get("t") {
            prop_assert!(transaction.state.prepared().is_none());
            prop_assert_ne!(transaction.state, TransactionState::Ongoing);
        }
        prop_assert_eq!(world.transactions.start(), vec![]);
        let _ = ErrorCode::NONE;
    }
}
