//! Programs in Rust: what they plan, and what is told about those that mean nothing.

use super::*;
use crate::schema::DataType::{Bigint, Boolean, Double, Integer, String as Text};
use crate::testing::{TestDriver, TestRecord};
use std::time::Duration;

fn error(write: impl FnOnce(&Program)) -> String {
    let program = Program::new();
    write(&program);
    program.build().unwrap_err().to_string()
}

#[test]
fn a_program_runs_as_it_reads() {
    let program = Program::new();
    let visits = program.stream("visits", [("page", Text), ("seconds", Integer)]);
    visits
        .filter(col("seconds").greater(lit(2)).and(col("page").differs("admin")))
        .select([("page", col("page")), ("minutes", col("seconds").divided_by(lit(60.0)))])
        .to("long-visits");
    let mut driver = TestDriver::new(&program.build().unwrap()).unwrap();
    for value in [
        r#"{"page":"home","seconds":90}"#,
        r#"{"page":"home","seconds":1}"#,
        r#"{"page":"admin","seconds":9}"#,
    ] {
        driver.pipe("visits", TestRecord::new(None, Some(value.as_bytes()), 7)).unwrap();
    }
    let written: Vec<_> =
        driver.read("long-visits").into_iter().map(|record| record.value.unwrap()).collect();
    assert_eq!(written, [br#"{"page":"home","minutes":1.5}"#]);
}

#[test]
fn streams_of_the_same_columns_merge() {
    let program = Program::new();
    let [a, b] = ["a", "b"].map(|topic| program.stream(topic, [("n", Integer)]));
    a.merge(b).to("all");
    let mut driver = TestDriver::new(&program.build().unwrap()).unwrap();
    for topic in ["a", "b", "a"] {
        driver.pipe(topic, TestRecord::new(None, Some(br#"{"n":1}"#), 7)).unwrap();
    }
    assert_eq!(driver.read("all").len(), 3);
}

#[test]
fn groups_and_joins_have_the_columns_that_they_say() {
    let program = Program::new();
    let visits = program.stream("visits", [("page", Text), ("at", Bigint)]).named("v");
    let ads = program.stream("ads", [("page", Text), ("campaign", Text)]).named("a");
    let within = Within::between(Duration::ZERO, Duration::from_secs(120));
    let joined = visits.left_join(ads, within).on(&[("page", "page")]);
    assert_eq!(
        joined.schema().to_string(),
        "key STRING KEY, v.page STRING, v.at BIGINT, a.page STRING, a.campaign STRING"
    );
    let counted = joined
        .group_by(["campaign"])
        .windowed_by(Windows::tumbling(Duration::from_secs(60)))
        .aggregate([count("visits"), avg("at", "mean")]);
    assert_eq!(
        counted.schema().to_string(),
        "a.campaign STRING KEY, WINDOWSTART BIGINT WINDOW START, WINDOWEND BIGINT WINDOW END, visits BIGINT, mean DOUBLE"
    );
}

#[test]
fn what_means_nothing_is_told_with_its_step() {
    let columns = || [("page", Text), ("private", Boolean), ("share", Double)];
    let cases = [
        (
            error(|program| program.stream("v", columns()).filter(col("pages").is_null()).to("o")),
            "filter: there is no column pages; there are: page, private, share",
        ),
        (
            error(|program| program.stream("v", columns()).filter(col("share")).to("o")),
            "filter: BOOLEAN is needed, not DOUBLE",
        ),
        (
            error(|program| {
                program.stream("v", columns()).select([("n", col("page").plus(lit(1)))]).to("o");
            }),
            "select: + of STRING and INTEGER means nothing: cast one of them",
        ),
        (
            error(|program| {
                program
                    .stream("v", columns())
                    .group_by(["page"])
                    .aggregate([sum("page", "n")])
                    .to("o");
            }),
            "SUM: a number is needed, not STRING",
        ),
        (
            error(|program| {
                let [a, b] = ["a", "b"].map(|topic| program.stream(topic, columns()));
                a.join(b, Within::of(Duration::from_secs(1))).on(&[("page", "page")]).to("o");
            }),
            "join: both sides have a column page: call one side .named(…)",
        ),
    ];
    for (found, expected) in cases {
        assert_eq!(found, expected);
    }
}

#[test]
fn tables_with_windows_meet_window_by_window() {
    let program = Program::new();
    let minute = || Windows::tumbling(Duration::from_secs(60));
    let counts = |topic: &str| {
        let rows = program.stream(topic, [("page", Text)]);
        rows.group_by(["page"]).windowed_by(minute()).count().named(topic)
    };
    let by = [("page", "page"), ("WINDOWSTART", "WINDOWSTART"), ("WINDOWEND", "WINDOWEND")];
    counts("seen").full_join(counts("sold")).on(&by).to("both");
    let mut driver = TestDriver::new(&program.build().unwrap()).unwrap();
    for (topic, page, time) in [
        ("seen", "a", 1000),
        ("seen", "a", 2000),
        ("sold", "b", 1000),
        ("sold", "a", 3000),
        ("sold", "a", 61_000),
        // Too late for its window. It moves no time either, and must not keep the next row waiting for it.
        ("sold", "a", 4000),
        ("seen", "a", 62_000),
    ] {
        let value = format!(r#"{{"page":"{page}"}}"#);
        driver.pipe(topic, TestRecord::new(None, Some(value.as_bytes()), time)).unwrap();
    }
    // What stands in the table at the end, by page and window, counted by hand.
    let mut last = std::collections::BTreeMap::new();
    for row in driver.read_json::<serde_json::Value>("both").unwrap() {
        let key = (row["key1"].as_str().unwrap().to_owned(), row["key2"].as_i64().unwrap());
        last.insert(key, (row["seen.count"].as_i64(), row["sold.count"].as_i64()));
    }
    let expected = [
        (("a".to_owned(), 0), (Some(2), Some(1))),
        (("a".to_owned(), 60_000), (Some(1), Some(1))),
        (("b".to_owned(), 0), (None, Some(1))),
    ];
    assert_eq!(last.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn tables_are_joined_by_their_whole_keys_only() {
    let program = Program::new();
    let [left, right] = ["a", "b"].map(|topic| {
        let rows = program.stream(topic, [("page", Text)]).group_by(["page"]);
        rows.windowed_by(Windows::tumbling(Duration::from_secs(60))).count().named(topic)
    });
    left.join(right).on(&[("page", "page")]).to("o");
    let why = "join: a table's rows are found by its whole primary key: a.page, a.WINDOWSTART, a.WINDOWEND";
    assert_eq!(program.build().unwrap_err().to_string(), why);
    let told = error(|program| {
        let users = program.table("users", ("id", Bigint), [("name", Text)]);
        let visits = program.stream("visits", [("user", Text)]);
        visits.join_table(users).on(&[("user", "name")]).to("o");
    });
    assert_eq!(told, "join: a table's rows are found by its whole primary key: id");
}

/// Passes on the first visit of each page, and says how many there were when a minute is over.
#[derive(Default)]
struct FirstVisits;

#[derive(serde::Deserialize)]
struct Visit {
    page: String,
}

#[derive(serde::Serialize)]
struct Seen {
    page: String,
    visits: i64,
}

impl Process for FirstVisits {
    type Input = Visit;
    type Output = Seen;

    fn process(&mut self, visit: Visit, out: &mut Emitter<'_, Seen>) -> Result<(), String> {
        let key = visit.page.as_bytes();
        let visits = out.state().get::<i64>(key)?.unwrap_or_default() + 1;
        out.state().put(key, &visits)?;
        if visits == 1 {
            out.timer(out.time() + 60_000, key);
            out.emit(&Seen { page: visit.page, visits })?;
        }
        Ok(())
    }

    fn timer(&mut self, key: &[u8], out: &mut Emitter<'_, Seen>) -> Result<(), String> {
        let visits = out.state().get(key)?.unwrap_or_default();
        out.state().remove(key);
        out.emit(&Seen { page: String::from_utf8_lossy(key).into_owned(), visits })
    }
}

#[test]
fn code_of_ones_own_has_state_and_timers() {
    let program = Program::new();
    program
        .stream("visits", [("page", Text)])
        .process(
            "first-visits",
            ["page"],
            [("page", Text), ("visits", Bigint)],
            FirstVisits::default,
        )
        .to("seen");
    let mut driver = TestDriver::new(&program.build().unwrap()).unwrap().partitions("visits", 2);
    for (page, time) in [("a", 0), ("a", 1000), ("b", 59_000), ("c", 60_000), ("c", 130_000)] {
        let value = format!(r#"{{"page":"{page}"}}"#);
        driver.pipe("visits", TestRecord::new(None, Some(value.as_bytes()), time)).unwrap();
    }
    let seen: Vec<String> = driver
        .read("seen")
        .into_iter()
        .map(|record| {
            format!("{} {}", record.timestamp, String::from_utf8(record.value.unwrap()).unwrap())
        })
        .collect();
    // "a" is over when the watermark has reached 60 s, which c's first visit brings about; the rest with 130 s, in the
    // order of their times.
    let mut expected = vec![
        r#"0 {"page":"a","visits":1}"#,
        r#"59000 {"page":"b","visits":1}"#,
        r#"60000 {"page":"c","visits":1}"#,
        r#"60000 {"page":"a","visits":2}"#,
        r#"119000 {"page":"b","visits":1}"#,
        r#"120000 {"page":"c","visits":2}"#,
    ];
    let mut sorted = seen.clone();
    sorted.sort();
    expected.sort_unstable();
    assert_eq!(sorted, expected, "{seen:?}");
}

#[test]
fn code_that_cannot_go_on_says_why() {
    let program = Program::new();
    program
        .stream("visits", [("pages", Text)])
        .process("first-visits", [], [("page", Text), ("visits", Bigint)], FirstVisits::default)
        .to("seen");
    let mut driver = TestDriver::new(&program.build().unwrap()).unwrap();
    let error =
        driver.pipe("visits", TestRecord::new(None, Some(br#"{"pages":"a"}"#), 0)).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"query seen: visits-0 offset 0: first-visits: missing field `page` at line 1 column 13 in {"pages":"a"}"#
    );
}
