//! One run of a case: three instances on the input, a fault while they work, then every check.

use super::case::{Case, Fault};
use super::data::program;
use super::expected::Findings;
use super::ground::{ADS, Ground, VISITS};
use super::team::{Instance, SIZE};
use crate::foreign::Partitions;
use crate::kolk;
use crate::proxy::{Plan, Proxy, Victim};
use crate::world;
use kolk_wire::ApiKey;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

/// From the start until all is there; faults end within a few seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// Whoever is told to end has ended within this time.
const GOODBYE: Duration = Duration::from_secs(60);
/// Within this time after the work is done everything late has arrived.
const SETTLE: Duration = Duration::from_secs(8);
/// So long a killed broker stays away.
const AWAY: Duration = Duration::from_millis(400);
/// Within this time one that wakes up has done what it was about to do.
const AWAKE: Duration = Duration::from_secs(3);
/// Between two looks at the outputs.
const LOOK: Duration = Duration::from_millis(300);

/// What came of a case.
#[derive(Debug, Clone)]
pub(super) struct Outcome {
    pub(super) case: Case,
    /// Faults that took effect.
    pub(super) injected: usize,
    pub(super) findings: Findings,
    /// Everything that is wrong; empty when the case has passed.
    pub(super) problems: Vec<String>,
    pub(super) took: Duration,
}

impl Outcome {
    /// Of a case that could not begin.
    pub(super) fn failed(case: Case, problem: String) -> Self {
        let (findings, problems) = (Findings::default(), vec![problem]);
        Self { case, injected: 0, findings, problems, took: Duration::ZERO }
    }
}

/// Runs a case.
pub(super) fn run(case: Case, ground: &Ground) -> Outcome {
    let start = world::now();
    let mut stage = Stage::new(case, ground);
    let findings = stage.play().unwrap_or_else(|problem| {
        stage.problems.push(problem);
        Findings::default()
    });
    let Stage { problems, injected, .. } = stage;
    Outcome { case, injected, findings, problems, took: start.elapsed() }
}

struct Stage<'a> {
    case: Case,
    ground: &'a Ground,
    victim: Arc<Target>,
    problems: Vec<String>,
    injected: usize,
    /// Where the first instance ends in its next lives.
    failpoints: VecDeque<String>,
    /// How often the first instance was started.
    lives: usize,
    /// Whether it, or its twin, was told that another has its place.
    fenced: bool,
}

/// The first instance as the proxy knows it.
#[derive(Default)]
struct Target {
    pid: AtomicI32,
    /// It was met by its fault.
    hit: AtomicBool,
}

impl Target {
    fn set(&self, instance: &Instance) {
        self.pid.store(instance.pid().as_raw_nonzero().get(), Ordering::SeqCst);
    }

    fn is_hit(&self) -> bool {
        self.hit.load(Ordering::SeqCst)
    }

    fn meet(&self, fault: Fault) -> String {
        let Some(pid) = Pid::from_raw(self.pid.load(Ordering::SeqCst)) else {
            return "there is nobody to kill".to_owned();
        };
        self.hit.store(true, Ordering::SeqCst);
        match fault {
            Fault::Stop => format!("stopped: {:?}", kill_process(pid, Signal::STOP)),
            Fault::Twin => "a twin comes".to_owned(),
            _ => kolk::kill(pid),
        }
    }
}

impl<'a> Stage<'a> {
    fn new(case: Case, ground: &'a Ground) -> Self {
        Self {
            case,
            ground,
            victim: Arc::default(),
            problems: Vec::new(),
            injected: 0,
            failpoints: case.failpoints(),
            lives: 1,
            fenced: false,
        }
    }

    fn play(&mut self) -> Result<Findings, String> {
        self.ground.server.revive()?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let played = self.play_in(folder.path());
        if played.is_err() || !self.problems.is_empty() {
            self.problems.push(format!("kept: {}", folder.keep().display()));
        } else {
            self.ground.clear(&self.name())?;
        }
        played
    }

