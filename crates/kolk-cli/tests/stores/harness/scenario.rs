//! One run of a case: rows in, `kolk run` behind the proxy, a fault, then what the store holds beside what it must hold.

use super::case::{Case, Fault, Flow};
use super::input::{Findings, Input, Row, TOPIC};
use super::program::{QUERY, program};
use super::proxy::Proxy;
use super::store::{Keeps, Store};
use crate::foreign::Wire;
use crate::kolk::{self, Run};
use crate::server::{Kind, Server};
use crate::world;
use kolk_wire::message::offset_fetch::OffsetFetchRequest;
use rustix::process::Pid;
use std::fs;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

/// From the last fault on a run must come to its end within this time, and a millisecond for each row.
const PATIENCE: Duration = Duration::from_secs(120);
/// What it says while it waits, and then why.
const WAITS: &str = "the store does not take rows: ";
/// Of why: the connection is at fault.
const WHY: &str = "onnect";

/// Where cases are played: a store, and a broker with the rows.
pub(super) struct Ground {
    store: Arc<dyn Store>,
    broker: Server,
    input: Input,
}

impl Ground {
    /// Starts a broker and writes the rows.
    ///
    /// # Errors
    /// In words.
    pub(super) fn prepare(store: Box<dyn Store>, rows: u32) -> Result<Self, String> {
        let broker = Server::start(Kind::Embedded)?;
        let input = Input::write(broker.address(), rows, store.keeps())?;
        Ok(Self { store: store.into(), broker, input })
    }
}

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
    /// What one row of the table is about.
    pub(super) fn key(&self) -> (Fault, &'static str, Flow) {
        (self.case.fault, self.case.store, self.case.flow)
    }

    /// Of a case that could not begin.
    pub(super) fn failed(case: Case, problem: String) -> Self {
        let (findings, problems) = (Findings::default(), vec![problem]);
        Self { case, injected: 0, findings, problems, took: Duration::ZERO }
    }
}

/// Runs a case.
pub(super) fn run(case: Case, ground: &Ground) -> Outcome {
    let start = world::now();
    let mut stage = Stage { case, ground, injected: 0, killed: 0, problems: Vec::new() };
    let findings = stage.play().unwrap_or_else(|problem| {
        stage.problems.push(problem);
        Findings::default()
    });
    let Stage { injected, problems, .. } = stage;
    Outcome { case, injected, findings, problems, took: start.elapsed() }
}

struct Stage<'a> {
    case: Case,
    ground: &'a Ground,
    injected: usize,
    /// So often the run was killed and started again.
    killed: usize,
    problems: Vec<String>,
}

