//! Where a scenario runs: a folder with its embedded broker, or a folder beside an Apache Kafka that other tests use too.

use crate::kolk::{Kolk, Running};
use crate::server::Kind;
use serde_json::Value;
use std::path::Path;

/// A folder, a cluster, and names that are the scenario's own.
pub(crate) struct Place {
    pub(crate) kolk: Kolk,
    /// What names of topics and applications begin with.
    prefix: String,
    address: Option<String>,
}

/// A record, as `kolk consume --output json` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) partition: i64,
    pub(crate) offset: i64,
    pub(crate) timestamp: i64,
    pub(crate) key: Option<String>,
    pub(crate) value: String,
    pub(crate) headers: Vec<(String, String)>,
}

impl Row {
    /// A field of the value.
    pub(crate) fn field(&self, name: &str) -> String {
        let value: Value = serde_json::from_str(&self.value).unwrap();
        value[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.value)).to_owned()
    }
}

impl Place {
    /// Without any setting: the first command starts the broker of the folder, each for its own duration.
    pub(crate) fn embedded() -> Self {
        Self { kolk: Kolk::new(), prefix: String::new(), address: None }
    }

    /// The shared server; `None` when it cannot be had here.
    pub(crate) fn kafka(name: &str) -> Option<Self> {
        let address = Kind::TransactionVersion2.server()?.address("PLAINTEXT");
        let kolk = Kolk::new().with_variable("KOLK_BOOTSTRAP_SERVERS", address);
        Some(Self { kolk, prefix: format!("{name}-"), address: Some(address.to_owned()) })
    }

    /// The address of the cluster for programs that are not Kolk, and what must live as long.
    pub(crate) fn address(&self) -> (String, Option<Running>) {
        if let Some(address) = &self.address {
            return (address.clone(), None);
        }
        let mut broker = self.kolk.start("broker --listen 127.0.0.1:0", "");
        broker.wait_until(|out| out.starts_with("ready ") && out.ends_with('\n'));
        (broker.out().trim().replace("ready ", ""), Some(broker))
    }

    /// What a topic is really called.
    pub(crate) fn topic(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    /// Writes a program into the folder, with topics of this scenario's own; returns what to run it with. The names of
    /// applications are those of their files.
    pub(crate) fn program(&self, file: &str, text: &str) -> String {
        let topics = format!("kafka_topic = '{}", self.prefix);
        let name = self.topic(file);
        self.kolk.write(&name, &text.replace("kafka_topic = '", &topics));
        format!("run {name} --output json")
    }

    /// The text of an example.
    pub(crate) fn example(path: &str) -> String {
        let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
        std::fs::read_to_string(examples.join(path)).unwrap()
    }

    /// Generates visits into the topic `visits`.
    pub(crate) fn generate(&self, count: usize) {
        let topic = self.topic("visits");
        self.kolk.ok(&format!("generate visits --topic {topic} --count {count} --seed 7"));
    }

    /// Runs a program to its end: each query must have read, and delivered, `count` records.
    pub(crate) fn run_to_end(&self, run: &str, count: usize) -> Value {
        let totals = self.kolk.run(&format!("{run} --until-end")).with(0).json();
        for query in totals["queries"].as_array().unwrap() {
            assert_eq!(query["read"], count, "{totals:#}");
            assert_eq!(query["delivered"], count, "{totals:#}");
            assert_eq!(query["balances"], true, "{totals:#}");
        }
        totals
    }

    /// All records of a topic, by partition and offset.
    pub(crate) fn rows(&self, topic: &str) -> Vec<Row> {
        let topic = self.topic(topic);
        let line = format!("consume --topic {topic} --from-beginning --until-end --output json");
        let mut rows: Vec<Row> = self.kolk.ok(&line).lines().map(row).collect();
        rows.sort_by_key(|row| (row.partition, row.offset));
        rows
    }

    /// Has `kolk verify order` find nothing wrong with a topic.
    pub(crate) fn verify(&self, topic: &str, options: &str) {
        let (topic, visits) = (self.topic(topic), self.topic("visits"));
        let verify = format!(
            "verify order --topic {topic} --key visit_id --by event_time --against {visits} {options}"
        );
        let report = self.kolk.ok(&verify);
        assert!(report.trim_end().ends_with("in order"), "{report}");
    }
}

fn row(line: &str) -> Row {
    let json: Value = serde_json::from_str(line).unwrap();
    let header = |header: &Value| {
        let text = |name: &str| header[name].as_str().unwrap().to_owned();
        (text("name"), text("value"))
    };
    Row {
        partition: json["partition"].as_i64().unwrap(),
        offset: json["offset"].as_i64().unwrap(),
        timestamp: json["timestamp"].as_i64().unwrap(),
        key: json["key"].as_str().map(str::to_owned),
        value: json["value"].as_str().unwrap().to_owned(),
        headers: json["headers"].as_array().unwrap().iter().map(header).collect(),
    }
}