    fn play_in(&mut self, folder: &Path) -> Result<Findings, String> {
        let program = program(VISITS, ADS, &self.name());
        fs::write(folder.join("case.sql"), program).map_err(|error| error.to_string())?;
        let proxy = self.proxy();
        let mut team = self.team(folder, &proxy)?;
        self.work(folder, &mut team)?;
        let left = proxy.plan().left();
        proxy.plan().clear();
        match self.case.fault {
            Fault::Stop => self.wake(&mut team)?,
            Fault::Twin => self.await_fence(folder, &mut team)?,
            _ => {
                // What is late may come after the end.
                let is_proven = || proxy.ledger().without_effect().is_empty().then_some(());
                let _ = world::wait_for(SETTLE, is_proven);
                self.prove(&proxy, left);
            }
        }
        self.end(folder, &mut team)?;
        let outputs = self.ground.read(&self.name())?;
        self.check(&team, &outputs);
        let findings = self.ground.expected.compare(&outputs);
        self.problems.extend(findings.problems());
        Ok(findings)
    }

    /// The application, and what its outputs begin with.
    fn name(&self) -> String {
        let Case { fault, seed, .. } = self.case;
        format!("state-{}-{seed}", fault.name()).replace([' ', ','], "-").to_lowercase()
    }

    fn proxy(&self) -> Proxy {
        let (server, victim) = (Arc::clone(&self.ground.server), Arc::clone(&self.victim));
        let fault = self.case.fault;
        let meet = move |who| match who {
            Victim::Broker => server.kill(),
            Victim::Kolk => victim.meet(fault),
        };
        Proxy::start(self.ground.server.address(), Plan::new(self.case.plan()), Box::new(meet))
    }

    /// Three instances, the first behind the proxy.
    fn team(&mut self, folder: &Path, proxy: &Proxy) -> Result<Vec<Instance>, String> {
        let (name, server) = (self.name(), self.ground.server.address());
        let start = |number: usize, broker, failpoint| {
            Instance::start(place(folder, number), (&name, broker), failpoint)
        };
        let first = start(0, proxy.address(), self.failpoints.pop_front())?;
        self.victim.set(&first);
        // It is there first, so that there is work for it, and the others come while it works.
        let joins = || (proxy.plan().seen(ApiKey::JoinGroup) > 0).then_some(());
        if world::wait_for(GOODBYE, joins).is_none() {
            return Err(format!("the first instance never joins\n{}", first.run.log(15)));
        }
        Ok(vec![first, start(1, server, None)?, start(2, server, None)?])
    }

    /// Waits until every row of the oracle is in the outputs, starting again what was killed.
    fn work(&mut self, folder: &Path, team: &mut Vec<Instance>) -> Result<(), String> {
        let start = world::now();
        loop {
            self.tend(folder, team)?;
            let outputs = self.ground.read(&self.name());
            let found = outputs.map(|outputs| self.ground.expected.compare(&outputs));
            if found.as_ref().is_ok_and(|findings| findings.lost == 0) {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                let logs: Vec<String> = team.iter().map(|instance| instance.run.log(6)).collect();
                let seconds = PATIENCE.as_secs();
                let problem = format!("not all is there after {seconds} s: {found:?}");
                return Err(format!("{problem}\n{}", logs.join("\n--\n")));
            }
            world::pause(LOOK);
        }
    }

    /// Starts again what was killed, and the twin when it is time; nobody else may have ended.
    fn tend(&mut self, folder: &Path, team: &mut Vec<Instance>) -> Result<(), String> {
        let fault = self.case.fault;
        if self.ground.server.is_dead() {
            world::pause(AWAY);
            self.ground.server.revive()?;
        }
        if fault == Fault::Twin && self.victim.is_hit() && team.len() == SIZE {
            let of = (&*self.name(), self.ground.server.address());
            team.push(team[0].twin(place(folder, SIZE), of)?);
        }
        for (number, instance) in team.iter_mut().enumerate() {
            let Some(status) = instance.run.ended() else { continue };
            let dies = kolk::was_killed(status) && fault.kills_instance()
                || kolk::has_aborted(status) && fault.needs_failpoints();
            if fault.may_fence() && instance.is_fenced() {
                self.fenced = true;
            } else if number == 0 && dies {
                self.again(instance)?;
            } else {
                let log = instance.run.log(15);
                return Err(format!("instance {number} ended with {status}\n{log}"));
            }
        }
        Ok(())
    }

