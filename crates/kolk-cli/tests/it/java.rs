//! The lines of `kolk consume` beside those of Kafka's own console consumer, over the same records.

use crate::kolk::Kolk;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The jars of Apache Kafka, if they were fetched (`scripts/kafka-deps.sh`) and there is a Java to run them.
fn jars() -> Result<PathBuf, String> {
    let parts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/parts");
    let found =
        fs::read_dir(&parts).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let complete = found.filter(|path| path.join("complete").exists()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("kafka-"))
    });
    let jars = complete.ok_or("scripts/kafka-deps.sh has not fetched Apache Kafka")?;
    let java = Command::new("java").arg("-version").output();
    java.map_err(|error| format!("no java: {error}")).map(|_| jars)
}

fn console_consumer(jars: &Path, arguments: &str) -> String {
    let output = Command::new("java")
        .arg("-Dorg.slf4j.simpleLogger.defaultLogLevel=error")
        .args(["-XX:TieredStopAtLevel=1", "-cp", &format!("{}/*", jars.display())])
        .arg("org.apache.kafka.tools.consumer.ConsoleConsumer")
        .args(arguments.split_whitespace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn lines_are_those_of_javas_console_consumer() {
    let jars = match jars() {
        Ok(jars) => jars,
        Err(why) => {
            // Not by `println!`, of which the harness shows nothing when a test passes.
            return std::io::stdout().write_all(format!("\nskipped: {why}\n").as_bytes()).unwrap();
        }
    };
    let kolk = Kolk::new();
    let mut broker = kolk.start("broker --listen 127.0.0.1:0", "");
    broker.wait_until(|out| out.starts_with("ready "));
    let address = broker.out().trim().replace("ready ", "");
    kolk.ok("topic create t --partitions 1");
    kolk.ok("topic create l --partitions 1 --topic-config message.timestamp.type=LogAppendTime");
    let lines = "h1:a,h2:NULL\tk1\tv1\nh1:c\tk2\tNULL\nNULL\tNULL\tv3\nh:\t\t\n";
    for topic in ["t", "l"] {
        kolk.produce(
            &format!("--topic {topic} --key-separator \\t --parse-headers --null-marker NULL"),
            lines,
        );
    }
    let all = "--property print.timestamp=true --property print.partition=true --property print.offset=true \
               --property print.headers=true --property print.key=true";
    let odd = "--property print.key=true --property key.separator=| --property null.literal=~ \
               --property line.separator=;; --property print.value=false --property print.headers=true \
               --property headers.separator=+";
    for arguments in
        [format!("--topic t {all}"), format!("--topic l {all}"), format!("--topic t {odd}")]
    {
        let arguments =
            format!("{arguments} --from-beginning --max-messages 4 --bootstrap-server {address}");
        let java = console_consumer(&jars, &arguments);
        assert!(!java.is_empty());
        assert_eq!(kolk.ok(&format!("consume {arguments}")), java, "{arguments}");
    }
    broker.stop().with(0);
}
