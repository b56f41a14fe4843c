//! Records that cannot be processed or delivered, and topics that are not there: on both brokers, in the modes where it differs.

use super::{Desk, told};
use crate::server::{Kind, Server};

const TOO_LONG: usize = 5000;

#[test]
fn records_and_topics_that_are_wrong_on_the_embedded_broker() {
    check_all(&Server::start(Kind::Embedded).unwrap());
}

#[test]
fn records_and_topics_that_are_wrong_on_apache_kafka() {
    if Kind::Kafka.is_at_hand() {
        check_all(&Server::start(Kind::Kafka).unwrap());
    }
}

fn check_all(server: &Server) {
    unknown_topic(server);
    for mode in ["batched", "exactly_once"] {
        bad_json(server, mode);
        bad_and_too_large(server, mode);
    }
    for mode in ["individual", "batched", "idempotent", "exactly_once", "bin_packed"] {
        too_large(server, mode);
    }
}

fn unknown_topic(server: &Server) {
    let desk = Desk::at(server.address());
    desk.write(
        "app.sql",
        "CREATE STREAM v (id STRING) WITH (kafka_topic='nowhere', value_format='JSON');
         CREATE STREAM o WITH (kafka_topic='o-of-nowhere') AS SELECT * FROM v;",
    );
    let ended = desk.run("run app.sql --until-end");
    told(&ended, 2, &["'nowhere'", "does not exist", "kolk topic create nowhere"]);
    assert!(!desk.ok("topic list").contains("nowhere"), "a topic was made all the same");
}

/// The third of five records is no JSON.
fn bad_json(server: &Server, mode: &str) {
    let desk = Desk::at(server.address());
    let (input, output) = (format!("json-{mode}"), format!("json-{mode}-out"));
    let program = |on_bad: &str| {
        format!(
            "CREATE STREAM i (n INT) WITH (kafka_topic='{input}', value_format='JSON');
             CREATE STREAM o WITH (kafka_topic='{output}', delivery='{mode}', on_bad_record='{on_bad}') AS SELECT n * 10 AS m FROM i;"
        )
    };
    let good = ["{\"m\":10}", "{\"m\":20}", "{\"m\":40}", "{\"m\":50}"];
    desk.ok(&format!("topic create {input} --partitions 1"));
    desk.produce(&input, &["{\"n\": 1}", "{\"n\": 2}", "{\"n\": 3", "{\"n\": 4}", "{\"n\": 5}"]);

    desk.write("app.sql", &program("fail"));
    let failed = desk.run(&format!("run app.sql --app {input} --until-end"));
    let place = format!("the record at {input}-0 offset 2 cannot be processed");
    told(&failed, 1, &[&place, "on_bad_record = 'skip'", "dead_letter"]);

    // The same application goes on where it was, with the bad record let by.
    desk.write("app.sql", &program("skip"));
    let books = desk.books(&input);
    assert_eq!(books["skipped"], 1, "{books}");
    let delivered = desk.values(&output);
    let mut firsts = delivered.clone();
    firsts.dedup();
    if mode == "exactly_once" {
        assert_eq!(delivered, good);
    } else {
        assert!(firsts.ends_with(&good.map(str::to_owned)), "{delivered:?}");
    }

    desk.write("app.sql", &program("dead_letter").replace(&output, &format!("{output}-2")));
    let books = desk.books(&format!("{input}-2"));
    assert_eq!(
        [&books["read"], &books["forwarded"], &books["dead_lettered"]],
        [5, 4, 1],
        "{books}"
    );
    assert_eq!(desk.values(&format!("{output}-2")), good);
    assert_eq!(desk.values(&format!("{input}-dead-letter")), ["{\"n\": 3"]);
    let letter = desk.ok(&format!(
        "consume --topic {input}-dead-letter --from-beginning --until-end --property print.headers=true"
    ));
    for part in ["kolk.error:", &format!("kolk.topic:{input}"), "kolk.partition:0", "kolk.offset:2"]
    {
        assert!(letter.contains(part), "{part} is not in {letter}");
    }
}

