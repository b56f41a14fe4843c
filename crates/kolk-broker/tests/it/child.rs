//! A broker in a process of its own, which can be killed.

use crate::client::Client;
use crate::server::{any_port, start};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

const DATA: &str = "KOLK_TEST_BROKER_DATA";
const SETTINGS: &str = "KOLK_TEST_BROKER_SETTINGS";

/// A running child; killed when dropped.
pub(crate) struct Process {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Process {
    /// Starts this test program again as a broker on `data`.
    pub(crate) fn start(data: &Path, settings: &[(&str, &str)]) -> Self {
        let settings: Vec<String> =
            settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "child::broker_process", "--nocapture"])
            .env(DATA, data)
            .env(SETTINGS, settings.join(";"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        // libtest says something before it.
        let ready = lines.find_map(|line| Some(line.unwrap().split_once("ready ")?.1.to_owned()));
        let address = ready.expect("the child says where it listens").parse().unwrap();
        Self { child, address }
    }

    pub(crate) fn client(&self) -> Client {
        Client::connect(self.address)
    }

    /// SIGKILL: nothing is closed, nothing is flushed.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Not a test: the child's main function. It ends with its standard input, so it never outlives its parent.
#[test]
#[ignore = "the child process of other tests"]
fn broker_process() {
    let Ok(data) = std::env::var(DATA) else { return };
    let settings = std::env::var(SETTINGS).unwrap_or_default();
    let settings: Vec<(&str, &str)> =
        settings.split(';').filter_map(|setting| setting.split_once('=')).collect();
    let broker = start(Path::new(&data), any_port(), &settings).unwrap();
    println!("ready {}", broker.address());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
