//! One run of a case: visits in, `kolk run` behind the proxy, faults, then every check.

use crate::case::{Case, Fault, Mode, REQUEST_TIMEOUT_MS};
use crate::check::{Findings, Repeats, compare};
use crate::foreign::{Partitions, read_topic};
use crate::kolk::{self, Run};
use crate::proxy::{Plan, Proxy, Victim};
use crate::server::{Input, Server};
use crate::world;
use kolk_wire::ApiKey;
use rustix::process::Pid;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;
use tempfile::TempDir;

/// Faults end within a few seconds; from then on a run must get on.
const PATIENCE: Duration = Duration::from_secs(90);
/// Within this time after the end of the run everything late has arrived.
const SETTLE: Duration = Duration::from_secs(8);
/// So long a killed broker stays away.
const AWAY: Duration = Duration::from_millis(400);

/// What came of a case.
#[derive(Debug, Clone)]
pub(crate) struct Outcome {
    pub(crate) case: Case,
    /// Faults that took effect.
    pub(crate) injected: usize,
    pub(crate) findings: Findings,
    /// Everything that is wrong; empty when the case has passed.
    pub(crate) problems: Vec<String>,
    pub(crate) took: Duration,
}

impl Outcome {
    /// Occurrences of a record after its first that the mode does not allow.
    pub(crate) fn duplicates(&self) -> usize {
        if self.case.repeats() == Repeats::Never { self.findings.repeats } else { 0 }
    }

    /// Those that it allows.
    pub(crate) fn repeats(&self) -> usize {
        self.findings.repeats - self.duplicates()
    }
}

/// Runs a case.
pub(crate) fn run(case: Case, server: &Arc<Server>) -> Outcome {
    let start = world::now();
    let mut stage = Stage { case, server: Arc::clone(server), problems: Vec::new(), injected: 0 };
    let findings = match stage.play() {
        Ok(findings) => findings,
        Err(problem) => {
            stage.problems.push(problem);
            Findings::default()
        }
    };
    Outcome {
        case,
        injected: stage.injected,
        findings,
        problems: stage.problems,
        took: start.elapsed(),
    }
}

struct Stage {
    case: Case,
    server: Arc<Server>,
    problems: Vec<String>,
    injected: usize,
}

impl Stage {
    fn play(&mut self) -> Result<Findings, String> {
        self.server.revive()?;
        let input = self.server.input(self.case.visits)?;
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let output = self.output();
        let victim = Arc::new(AtomicI32::new(0));
        let proxy = self.proxy(&victim);
        let mut run = Run::start(folder.path(), self.arguments(&folder, &input, &proxy)?)?;
        let finished = self.supervise(&mut run, &victim);
        // What is late may come after the end.
        let _ =
            world::wait_for(SETTLE, || proxy.ledger().without_effect().is_empty().then_some(()));
        self.prove(&proxy);
        if let Err(problem) = finished {
            self.keep(folder, &run);
            return Err(format!("{problem}\n{}", run.log(15)));
        }
        drop(proxy);
        self.server.revive()?;
        let records = read_topic(self.server.address(), &output)?;
        let findings = compare(&input.records, &records, self.case.mode.bins());
        self.problems.extend(findings.problems(self.case.repeats()));
        self.second_opinion(&output, &input);
        self.foreign_opinion(&output, &records);
        if self.problems.is_empty() {
            let address = self.server.address().to_string();
            kolk::done(&["topic", "delete", &output, "--bootstrap-servers", &address])?;
        } else {
            self.keep(folder, &run);
        }
        Ok(findings)
    }

    /// Topic and application of this case.
    fn output(&self) -> String {
        let Case { fault, mode, seed, visits, .. } = self.case;
        format!("{}-{}-{visits}-{seed}", fault.name(), mode.name())
            .replace([' ', ','], "-")
            .to_lowercase()
    }

    fn proxy(&self, victim: &Arc<AtomicI32>) -> Proxy {
        let (server, victim) = (Arc::clone(&self.server), Arc::clone(victim));
        let kill = move |who| match who {
            Victim::Broker => server.kill(),
            Victim::Kolk => match Pid::from_raw(victim.load(Ordering::SeqCst)) {
                Some(pid) => kolk::kill(pid),
                None => "there is nobody to kill".to_owned(),
            },
        };
        Proxy::start(self.server.address(), Plan::new(self.case.plan()), Box::new(kill))
    }

    fn arguments(
        &self,
        folder: &TempDir,
        input: &Input,
        proxy: &Proxy,
    ) -> Result<Vec<String>, String> {
        let (file, output) = (folder.path().join("case.sql"), self.output());
        fs::write(&file, statements(self.case.mode, &input.topic, &output))
            .map_err(|error| error.to_string())?;
        let mut arguments: Vec<String> =
            ["run", "case.sql", "--until-end", "--app", &output, "--state-dir", "state"]
                .map(str::to_owned)
                .to_vec();
        // Many commits: faults find the steps of one.
        arguments.extend(["--commit-interval-ms".to_owned(), "25".to_owned()]);
        arguments.extend(["--bootstrap-servers".to_owned(), proxy.address().to_string()]);
        for setting in [
            // Small requests: a fault hits a part of the work, not all of it.
            "batch.size=16384",
            "max.partition.fetch.bytes=65536",
            &format!("request.timeout.ms={REQUEST_TIMEOUT_MS}"),
        ] {
            arguments.extend(["--set".to_owned(), setting.to_owned()]);
        }
        Ok(arguments)
    }

