//! Mistakes of people and places: each is told clearly, with what to do about it, and nothing is lost by it.

mod cluster;
mod disk;
mod records;
mod statements;

use crate::foreign::read_topic;
use crate::kolk::{self, Ended};
use serde_json::Value;
use std::fs;
use std::net::SocketAddr;
use tempfile::TempDir;

/// A folder of one user, who works on one cluster.
struct Desk {
    folder: TempDir,
    broker: SocketAddr,
}

impl Desk {
    fn at(broker: SocketAddr) -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder"), broker }
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).expect("a file can be written");
    }

    /// A command line, cut at spaces, for this cluster.
    fn run(&self, line: &str) -> Ended {
        let broker = self.broker.to_string();
        let mut arguments: Vec<&str> = line.split_whitespace().collect();
        arguments.extend(["--bootstrap-servers", &broker]);
        kolk::run_in(self.folder.path(), &arguments)
    }

    /// One that must end well.
    fn ok(&self, line: &str) -> String {
        let ended = self.run(line);
        assert_eq!(ended.status, Some(0), "`kolk {line}`: {ended:?}");
        ended.out
    }

    /// Writes these lines as records without keys to partition 0.
    fn produce(&self, topic: &str, lines: &[&str]) {
        self.write("lines", &format!("{}\n", lines.join("\n")));
        self.ok(&format!("produce --topic {topic} --file lines --partition 0"));
    }

    /// Writes these (key, value) pairs as records to partition 0.
    fn produce_keyed(&self, topic: &str, records: &[(&str, &str)]) {
        let lines: String =
            records.iter().map(|(key, value)| format!("{key}\t{value}\n")).collect();
        self.write("lines", &lines);
        self.ok(&format!("produce --topic {topic} --file lines --partition 0 --key-separator \\t"));
    }

    /// The values of a topic, as a committed reader gets them.
    fn values(&self, topic: &str) -> Vec<String> {
        let records = read_topic(self.broker, topic).expect("the topic can be read").concat();
        records.into_iter().map(|record| String::from_utf8(record.value).expect("text")).collect()
    }

    /// Runs `app.sql` to the end, and returns the books of its only query.
    fn books(&self, app: &str) -> Value {
        let out = self.ok(&format!("run app.sql --app {app} --until-end --output json"));
        let report: Value = serde_json::from_str(&out).expect("a report");
        let query = &report["queries"][0];
        assert_eq!(query["balances"], true, "{query}");
        let number = |name: &str| query[name].as_u64().expect("a count");
        let fates = ["forwarded", "filtered", "skipped", "dead_lettered"].map(number);
        assert_eq!(number("read"), fates.iter().sum::<u64>(), "the books do not balance: {query}");
        assert_eq!(number("forwarded"), number("delivered") + number("too_large"), "{query}");
        query.clone()
    }
}

/// Fails unless the command ended with `status` and said all of `parts`.
fn told(ended: &Ended, status: i32, parts: &[&str]) {
    assert_eq!(ended.status, Some(status), "{ended:?}");
    for part in parts {
        assert!(ended.error.contains(part), "{part:?} is not in:\n{}", ended.error);
    }
}
