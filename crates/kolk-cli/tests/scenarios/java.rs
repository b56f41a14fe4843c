//! Kafka's own console tools.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

pub(crate) const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";
pub(crate) const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";

/// Runs a console tool with these arguments, cut at spaces, and `input`; what it printed. `None` when it cannot be had.
pub(crate) fn run(tool: &str, arguments: &str, input: &str) -> Option<String> {
    // The script fetches the jars once; Apache Kafka itself needs them too, and says when it cannot be had.
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scripts/kafka-deps.sh");
    let jars = Command::new(script).stderr(Stdio::null()).output().unwrap();
    if !jars.status.success() || Command::new("java").arg("-version").output().is_err() {
        let why = "\nskipped: the console tools need java, and mvn to fetch them\n";
        std::io::stdout().write_all(why.as_bytes()).unwrap();
        return None;
    }
    let class_path = format!("{}/*", String::from_utf8(jars.stdout).unwrap().trim());
    let mut child = Command::new("timeout")
        .args(["60", "java", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"])
        .args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", &class_path, tool])
        .args(arguments.split_whitespace())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{tool}: {}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}
