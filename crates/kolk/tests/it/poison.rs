//! Records that cannot be processed, and operators that cannot process them: each has its fate or stops its query by name, and the
//! books balance.

use crate::cluster::{Cluster, Given, wait_until};
use crate::delivery::{copy, options};
use crate::stages::column;
use kolk::account::Account;
use kolk::dsl::{Emitter, Process, Program, Windows, count};
use kolk::runtime::{Application, ApplicationOptions, QueryPhase, QueryStatus, Until};
use kolk::schema::{DataType, Schema};
use kolk::topology::{Delivery, EventTime, Format, OnBadRecord, Source, Topology};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn source(cluster: &Cluster, topic: &str, on_bad_record: OnBadRecord) -> (Source, Schema) {
    let source = Source {
        value_format: Format::Json,
        event_time: EventTime::Column { index: 1, format: None },
        on_bad_record,
        ..Source::new(&cluster.name(topic))
    };
    let columns = vec![column("page", DataType::String), column("at", DataType::Bigint)];
    (source, Schema { columns })
}

fn produce(cluster: &Cluster, topic: &str, values: &[&str]) {
    let given = values.iter().zip(0..).map(|(value, n)| Given {
        partition: 0,
        timestamp: 60_000 + n,
        key: None,
        value: (!value.is_empty()).then_some(*value),
        headers: &[],
    });
    cluster.produce_with(&[], topic, given.collect::<Vec<_>>());
}

/// Runs to the end: the books of all stages together, or the first error.
fn run(cluster: &Cluster, topology: &Topology) -> Result<Account, String> {
    let clock = Arc::clone(&cluster.clock);
    let application = Application::start(topology, options(cluster, Until::End), clock).unwrap();
    wait_until("it ends, or a stage fails", || {
        let failed = |of: &QueryStatus| of.phase == QueryPhase::Failed;
        application.is_finished() || application.status().iter().any(failed)
    });
    application.stop_handle().stop();
    let mut account = Account::default();
    for (status, result) in application.join() {
        result.map_err(|error| error.to_string())?;
        assert!(status.account.balances(), "{}: {}", status.name, status.account);
        account += status.account;
    }
    Ok(account)
}