/// The second of three records is bad, and more than the dead-letter topic takes; then more than any request takes. It must
/// not be gone without a trace.
fn bad_and_too_large(server: &Server, mode: &str) {
    let desk = Desk::at(server.address());
    let (input, output) = (format!("bad-{mode}"), format!("bad-{mode}-out"));
    desk.write(
        "app.sql",
        &format!(
            "CREATE STREAM i (n INT) WITH (kafka_topic='{input}', value_format='JSON');
             CREATE STREAM o WITH (kafka_topic='{output}', delivery='{mode}', on_bad_record='dead_letter') AS SELECT n AS m FROM i;"
        ),
    );
    desk.ok(&format!("topic create {input} --partitions 1"));
    desk.ok(&format!(
        "topic create {input}-dead-letter --partitions 1 --topic-config max.message.bytes=2000"
    ));
    let bad = "x".repeat(TOO_LONG);
    desk.produce(&input, &["{\"n\": 1}", &bad, "{\"n\": 2}"]);
    let run = format!("run app.sql --app {input} --until-end --output json");
    told(
        &desk.run(&run),
        1,
        &[&format!("topic {input}-dead-letter, partition 0 refuses a row"), "max.message.bytes"],
    );

    let failed = desk.run(&format!("{run} --set max.request.size=4000"));
    told(
        &failed,
        1,
        &[&format!("{input}-0 offset 1"), "nor can it be sent to the dead-letter topic"],
    );

    desk.ok(&format!("topic alter {input}-dead-letter --topic-config max.message.bytes=100000"));
    let books = desk.books(&input);
    assert_eq!([&books["dead_lettered"], &books["too_large"]], [1, 0], "{books}");
    assert_eq!(desk.values(&format!("{input}-dead-letter")), [bad]);
    assert!(desk.values(&output).ends_with(&["{\"m\":1}".to_owned(), "{\"m\":2}".to_owned()]));
}

/// The second of three records is more than the output topic takes.
fn too_large(server: &Server, mode: &str) {
    let desk = Desk::at(server.address());
    let (input, output) = (format!("large-{mode}"), format!("large-{mode}-out"));
    let bins = if mode == "bin_packed" { ", bin_key='k', bin_order_by='k'" } else { "" };
    let program = |on_bad: &str, output: &str| {
        format!(
            "CREATE STREAM i (k STRING) WITH (kafka_topic='{input}', value_format='JSON', key='k');
             CREATE STREAM o WITH (kafka_topic='{output}', delivery='{mode}'{bins}, on_bad_record='{on_bad}') AS SELECT * FROM i;"
        )
    };
    let large = format!("{{\"k\": \"b\", \"x\": \"{}\"}}", "x".repeat(TOO_LONG));
    let lines = ["{\"k\": \"a\"}", &large, "{\"k\": \"c\"}"];
    desk.ok(&format!("topic create {input} --partitions 1"));
    for topic in [output.clone(), format!("{output}-2")] {
        desk.ok(&format!(
            "topic create {topic} --partitions 1 --topic-config max.message.bytes=2000"
        ));
    }
    desk.produce_keyed(&input, &[("a", lines[0]), ("b", lines[1]), ("c", lines[2])]);

    desk.write("app.sql", &program("fail", &output));
    let failed = desk.run(&format!("run app.sql --app {input} --until-end"));
    told(&failed, 1, &[&format!("topic {output}, partition 0 refuses a row"), "max.message.bytes"]);

    // Once the topic takes it, everything arrives.
    desk.ok(&format!("topic alter {output} --topic-config max.message.bytes=100000"));
    let books = desk.books(&input);
    assert_eq!(books["too_large"], 0, "{books}");
    let delivered = desk.values(&output);
    if matches!(mode, "exactly_once" | "bin_packed") {
        assert_eq!(delivered, lines, "{mode}");
    } else {
        assert!(delivered.ends_with(&lines.map(str::to_owned)), "{mode}: {delivered:?}");
    }

    desk.write("app.sql", &program("skip", &format!("{output}-2")));
    let books = desk.books(&format!("{input}-2"));
    assert_eq!(
        [&books["read"], &books["too_large"], &books["delivered"]],
        [3, 1, 2],
        "{mode}: {books}"
    );
    assert_eq!(desk.values(&format!("{output}-2")), [lines[0], lines[2]], "{mode}");
}