impl Stage<'_> {
    fn play(&mut self) -> Result<Findings, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (store, place) = (&*self.ground.store, self.case.place());
        store.revive();
        store.create(&place);
        let played = self.play_in(folder.path());
        // The next case finds a store that works.
        store.refuse_some(false);
        store.revive();
        if played.is_err() || !self.problems.is_empty() {
            self.problems.push(format!("kept: {}", folder.keep().display()));
        }
        played
    }

    fn play_in(&mut self, folder: &Path) -> Result<Findings, String> {
        let victim = Arc::new(AtomicI32::new(0));
        let proxy = self.proxy(&victim);
        if self.case.fault == Fault::WrongCredentials {
            self.refused_login(folder, &proxy)?;
        }
        if self.case.fault == Fault::DownAtStart {
            self.ground.store.kill();
        }
        let refused = match self.case.fault {
            Fault::RefuseSome => self.ground.store.refuse_some(true).unwrap_or(0),
            _ => 0,
        };
        let options = self.ground.store.options(&self.case.place(), proxy.address());
        self.write_statements(folder, &options)?;
        let mut run = Run::start(folder, self.arguments())?;
        victim.store(run.pid().as_raw_nonzero().get(), Ordering::SeqCst);
        let played = self.meet(&mut run, &proxy).and_then(|()| self.finish(&mut run, &victim));
        played.map_err(|problem| format!("{problem}\n{}", run.log(15)))?;
        self.prove(&proxy, refused);
        let findings = self.ground.input.findings(self.case.flow, &self.rows());
        self.judge(findings);
        Ok(findings)
    }

    fn keeps(&self) -> Keeps {
        self.ground.store.keeps()
    }

    fn rows(&self) -> Vec<Row> {
        self.ground.store.rows(&self.case.place())
    }

    fn proxy(&self, victim: &Arc<AtomicI32>) -> Proxy {
        let (store, victim) = (Arc::clone(&self.ground.store), Arc::clone(victim));
        let (fault, place) = (self.case.fault, self.case.place());
        let meet = move || match fault {
            Fault::KillStore => store.kill(),
            Fault::OtherSchema => store.spoil(&place),
            _ => {
                if let Some(pid) = Pid::from_raw(victim.load(Ordering::SeqCst)) {
                    kolk::kill(pid);
                }
            }
        };
        let plan = self.case.plan(self.ground.input.bytes);
        Proxy::start(self.ground.store.address(), plan, self.case.delay(), Box::new(meet))
    }

    fn write_statements(&self, folder: &Path, options: &str) -> Result<(), String> {
        let program = program(self.case.flow, self.keeps(), options);
        fs::write(folder.join("case.sql"), program).map_err(|error| error.to_string())
    }

    fn arguments(&self) -> Vec<String> {
        let (place, broker) = (self.case.place(), self.ground.broker.address().to_string());
        [
            "run",
            "case.sql",
            "--until-end",
            "--app",
            &place,
            "--state-dir",
            "state",
            "--commit-interval-ms",
            "25",
        ]
        .into_iter()
        .chain(["--bootstrap-servers", &broker])
        .map(str::to_owned)
        .collect()
    }

    /// With credentials that the store refuses the query stops, says why, and has taken nothing.
    fn refused_login(&mut self, folder: &Path, proxy: &Proxy) -> Result<(), String> {
        let place = self.case.place();
        let wrong = self.ground.store.wrong_credentials(&place, proxy.address());
        let wrong = wrong.ok_or("the store refuses nobody")?;
        self.write_statements(folder, &wrong.options)?;
        let mut run = Run::start(folder, self.arguments())?;
        self.stops(&mut run, wrong.says)?;
        if run.log(usize::MAX).contains(wrong.hides) {
            self.problems.push("it shows the password".to_owned());
        }
        if self.committed()?.iter().any(|offset| *offset > 0) {
            self.problems.push("offsets are committed, and nothing is stored".to_owned());
        }
        self.injected += 1;
        Ok(())
    }

    /// The query ends by itself with status 1, and has said all of `words`.
    fn stops(&mut self, run: &mut Run, words: &[&str]) -> Result<(), String> {
        let ended = world::wait_for(PATIENCE, || run.ended()).and_then(|status| status.code());
        if ended != Some(1) {
            return Err(format!(
                "it should have stopped with status 1: {ended:?}\n{}",
                run.log(15)
            ));
        }
        let said = run.log(usize::MAX);
        for word in words.iter().filter(|word| !said.contains(**word)) {
            self.problems.push(format!("it does not say `{word}`: {}", run.log(15)));
        }
        Ok(())
    }

    /// What a case does while the run goes on, beside what its proxy does.
    fn meet(&mut self, run: &mut Run, proxy: &Proxy) -> Result<(), String> {
        match self.case.fault {
            Fault::DownAtStart => {
                self.waits(run)?;
                self.injected += 1;
                self.ground.store.revive();
            }
            Fault::KillStore => {
                self.await_act(run, proxy)?;
                proxy.shut();
                self.waits(run)?;
                self.ground.store.revive();
                // Nothing comes through yet: what is there now is what was stored before.
                self.check_committed()?;
                proxy.open();
            }
            Fault::OtherSchema => {
                self.await_act(run, proxy)?;
                let words = self.ground.store.says_spoilt().ok_or("the store has no schema")?;
                self.stops(run, words)?;
                self.ground.store.mend(&self.case.place());
                self.check_committed()?;
                run.again()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn await_act(&self, run: &mut Run, proxy: &Proxy) -> Result<(), String> {
        let met = || (proxy.done() > 0 || run.ended().is_some()).then_some(());
        let _ = world::wait_for(PATIENCE, met);
        if proxy.done() > 0 { Ok(()) } else { Err("its fault did not come".to_owned()) }
    }

    /// It says that it waits, and why.
    fn waits(&mut self, run: &mut Run) -> Result<(), String> {
        let why = || {
            let log = run.log(usize::MAX);
            log.lines().find_map(|line| Some(line.split_once(WAITS)?.1.to_owned()))
        };
        let why = world::wait_for(PATIENCE, why);
        let why = why.ok_or("it does not say that the store takes no rows")?;
        let (connector, _) = self.case.store.split_once(',').unwrap_or((self.case.store, ""));
        if !why.contains(connector) || !why.contains(WHY) {
            self.problems.push(format!("it does not say why it waits: {why}"));
        }
        Ok(())
    }

    /// What is committed must be stored. With state it may be in the outbox.
    fn check_committed(&mut self) -> Result<(), String> {
        if self.case.flow == Flow::State {
            return Ok(());
        }
        let committed = self.committed()?;
        let missing = self.ground.input.missing(Flow::Rows, &self.rows(), &committed);
        if missing > 0 {
            self.problems.push(format!(
                "offsets {committed:?} are committed, and {missing} rows before them are not stored"
            ));
        }
        Ok(())
    }

    /// The group's committed offsets, by partition.
    fn committed(&self) -> Result<Vec<usize>, String> {
        let group_id = format!("{}-{QUERY}", self.case.place());
        let request =
            OffsetFetchRequest { group_id, topics: None, ..OffsetFetchRequest::default() };
        let response = Wire::connect(self.ground.broker.address())?.call(&request, 5)?;
        let mut offsets = vec![0; self.ground.input.partitions()];
        for topic in response.topics.iter().filter(|topic| topic.name == TOPIC) {
            for partition in topic.partitions.iter() {
                let at = usize::try_from(partition.partition_index).unwrap_or(usize::MAX);
                let offset = usize::try_from(partition.committed_offset).unwrap_or_default();
                *offsets.get_mut(at).ok_or("a partition that is not there")? = offset;
            }
        }
        Ok(offsets)
    }

    /// Waits for the end, starting again what was killed.
    fn finish(&mut self, run: &mut Run, victim: &AtomicI32) -> Result<(), String> {
        let start = world::now();
        let patience = PATIENCE + Duration::from_millis(u64::from(self.case.rows));
        let is_killed =
            |status: ExitStatus| kolk::was_killed(status) && self.case.fault == Fault::KillKolk;
        loop {
            match run.ended() {
                Some(status) if is_killed(status) => {
                    self.killed += 1;
                    run.again()?;
                    victim.store(run.pid().as_raw_nonzero().get(), Ordering::SeqCst);
                }
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("`kolk run` ended with {status}")),
                None => {}
            }
            if start.elapsed() > patience {
                return Err(format!("`kolk run` is not at its end after {} s", patience.as_secs()));
            }
            world::pause(Duration::from_millis(10));
        }
    }

    /// Whether every fault showed. `refused` is how many entries the store had refused before.
    fn prove(&mut self, proxy: &Proxy, refused: usize) {
        self.injected += match self.case.fault {
            Fault::Slow => proxy.delayed(),
            Fault::RefuseSome => self.ground.store.refuse_some(false).unwrap_or(0) - refused,
            Fault::KillKolk => self.killed,
            _ => proxy.done(),
        };
        if self.case.fault == Fault::KillKolk && self.killed < proxy.done() {
            let (killed, meant) = (self.killed, proxy.done());
            self.problems.push(format!("killed {killed} of {meant} times"));
        }
        if self.injected == 0 && self.case.fault != Fault::Nothing {
            self.problems.push("no fault took effect".to_owned());
        }
        let planned = self.case.plan(self.ground.input.bytes).len();
        if proxy.done() < planned {
            let done = proxy.done();
            self.problems.push(format!("{done} of {planned} planned faults took effect"));
        }
        if proxy.done() > 0 && !proxy.is_connected_again() {
            self.problems.push("nobody connected again after the last fault".to_owned());
        }
    }

    fn judge(&mut self, findings: Findings) {
        let Findings { lost, wrong, reordered, repeats, .. } = findings;
        if lost + wrong + reordered > 0 {
            self.problems.push(format!("{lost} rows lost, {wrong} wrong, {reordered} reordered"));
        }
        let may_repeat = self.keeps() == Keeps::Every && self.case.fault.may_repeat();
        if repeats > 0 && !may_repeat {
            self.problems.push(format!("{repeats} rows are there twice"));
        }
        if repeats == 0 && self.keeps() == Keeps::Every && self.case.fault == Fault::CutAnswer {
            self.problems
                .push("no row is there twice: what was not answered was not applied".to_owned());
        }
    }
}