pub(crate) fn poison_has_the_fate_that_the_statement_says(cluster: &Cluster) {
    let deep = format!(r#"{{"page":{}{},"at":61000}}"#, "[".repeat(5000), "]".repeat(5000));
    let values = [
        r#"{"page":"a","at":60000}"#,
        r#"{"page":"a","at":60001"#,
        &deep,
        // Five hundred years from now: it moves no watermark, and no topic takes its result.
        r#"{"page":"far","at":17000000000000}"#,
        r#"{"page":"a","at":"soon"}"#,
        r#"{"page":null,"at":60002}"#,
        r#"{"page":"a","at":60003}"#,
        r#"{"page":"b","at":60004}"#,
    ];
    cluster.create("in", 1);
    produce(cluster, "in", &values);
    let topology = |name: &str, then: OnBadRecord| {
        let program = Program::new();
        let (source, schema) = source(cluster, "in", then);
        program
            .stream_of(source, schema)
            .group_by(["page"])
            .windowed_by(Windows::tumbling(Duration::from_mins(1)).grace(Duration::ZERO))
            .aggregate([count("visits")])
            .to(&cluster.name(name));
        program.build().unwrap()
    };
    let counts = |name: &str| -> BTreeMap<String, i64> {
        let records = cluster.read(name, 1).into_iter().filter_map(|record| record.value);
        let values = records.map(|value| serde_json::from_str(&value).unwrap());
        let count = |value: serde_json::Value| {
            (value["page"].as_str().unwrap().to_owned(), value["visits"].as_i64().unwrap())
        };
        values.map(count).collect()
    };
    let expected = BTreeMap::from([("a".to_owned(), 2), ("b".to_owned(), 1)]);

    let place = format!("the record at {}-0 offset 1 cannot be processed", cluster.name("in"));
    for _ in 0..2 {
        let error = run(cluster, &topology("counts", OnBadRecord::Fail)).unwrap_err();
        assert!(error.contains(&place) && error.contains("on_bad_record"), "{error}");
        assert_eq!(counts("counts"), BTreeMap::new());
    }
    // The same application goes on where it was, with the bad records let by.
    let account = run(cluster, &topology("counts", OnBadRecord::Skip)).unwrap();
    assert_eq!((account.skipped, account.null_key, account.late), (3, 1, 0), "{account}");
    assert_eq!((account.too_large, account.future), (1, 1), "{account}");
    assert_eq!(counts("counts"), expected);

    let topic = cluster.name("dead");
    let account = run(cluster, &topology("others", OnBadRecord::DeadLetter { topic })).unwrap();
    assert_eq!((account.dead_lettered, account.null_key, account.late), (3, 1, 0), "{account}");
    assert_eq!(account.too_large, 1, "{account}");
    assert_eq!(counts("others"), expected);
    let letters = cluster.read("dead", 1).into_iter().filter_map(|record| record.value);
    assert_eq!(letters.collect::<Vec<_>>(), [values[1], values[2], values[4]]);
}

/// Passes pages on, but for two that it cannot stand.
struct Squeamish;

#[derive(serde::Serialize, serde::Deserialize)]
struct Visit {
    page: String,
}

impl Process for Squeamish {
    type Input = Visit;
    type Output = Visit;

    fn process(&mut self, visit: Visit, out: &mut Emitter<'_, Visit>) -> Result<(), String> {
        match visit.page.as_str() {
            "panic" => panic!("{} is more than it can bear", visit.page),
            "error" => Err("it does not take errors".to_owned()),
            _ => out.emit(&visit),
        }
    }
}

pub(crate) fn an_operator_that_panics_stops_its_query_and_no_other(cluster: &Cluster) {
    let visit = |page: &str| format!(r#"{{"page":"{page}","at":60000}}"#);
    let cases = [
        ("panic", "panicked: panic is more than it can bear"),
        ("error", "it does not take errors"),
    ];
    for (page, why) in cases {
        let (input, copies) = (format!("in-{page}"), format!("copies-{page}"));
        cluster.create(&input, 1);
        produce(cluster, &input, &[&visit("a"), &visit("b")]);
        let program = Program::new();
        let (source, schema) = source(cluster, &input, OnBadRecord::Fail);
        let made = program.stream_of(source, schema).process(
            "squeamish",
            std::iter::empty(),
            [("page", DataType::String)],
            || Squeamish,
        );
        made.to(&cluster.name(page));
        let mut topology = program.build().unwrap();
        run(cluster, &topology).unwrap();
        produce(cluster, &input, &[&visit(page)]);
        let other = copy(cluster, &copies, [&input, &copies], Delivery::ExactlyOnce);
        topology.queries.push(other);
        // However often it is tried, it says the same, and nothing is written behind the last commit.
        for _ in 0..2 {
            let error = error_beside(cluster, &topology, &copies);
            let place = format!("(at {}-0 offset 2)", cluster.name(&input));
            assert!(error.contains("squeamish") && error.contains(why), "{error}");
            assert!(error.ends_with(&place), "{error}");
        }
        assert_eq!(cluster.read(page, 1).len(), 2);
    }
}

/// Says of some pages more than fits into a request.
struct Verbose;

impl Process for Verbose {
    type Input = Visit;
    type Output = Visit;

    fn process(&mut self, visit: Visit, out: &mut Emitter<'_, Visit>) -> Result<(), String> {
        let times = if visit.page == "long" { 5000 } else { 1 };
        out.emit(&Visit { page: visit.page.repeat(times) })
    }
}

/// Such a row was once counted as too large, and besides subtracted from those delivered.
pub(crate) fn a_row_that_is_too_large_to_be_sent_is_no_delivered_one(cluster: &Cluster) {
    let topology = |name: &str, then: OnBadRecord| {
        let program = Program::new();
        let (source, schema) = source(cluster, "wordy", then);
        let columns = [("page", DataType::String)];
        let made = program.stream_of(source, schema);
        made.process("verbose", std::iter::empty(), columns, || Verbose).to(&cluster.name(name));
        program.build().unwrap()
    };
    let visit = |page: &str| format!(r#"{{"page":"{page}","at":60000}}"#);
    cluster.create("wordy", 1);
    produce(cluster, "wordy", &[&visit("a"), &visit("long"), &visit("b"), &visit("long")]);
    let account = |name: &str, then: OnBadRecord| {
        let of = options(cluster, Until::End);
        let client = of.client.with("max.request.size", "8192").unwrap();
        let options = ApplicationOptions { client, ..of };
        let clock = Arc::clone(&cluster.clock);
        let (status, result) =
            Application::start(&topology(name, then), options, clock).unwrap().join().remove(0);
        result.map(|()| status.account).map_err(|error| error.to_string())
    };
    let account_of_skip = account("words", OnBadRecord::Skip).unwrap();
    let Account { read, forwarded, delivered, too_large, .. } = account_of_skip;
    assert_eq!((read, forwarded, delivered, too_large), (4, 4, 2, 2), "{account_of_skip}");
    assert!(account_of_skip.balances());
    assert_eq!(cluster.read("words", 1).len(), 2);
    let error = account("others", OnBadRecord::Fail).unwrap_err();
    assert!(error.contains("a row cannot be sent"), "{error}");
}

/// The error of the one stage that fails, when the copy beside it has copied all three records.
fn error_beside(cluster: &Cluster, topology: &Topology, copies: &str) -> String {
    let (clock, options) = (Arc::clone(&cluster.clock), options(cluster, Until::Stopped));
    let application = Application::start(topology, options, clock).unwrap();
    wait_until("a stage fails", || {
        let failed = |of: &QueryStatus| of.phase == QueryPhase::Failed;
        application.status().iter().any(failed)
    });
    wait_until("the other goes on", || cluster.read(copies, 1).len() == 3);
    application.stop_handle().stop();
    let errors = application.join().into_iter().filter_map(|(_, result)| result.err());
    let mut errors: Vec<String> = errors.map(|error| error.to_string()).collect();
    assert_eq!(errors.len(), 1, "{errors:?}");
    errors.remove(0)
}
