//! The brokers that the tests start, kill and start again: `kolk broker`, and Apache Kafka.

use crate::foreign::{Partitions, read_topic};
use crate::kolk;
use crate::world;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;
use tempfile::TempDir;

/// Kafka's start on a busy machine, an installation from packages not included.
const PATIENCE: Duration = Duration::from_secs(120);
/// The seed of all inputs: what differs from run to run are the faults.
const INPUT_SEED: &str = "1";

/// What serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// `kolk broker`.
    Embedded,
    /// Apache Kafka with `transaction.version` 2: KIP-890 in full.
    Kafka,
    /// Apache Kafka with `transaction.version` 1.
    KafkaOld,
    /// Apache Kafka that also has listeners with SASL: user alice, password alice-secret.
    KafkaSecure,
}

impl Kind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Embedded => "embedded",
            Self::Kafka => "Kafka",
            Self::KafkaOld => "Kafka, transaction.version 1",
            Self::KafkaSecure => "Kafka with SASL",
        }
    }
}

impl Kind {
    /// Whether it can be started here; if not, that is said, once for all kinds of Apache Kafka.
    pub(crate) fn is_at_hand(self) -> bool {
        static KAFKA: OnceLock<bool> = OnceLock::new();
        self == Self::Embedded
            || *KAFKA.get_or_init(|| {
                let jars = Command::new(world::root().join("scripts/kafka-deps.sh")).output();
                let java = Command::new("java").arg("-version").output();
                let why = match (jars, java) {
                    (Ok(jars), Ok(java)) if jars.status.success() && java.status.success() => {
                        return true;
                    }
                    (Ok(jars), _) if !jars.status.success() => {
                        String::from_utf8_lossy(&jars.stderr).into_owned()
                    }
                    (jars, java) => format!("{:?} {:?}", jars.err(), java.err()),
                };
                crate::say(&format!("skipped: Apache Kafka cannot be had: {}", why.trim()));
                false
            })
    }
}

/// A running broker with its own data, which lasts as long as this.
pub(crate) struct Server {
    kind: Kind,
    address: SocketAddr,
    data: PathBuf,
    folder: TempDir,
    running: Mutex<Option<Running>>,
    inputs: Mutex<BTreeMap<u32, Arc<Input>>>,
}

/// A topic of visits, and what is in it.
pub(crate) struct Input {
    pub(crate) topic: String,
    pub(crate) records: Partitions,
}

struct Running {
    script: Child,
    /// Open as long as the server may run: it ends when this test does, however that ends.
    _guard: ChildStdin,
    pid: Pid,
    address: SocketAddr,
}

impl Server {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// In words, with what the broker said.
    pub(crate) fn start(kind: Kind) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let data = folder.path().join("data");
        Self::launched(kind, data, folder)
    }

    /// Starts one with its data in a folder that the caller looks after.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub(crate) fn start_in(kind: Kind, data: PathBuf) -> Result<Self, String> {
        Self::launched(kind, data, tempfile::tempdir().map_err(|error| error.to_string())?)
    }

    fn launched(kind: Kind, data: PathBuf, folder: TempDir) -> Result<Self, String> {
        let running = launch(kind, (&data, folder.path()), None)?;
        let address = running.address;
        let (running, inputs) = (Mutex::new(Some(running)), Mutex::default());
        Ok(Self { kind, address, data, folder, running, inputs })
    }

    /// The address of another listener, as Kafka's script calls it.
    pub(crate) fn listener(&self, name: &str) -> SocketAddr {
        let addresses =
            fs::read_to_string(self.data.join("addresses")).expect("Kafka's script writes it");
        let line = addresses.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.and_then(|address| address.parse().ok()).expect("a listener of this name")
    }

    /// Its data folder.
    pub(crate) fn data(&self) -> String {
        self.data.display().to_string()
    }

    /// Where it serves, also after a restart.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// `kill -9`; says which process.
    pub(crate) fn kill(&self) -> String {
        // Nobody starts it again before it is gone: a process that writes to a slow disk dies when that is done.
        let mut slot = self.running();
        let Some(mut running) = slot.take() else {
            return "it was dead already".to_owned();
        };
        let killed = kill_process(running.pid, Signal::KILL);
        let _ = running.script.wait();
        format!("broker {} killed: {killed:?}", running.pid.as_raw_nonzero())
    }

    /// Starts it again after a kill, on the same data and port; does nothing when it runs.
    ///
    /// # Errors
    /// As [`Server::start`].
    pub(crate) fn revive(&self) -> Result<(), String> {
        let mut running = self.running();
        if running.is_none() {
            *running =
                Some(launch(self.kind, (&self.data, self.folder.path()), Some(self.address))?);
        }
        Ok(())
    }

    /// Whether it is dead: killed, or ended by itself.
    pub(crate) fn is_dead(&self) -> bool {
        let mut running = self.running();
        running.as_mut().is_none_or(|running| !matches!(running.script.try_wait(), Ok(None)))
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A topic with this many visits, made when it is first asked for.
    ///
    /// # Errors
    /// In words.
    pub(crate) fn input(&self, visits: u32) -> Result<Arc<Input>, String> {
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(input) = inputs.get(&visits) {
            return Ok(Arc::clone(input));
        }
        let topic = format!("visits-{visits}");
        let (address, count) = (self.address.to_string(), visits.to_string());
        kolk::done(&[
            "generate",
            "visits",
            "--topic",
            &topic,
            "--count",
            &count,
            "--seed",
            INPUT_SEED,
            "--bootstrap-servers",
            &address,
            // A copy forwards whole batches: small ones are many requests, among which faults find theirs.
            "--set",
            "batch.size=8192",
        ])?;
        let records = read_topic(self.address, &topic)?;
        let written: usize = records.iter().map(Vec::len).sum();
        if written != visits as usize || records.len() != 2 {
            return Err(format!(
                "`kolk generate` wrote {written} of {visits} visits to {} partitions",
                records.len()
            ));
        }
        let input = Arc::new(Input { topic, records });
        inputs.insert(visits, Arc::clone(&input));
        Ok(input)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut running) = self.running().take() {
            let _ = kill_process(running.pid, Signal::KILL);
            let _ = running.script.wait();
        }
    }
}

