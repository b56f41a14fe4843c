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
use rustix::process::Pid;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

/// From the start until all is there; faults end within a few seconds.
const PATIENCE: Duration = Duration::from_secs(120);
/// Whoever is told to end has ended within this time.
const GOODBYE: Duration = Duration::from_secs(60);
/// Within this time after the work is done everything late has arrived.
const SETTLE: Duration = Duration::from_secs(8);
/// So long a killed broker stays away.
const AWAY: Duration = Duration::from_millis(400);
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
    let mut stage = Stage { case, ground, problems: Vec::new(), injected: 0, lives: 1 };
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
    problems: Vec<String>,
    injected: usize,
    /// How often the first instance was started.
    lives: usize,
}

impl Stage<'_> {
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
        let victim = Arc::new(AtomicI32::new(0));
        let proxy = self.proxy(&victim);
        let mut team = Vec::new();
        for number in 0..SIZE {
            let server = self.ground.server.address();
            let broker = if number == 0 { proxy.address() } else { server };
            team.push(Instance::start(folder, number, (&self.name(), broker))?);
        }
        victim.store(team[0].pid().as_raw_nonzero().get(), Ordering::SeqCst);
        self.work(&mut team, &victim)?;
        proxy.plan().clear();
        // What is late may come after the end.
        let _ =
            world::wait_for(SETTLE, || proxy.ledger().without_effect().is_empty().then_some(()));
        self.prove(&proxy);
        self.end(&mut team, &victim)?;
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

    fn proxy(&self, victim: &Arc<AtomicI32>) -> Proxy {
        let (server, victim) = (Arc::clone(&self.ground.server), Arc::clone(victim));
        let kill = move |who| match who {
            Victim::Broker => server.kill(),
            Victim::Kolk => match Pid::from_raw(victim.load(Ordering::SeqCst)) {
                Some(pid) => kolk::kill(pid),
                None => "there is nobody to kill".to_owned(),
            },
        };
        Proxy::start(self.ground.server.address(), Plan::new(self.case.plan()), Box::new(kill))
    }

    /// Waits until every row of the oracle is in the outputs, starting again what was killed.
    fn work(&mut self, team: &mut [Instance], victim: &AtomicI32) -> Result<(), String> {
        let start = world::now();
        loop {
            self.tend(team, victim)?;
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

    /// Starts again what was killed; nobody else may have ended.
    fn tend(&mut self, team: &mut [Instance], victim: &AtomicI32) -> Result<(), String> {
        if self.ground.server.is_dead() {
            world::pause(AWAY);
            self.ground.server.revive()?;
        }
        for (number, instance) in team.iter_mut().enumerate() {
            let Some(status) = instance.run.ended() else { continue };
            if number > 0 || !kolk::was_killed(status) || !self.case.fault.kills_instance() {
                let log = instance.run.log(15);
                return Err(format!("instance {number} ended with {status}\n{log}"));
            }
            if self.case.fault == Fault::LoseState {
                instance.lose_state()?;
            }
            instance.run.again()?;
            self.lives += 1;
            victim.store(instance.pid().as_raw_nonzero().get(), Ordering::SeqCst);
        }
        Ok(())
    }

    /// Whether every fault showed.
    fn prove(&mut self, proxy: &Proxy) {
        let left = proxy.plan().left();
        let ledger = proxy.ledger();
        self.injected = ledger.faults.iter().filter(|entry| entry.effective).count();
        self.problems.extend(ledger.trouble.iter().cloned());
        self.problems.extend(ledger.without_effect());
        if self.injected == 0 && self.case.fault != Fault::Nothing {
            self.problems.push(format!("no fault took effect: {left} did not find their request"));
        }
        if self.case.fault.kills_instance() && self.lives == 1 {
            self.problems.push("nobody was killed".to_owned());
        }
    }

    /// Tells all to finish; they must, and well.
    fn end(&mut self, team: &mut [Instance], victim: &AtomicI32) -> Result<(), String> {
        self.tend(team, victim)?;
        team.iter().for_each(|instance| instance.run.stop());
        for (number, instance) in team.iter_mut().enumerate() {
            let ended = world::wait_for(GOODBYE, || instance.run.ended());
            if !ended.is_some_and(|status| status.success()) {
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
                Ok(of) => {
                    self.problems.extend(of.problems());
                    books.push(of);
                }
                Err(problem) => self.problems.push(problem),
            }
        }
        if self.lives > 1 {
            // What a life has read that was killed is in nobody's books.
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