    /// Waits for the end, starting again what was killed.
    fn supervise(&mut self, run: &mut Run, victim: &AtomicI32) -> Result<(), String> {
        let start = world::now();
        let patience = PATIENCE + Duration::from_millis(u64::from(self.case.visits));
        victim.store(run.pid().as_raw_nonzero().get(), Ordering::SeqCst);
        loop {
            match run.ended() {
                Some(status) if kolk::was_killed(status) && self.case.fault == Fault::KillKolk => {
                    run.again()?;
                    victim.store(run.pid().as_raw_nonzero().get(), Ordering::SeqCst);
                }
                Some(status) if status.success() => return Ok(()),
                Some(status) => return Err(format!("`kolk run` ended with {status}")),
                None => {}
            }
            if self.server.is_dead() {
                world::pause(AWAY);
                self.server.revive()?;
            }
            if start.elapsed() > patience {
                return Err(format!("`kolk run` is not at its end after {} s", patience.as_secs()));
            }
            world::pause(Duration::from_millis(10));
        }
    }

    /// Whether every fault showed, and what the proxy saw of the delivery mode.
    fn prove(&mut self, proxy: &Proxy) {
        let seen = proxy.plan().seen(ApiKey::Produce);
        let left = proxy.plan().left();
        let ledger = proxy.ledger();
        self.injected = ledger.faults.iter().filter(|entry| entry.effective).count();
        self.problems.extend(ledger.trouble.iter().cloned());
        self.problems.extend(ledger.without_effect());
        if self.injected == 0 && self.case.fault != Fault::Nothing {
            self.problems.push(format!(
                "no fault took effect: {left} did not find their request ({seen} Produce requests)"
            ));
        }
        let most = self.case.mode.in_flight_max();
        if ledger.in_flight_max > most {
            self.problems.push(format!(
                "{} requests on their way on a connection, more than {most}",
                ledger.in_flight_max
            ));
        }
        if self.case.mode == Mode::Individual && ledger.records_max > 2 {
            self.problems
                .push(format!("{} records in a request of `individual`", ledger.records_max));
        }
    }

    /// `kolk verify order` must come to the same verdict.
    fn second_opinion(&mut self, output: &str, input: &Input) {
        let address = self.server.address().to_string();
        let mut arguments = vec![
            "verify",
            "order",
            "--topic",
            output,
            "--key",
            "visit_id",
            "--by",
            "event_time",
            "--against",
            &input.topic,
            "--bootstrap-servers",
            &address,
        ];
        if self.case.repeats() != Repeats::Never {
            arguments.push("--allow-duplicates");
        }
        if self.case.mode == Mode::BinPacked {
            arguments.extend(["--bins", "delivery_batch"]);
        }
        if let Err(said) = kolk::done(&arguments) {
            self.problems.push(said);
        } else if !self.problems.is_empty() {
            self.problems.push("`kolk verify order` found nothing".to_owned());
        }
    }

    /// librdkafka must read what the own reader has read.
    fn foreign_opinion(&mut self, output: &str, records: &Partitions) {
        let Some(kcat) = kolk::kcat() else { return };
        let address = self.server.address().to_string();
        let mut command = Command::new(kcat);
        command.args([
            "-b",
            &address,
            "-C",
            "-t",
            output,
            "-o",
            "beginning",
            "-e",
            "-q",
            "-f",
            "%p %k %s\n",
        ]);
        command.args(["-X", "isolation.level=read_committed"]);
        let read = kolk::finish(&mut command);
        let mut found = vec![String::new(); records.len()];
        for line in read.out.lines() {
            let (partition, record) = line.split_once(' ').unwrap_or_default();
            if let Some(found) = partition.parse().ok().and_then(|at: usize| found.get_mut(at)) {
                found.push_str(record);
                found.push('\n');
            }
        }
        let own = records.iter().map(|records| {
            let lines =
                records.iter().map(|record| [&record.key[..], b" ", &record.value, b"\n"].concat());
            String::from_utf8_lossy(&lines.collect::<Vec<_>>().concat()).into_owned()
        });
        if read.status != Some(0) || !own.eq(found) {
            self.problems.push(format!(
                "kcat reads something else (status {:?}): {}",
                read.status, read.error
            ));
        }
    }

    /// Leaves log and state where they can be looked at.
    fn keep(&mut self, folder: TempDir, run: &Run) {
        let pid = run.pid().as_raw_nonzero();
        self.problems.push(format!("kept: {} (process {pid})", folder.keep().display()));
    }
}

fn statements(mode: Mode, input: &str, output: &str) -> String {
    let more = match mode {
        // Several intervals, hundreds of bins.
        Mode::BinPacked => {
            ", bin_key = 'visit_id', bin_order_by = 'event_time', bin_interval = '20 seconds', bin_rows = 1000, \
             bin_header = 'delivery_batch'"
        }
        _ => "",
    };
    format!(
        "CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP)
           WITH (kafka_topic = '{input}', value_format = 'JSON', key = 'visit_id');
         CREATE STREAM delivered WITH (kafka_topic = '{output}', delivery = '{}'{more}) AS SELECT * FROM visits;",
        mode.name(),
    )
}
