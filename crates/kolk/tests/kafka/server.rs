//! Apache Kafka, started by `scripts/kafka.sh`, shared by the tests of this process, and ended with it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, sync_channel};
use std::time::Duration;

/// Starting takes two seconds, and much longer on a busy machine.
const START_MAX: Duration = Duration::from_secs(90);

/// How a server is set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `transaction.version` 2.
    TransactionVersion2,
    /// `transaction.version` 1.
    TransactionVersion1,
    /// With listeners for TLS and SASL; user alice, password alice-secret.
    Secure,
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Kafka {
    /// Addresses by listener, and the path of the authority's certificate as `CA`.
    addresses: BTreeMap<String, String>,
    /// The server stops when its standard input is closed, at the latest with this process.
    _script: Child,
}

impl Kind {
    /// The server of this kind, started at the first call; `None` when it cannot be had here.
    pub(crate) fn server(self) -> Option<&'static Kafka> {
        static SERVERS: [OnceLock<Result<Kafka, String>>; 3] = [const { OnceLock::new() }; 3];
        let server = SERVERS[self as usize].get_or_init(|| match missing_program() {
            Some(program) => Err(format!("Apache Kafka needs {program}, which is not installed")),
            None => Ok(Kafka::start(self)),
        });
        match server {
            Ok(server) => Some(server),
            Err(why) => {
                // The harness shows what passing tests print only with --nocapture; a skip must always be seen.
                io::stdout().write_all(format!("\nskipped: {why}\n").as_bytes()).unwrap();
                None
            }
        }
    }

    fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::TransactionVersion2 => &["--transaction-version", "2"],
            Self::TransactionVersion1 => &["--transaction-version", "1"],
            Self::Secure => &["--secure"],
        }
    }
}

/// A program that Apache Kafka needs and that is not here.
fn missing_program() -> Option<&'static str> {
    ["java", "mvn"].into_iter().find(|program| {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output();
        !found.is_ok_and(|output| output.status.success())
    })
}

impl Kafka {
    fn start(kind: Kind) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/kafka.sh");
        let data = folder(kind);
        let mut script = Command::new(&script)
            .args(["--until-stdin-closes", "--data"])
            .arg(&data)
            .args(kind.arguments())
            // Records of these tests are of 1970, or of when the scenarios play. Half a minute after its start a server looks for what
            // is older than a week: it would delete the topics of whichever tests run just then.
            .args(["--set", "log.initial.task.delay.ms=3600000"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Ctrl-C in a terminal is for the tests; the server follows them.
            .process_group(0)
            .spawn()
            .unwrap();
        let output = BufReader::new(script.stdout.take().unwrap());
        let (tell, told) = sync_channel(1);
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = tell.try_send(line);
            }
        });
        match told.recv_timeout(START_MAX) {
            Ok(line) if line.starts_with("ready ") => {}
            Ok(line) => panic!("scripts/kafka.sh says: {line}"),
            Err(RecvTimeoutError::Timeout) => {
                panic!("Apache Kafka is not ready, see {}", data.display())
            }
            Err(RecvTimeoutError::Disconnected) => {
                panic!("scripts/kafka.sh failed, see {}", data.display())
            }
        }
        let addresses = fs::read_to_string(data.join("addresses")).unwrap();
        let addresses = addresses.lines().filter_map(|line| line.split_once('='));
        let addresses =
            addresses.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { addresses, _script: script }
    }

    /// A listener's address, or the path `CA`.
    pub(crate) fn address(&self, name: &str) -> &str {
        &self.addresses[name]
    }
}

/// A new folder for the data. Those of processes that are gone are removed.
fn folder(kind: Kind) -> PathBuf {
    let all = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for entry in fs::read_dir(all).unwrap().map_while(Result::ok) {
        let name = entry.file_name().into_string().unwrap_or_default();
        let owner = name.strip_prefix("kafka-").and_then(|name| name.rsplit_once('-'));
        if owner.is_some_and(|(_, owner)| !Path::new("/proc").join(owner).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    all.join(format!("kafka-{kind:?}-{}", std::process::id()))
}