    fn again(&mut self, instance: &mut Instance) -> Result<(), String> {
        if self.case.fault.loses_state() {
            instance.lose_state()?;
        }
        instance.run.arm(self.failpoints.pop_front());
        instance.run.again()?;
        self.lives += 1;
        self.victim.set(instance);
        Ok(())
    }

    /// All is done without the first instance; now it goes on with what it was about to do.
    fn wake(&mut self, team: &mut [Instance]) -> Result<(), String> {
        let sleeper = &mut team[0];
        if !self.victim.is_hit() || sleeper.run.ended().is_some() {
            return Err("it never stood still".to_owned());
        }
        self.injected = 1;
        kill_process(sleeper.pid(), Signal::CONT).map_err(|error| error.to_string())?;
        let _ = world::wait_for(AWAKE, || sleeper.run.ended());
        Ok(())
    }

    /// One of the two that have the same identity must learn it.
    fn await_fence(&mut self, folder: &Path, team: &mut Vec<Instance>) -> Result<(), String> {
        let learnt = world::wait_for(GOODBYE, || match self.tend(folder, team) {
            Ok(()) => self.fenced.then_some(Ok(())),
            Err(problem) => Some(Err(problem)),
        });
        self.injected = usize::from(self.fenced);
        learnt.unwrap_or_else(|| Err("two work under one identity, and nobody is told".to_owned()))
    }

    /// Whether every fault showed.
    fn prove(&mut self, proxy: &Proxy, left: usize) {
        let ledger = proxy.ledger();
        self.injected = ledger.faults.iter().filter(|entry| entry.effective).count();
        self.problems.extend(ledger.trouble.iter().cloned());
        self.problems.extend(ledger.without_effect());
        if self.case.fault.needs_failpoints() {
            self.injected = self.lives - 1;
        }
        if self.injected == 0 && self.case.fault != Fault::Nothing {
            self.problems.push(format!("no fault took effect: {left} did not find their request"));
        }
        if self.case.fault.kills_instance() && self.lives == 1 {
            self.problems.push("nobody was killed".to_owned());
        }
    }

    /// Tells all to finish; they must, and well.
    fn end(&mut self, folder: &Path, team: &mut Vec<Instance>) -> Result<(), String> {
        self.tend(folder, team)?;
        team.iter().for_each(|instance| instance.run.stop());
        for (number, instance) in team.iter_mut().enumerate() {
            let ended = world::wait_for(GOODBYE, || instance.run.ended());
            if self.case.fault.may_fence() && instance.is_fenced() {
                self.fenced = true;
            } else if !ended.is_some_and(|status| status.success()) {
                let log = instance.run.log(15);
                self.problems.push(format!("told to stop, instance {number}: {ended:?}\n{log}"));
            }
        }
        Ok(())
    }

    /// State, books and ids.
    fn check(&mut self, team: &[Instance], outputs: &[Partitions; 4]) {
        self.problems.extend(self.ground.same_ids(&outputs[3]));
        let mut books = Vec::new();
        for (number, instance) in team.iter().enumerate() {
            if let Err(said) = instance.verify(self.ground.server.address()) {
                let wrong: Vec<&str> = said.lines().filter(|line| !line.contains(": ok")).collect();
                self.problems.push(format!("state of instance {number}: {}", wrong.join("\n")));
            }
            match instance.books() {
                Ok(_) if instance.is_fenced() => {}
                Ok(of) => {
                    self.problems.extend(of.problems());
                    books.push(of);
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        if self.lives > 1 || self.fenced {
            // What a life has read that was killed is in nobody's books, and one that was fenced has read what others read.
            return;
        }
        let (visits, ads) = (self.ground.data.visits.len(), self.ground.data.ads.len());
        let inputs = [("counts", visits), ("finals", visits), ("sessions-aggregate-1", visits)];
        for (stage, records) in inputs.into_iter().chain([("enriched-join-1-right", ads)]) {
            let read: u64 = books.iter().map(|books| books.read(stage)).sum();
            if read != records as u64 {
                self.problems.push(format!("{stage} has read {read} records of {records}"));
            }
        }
    }
}

/// The folder of an instance.
fn place(folder: &Path, number: usize) -> PathBuf {
    folder.join(format!("instance-{number}"))
}
