//! `run`, `explain` and `demo`: programs from files, their books, and how they end.

use crate::kolk::{Kolk, eventually};

/// Two modes of delivery, and a filter.
const PROGRAM: &str = "\
CREATE STREAM visits (visit_id STRING, event_time TIMESTAMP, page STRING)
  WITH (kafka_topic='visits', value_format='JSON', partitions=2);
CREATE STREAM all_visits WITH (kafka_topic='all-visits', delivery='batched') AS SELECT * FROM visits;
CREATE STREAM homes WITH (kafka_topic='homes') AS SELECT * FROM visits WHERE page = 'home';
";

#[test]
fn a_program_runs_to_the_end_of_its_input_and_its_books_balance() {
    let kolk = Kolk::new();
    kolk.write("app/1.sql", PROGRAM);
    kolk.ok("generate visits --topic visits --count 800 --seed 2");
    let report = kolk.run("run app --until-end --output json").with(0).json();
    assert_eq!(report["app"], "app");
    let queries = report["queries"].as_array().unwrap();
    assert_eq!(queries.len(), 2);
    for query in queries {
        assert_eq!((&query["read"], &query["balances"]), (&800.into(), &true.into()), "{query}");
        let number = |name: &str| query[name].as_u64().unwrap();
        assert_eq!(number("forwarded") + number("filtered"), 800);
        assert_eq!(number("delivered"), number("forwarded"));
    }
    assert!(queries[1]["filtered"].as_u64().unwrap() > 0);
    kolk.ok("verify order --topic all-visits --key visit_id --by event_time --against visits");
    let text = kolk.run("run app --until-end").with(0);
    assert!(text.out.contains("= forwarded"), "{}", text.out);
    assert!(text.err.contains("app: 2 queries on 127.0.0.1:"), "{}", text.err);
}

#[test]
fn a_signal_ends_a_program_in_order() {
    let kolk = Kolk::new();
    kolk.write("app.sql", PROGRAM);
    kolk.ok("generate visits --topic visits --count 50");
    let running = kolk.start("run app.sql --output json", "");
    crate::kolk::eventually("output", || {
        let out = kolk.run("consume --topic all-visits --from-beginning --until-end");
        out.status == 0 && out.out.lines().count() == 50
    });
    let report = running.stop().with(0).json();
    assert_eq!(report["queries"][0]["delivered"], 50);
    // What was delivered was committed: it is not delivered again.
    let again = kolk.run("run app.sql --until-end --output json").with(0).json();
    assert_eq!(again["queries"][0]["read"], 0);
}

#[test]
fn a_bad_record_stops_its_query_or_is_counted() {
    let kolk = Kolk::new();
    let program = |on_bad: &str| {
        format!(
            "CREATE STREAM i (a INT) WITH (kafka_topic='i', value_format='JSON', partitions=1{on_bad});\n\
             CREATE STREAM o WITH (kafka_topic='o', delivery='batched') AS SELECT a + 1 AS b FROM i;"
        )
    };
    kolk.write("fail.sql", &program(""));
    kolk.write("skip.sql", &program(", on_bad_record='skip'"));
    kolk.ok("topic create i --partitions 1");
    kolk.produce("--topic i", "{\"a\": 1}\nnot json\n{\"a\": 2}\n");
    let failed = kolk.run("run fail.sql --until-end").with(1);
    failed.says(&["the record at i-0 offset 1 cannot be processed", "on_bad_record = 'skip'"]);
    let report = kolk.run("run skip.sql --until-end --output json").with(0).json();
    let query = &report["queries"][0];
    assert_eq!([&query["read"], &query["forwarded"], &query["skipped"]], [3, 2, 1]);
}

#[test]
fn a_plan_is_shown_without_running() {
    let kolk = Kolk::new();
    kolk.write("app.sql", PROGRAM);
    let plan = kolk.ok("explain app.sql");
    assert!(plan.contains("query homes\n"), "{plan}");
    assert!(plan.contains("topic all-visits"), "{plan}");
    assert!(!kolk.folder().join(".kolk").exists());
}

#[test]
fn the_demonstration_checks_every_mode() {
    let kolk = Kolk::new();
    let out = kolk.ok("demo --count 300");
    for mode in ["individual", "batched", "idempotent", "exactly_once", "bin_packed"] {
        let checked = |line: &&str| line.starts_with(mode) && line.ends_with("in order");
        assert!(out.lines().any(|line| checked(&line)), "{mode} is not in order:\n{out}");
    }
    assert!(!kolk.folder().join(".kolk").exists(), "it leaves nothing behind");
}

/// It ended at the last stable offset, before what another process was just about to commit.
#[test]
fn until_the_end_takes_in_what_is_being_committed() {
    let kolk = Kolk::new();
    kolk.write(
        "copy.sql",
        "CREATE STREAM a (x STRING) WITH (kafka_topic='a', value_format='JSON', partitions=1);
         CREATE STREAM b WITH (kafka_topic='b') AS SELECT * FROM a;",
    );
    kolk.ok("topic create a --partitions 1");
    let copy = kolk.start("run copy.sql --commit-interval-ms 1000 --output json", "");
    let read = "consume --topic b --from-beginning --until-end";
    let mut expected = String::new();
    for line in ["one\n", "two\n", "three\n"] {
        kolk.produce("--topic a", line);
        expected += line;
        eventually("the line is written, if not committed", || {
            kolk.run(&format!("{read} --isolation-level read_uncommitted")).out == expected
        });
        assert_eq!(kolk.ok(read), expected);
    }
    copy.stop().with(0);
}
