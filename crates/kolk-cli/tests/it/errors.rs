//! What users are told when something is wrong, and the exit status.

use crate::kolk::Kolk;

#[test]
fn names_that_are_not_there_are_told_with_the_nearest_one() {
    let kolk = Kolk::new();
    kolk.ok("topic create visits --partitions 2");
    for line in [
        "consume --topic visit",
        "topic describe visit",
        "produce --topic visit",
        "verify order --topic visit --key a --by b",
    ] {
        kolk.run(line)
            .with(2)
            .says(&["error: there is no topic `visit`", "did you mean `visits`?"]);
    }
    kolk.run("consume --topic visits --partition 9")
        .with(2)
        .says(&["has no partition 9", "it has 2"]);
    kolk.start("produce --topic visits --partition 2", "x\n")
        .wait()
        .with(2)
        .says(&["has no partition 2"]);
    kolk.run("consume --topic visits --partition 0 --offset 5 --timeout-ms 5000")
        .with(2)
        .says(&["visits-0 has no offset 5"]);
}

#[test]
fn settings_that_are_wrong_are_told_with_their_place() {
    let kolk = Kolk::new();
    kolk.run("topic list --set ack=1")
        .with(2)
        .says(&["--set: unknown setting `ack`", "did you mean `acks`?"]);
    kolk.run("topic list --set linger.ms=soon")
        .with(2)
        .says(&["`soon` is not a value of `linger.ms`"]);
    kolk.run("topic list --set retries=3").with(2).says(&["`retries` cannot be set"]);
    kolk.run("topic list --config nowhere.toml").with(2).says(&["cannot read nowhere.toml"]);
    kolk.run("topic create t --config retention.ms=1").with(2).says(&["--topic-config NAME=VALUE"]);
    kolk.write("kolk.toml", "[sasl]\nmechanism = 'PLAIN'\n[security]\nprotocl = 'SSL'\n");
    kolk.run("topic list --config kolk.toml")
        .with(2)
        .says(&["kolk.toml: unknown setting `security.protocl`", "`security.protocol`"]);
    kolk.run("consume --topic t --property print.header=true")
        .with(2)
        .says(&["did you mean `print.headers`?"]);
    kolk.run("topic list --bootstrap-servers nonsense").with(2).says(&["bootstrap.servers"]);
    kolk.write("app.sql", "CREATE STREAM s (a INT) WITH (kafka_topic='s');");
    let unit = "a unit is missing, as in 512 MiB";
    kolk.run("run app.sql --memory-max 512").with(2).says(&["--memory-max", unit]);
    let variable = Kolk::new().with_variable("KOLK_MEMORY_MAX", "512");
    variable.run("run app.sql").with(2).says(&["KOLK_MEMORY_MAX = 512", unit]);
    let secret = Kolk::new().with_variable("KOLK_SASL_PASWORD", "hunter2");
    let ended = secret.run("topic list").with(2).says(&["did you mean `KOLK_SASL_PASSWORD`?"]);
    assert!(!ended.err.contains("hunter2"));
    assert!(
        !kolk.folder().join(".kolk").exists(),
        "no broker is started for settings that are wrong"
    );
}

#[test]
fn a_cluster_out_of_reach_is_told() {
    let kolk = Kolk::new();
    // Nobody listens on port 1 of the loopback.
    kolk.run("topic list --bootstrap-servers 127.0.0.1:1 --set bootstrap.timeout.ms=300")
        .with(3)
        .says(&[
            "no Kafka broker could be reached",
            "127.0.0.1:1",
            "--bootstrap-servers HOST:PORT",
        ]);
}

#[test]
fn a_record_that_is_too_large_is_told_with_its_line() {
    let kolk = Kolk::new();
    kolk.ok("topic create t --partitions 1 --topic-config max.message.bytes=2000");
    let lines = format!("one\ntwo\n{}\n", "x".repeat(5000));
    kolk.start("produce --topic t", &lines).wait().with(1).says(&[
        "topic `t` refuses",
        "line",
        "3",
        "max.message.bytes",
    ]);
    let lines = format!("{}\n", "x".repeat(2_000_000));
    kolk.start("produce --topic t", &lines).wait().with(1).says(&["line 1:", "max.request.size"]);
}

#[test]
fn a_line_that_cannot_be_cut_is_told_and_what_was_before_is_written() {
    let kolk = Kolk::new();
    kolk.ok("topic create t --partitions 1");
    let options = "produce --topic t --key-separator :";
    kolk.start(options, "a:1\nb2\nc:3\n")
        .wait()
        .with(1)
        .says(&["wrote 1 record into t", "error: line 2: there is no \":\" between key and value"]);
    kolk.start(&format!("{options} --property ignore.error=true"), "a:4\nb5\nc:6\n")
        .wait()
        .with(0)
        .says(&["line 2 is passed over", "wrote 2 records"]);
    assert_eq!(kolk.ok("consume --topic t --from-beginning --until-end"), "1\n4\n6\n");
}

#[test]
fn sql_that_is_wrong_is_told_with_line_and_column() {
    let kolk = Kolk::new();
    let sql = "CREATE STREAM i (a STRING)\n  WITH (kafka_topic='i', value_format='JSON');\n\
               CREATE STREAM o AS SELECT b FROM i;\n";
    kolk.write("app.sql", sql);
    for line in ["run app.sql", "explain app.sql"] {
        kolk.run(line).with(2).says(&["app.sql:3:", "SELECT b FROM i"]);
    }
    assert!(!kolk.folder().join(".kolk").exists(), "no broker is started for SQL that is wrong");
    kolk.run("run nowhere.sql").with(2).says(&["cannot read nowhere.sql"]);
    kolk.write("empty/readme.txt", "");
    kolk.run("run empty").with(2).says(&["there is no .sql file in empty"]);
    kolk.write("two words.sql", "");
    kolk.write(
        "none.sql",
        "CREATE STREAM i (a STRING) WITH (kafka_topic='i', value_format='JSON');",
    );
    kolk.run("run none.sql").with(2).says(&["nothing to run"]);
}

#[test]
fn usage_is_told() {
    let kolk = Kolk::new();
    kolk.run("consume").with(2).says(&["--topic"]);
    kolk.run("consume --topic t --partition 0 --group g").with(2).says(&["cannot be used with"]);
    kolk.run("topic alter t").with(2).says(&["--partitions"]);
    let help = kolk.ok("--help");
    for command in ["run", "demo", "broker", "topic", "verify", "completion"] {
        assert!(help.contains(command), "{help}");
    }
    assert!(kolk.ok("completion bash").contains("_kolk()"));
    assert!(kolk.ok("--version").starts_with("kolk "));
}