/// Starts a broker on `data`, with what it says in a file in `folder`.
fn launch(
    kind: Kind,
    (data, folder): (&Path, &Path),
    address: Option<SocketAddr>,
) -> Result<Running, String> {
    let log = folder.join("broker.log");
    let stderr =
        File::options().create(true).append(true).open(&log).map_err(|error| error.to_string())?;
    let mut script = command(kind, data, address)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", kind.name()))?;
    let guard = script.stdin.take().ok_or("no standard input")?;
    let mut lines = BufReader::new(script.stdout.take().ok_or("no standard output")?).lines();
    let start = world::now();
    let mut pid = None;
    while let Some(Ok(line)) = lines.next() {
        if let Some(number) = line.strip_prefix("pid ") {
            pid = number.parse().ok();
        }
        if let Some(address) = line.strip_prefix("ready ") {
            let address = address.parse().map_err(|error| format!("{address}: {error}"))?;
            let file = fs::read_to_string(data.join("pid")).unwrap_or_default();
            let pid = pid
                .or_else(|| file.trim().parse().ok())
                .and_then(Pid::from_raw)
                .ok_or("no process id")?;
            return Ok(Running { script, _guard: guard, pid, address });
        }
        if start.elapsed() > PATIENCE {
            break;
        }
    }
    let _ = script.kill();
    let _ = script.wait();
    Err(format!("{} did not start: {}", kind.name(), fs::read_to_string(log).unwrap_or_default()))
}

fn command(kind: Kind, data: &Path, address: Option<SocketAddr>) -> Command {
    if kind == Kind::Embedded {
        // It ends when standard input does, as Kafka's script has it: `wait` returns when it ended by itself.
        // Its process id comes first: the broker is `ready` sooner than a busy machine goes on here.
        let guarded = r#"exec 3<&0; (echo "pid $BASHPID"; exec "$@") < /dev/null & pid=$!
            (cat <&3; kill -9 $pid) > /dev/null 2>&1 & guard=$!
            wait $pid; kill $guard"#;
        let listen = address.map_or("127.0.0.1:0".to_owned(), |address| address.to_string());
        let mut command = Command::new("bash");
        command
            .args([
                "-c",
                guarded,
                "broker",
                &kolk::binary(),
                "broker",
                "--listen",
                &listen,
                "--data",
            ])
            .arg(data);
        return command;
    }
    let mut command = Command::new(world::root().join("scripts/kafka.sh"));
    command.arg("--data").arg(data).args([
        "--until-stdin-closes",
        "--set",
        "log.segment.delete.delay.ms=1000",
        // Half a minute after its start a server deletes what is older than a week, and results carry the time of their events.
        "--set",
        "log.retention.ms=-1",
    ]);
    command.args(["--transaction-version", if kind == Kind::KafkaOld { "1" } else { "2" }]);
    if kind == Kind::KafkaSecure {
        command.arg("--secure");
    }
    if let Some(address) = address {
        command.args(["--port", &address.port().to_string()]);
    }
    command
}
