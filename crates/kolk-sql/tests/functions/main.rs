//! Expressions and functions: SQL and a row in, the JSON text of the result out.

mod collection;
mod construct;
mod json;
mod lambda;
mod number;
mod text;
mod time;

use kolk::testing::{TestDriver, TestRecord};
use kolk_sql::{Session, Source, compile};

/// The columns that expressions may name …
const COLUMNS: &str = "yes BOOLEAN, i INT, l BIGINT, d DOUBLE, m DECIMAL(6, 2), s STRING, raw BYTES, ts TIMESTAMP, day DATE, \
    clock TIME, ints ARRAY<INT>, words ARRAY<STRING>, grid ARRAY<ARRAY<INT>>, counts MAP<STRING, INT>, \
    visitor STRUCT<Name STRING, Age INT, Tags ARRAY<STRING>>, nothing INT, nowhere STRING, nobody ARRAY<INT>, \
    nomap MAP<STRING, INT>, never TIMESTAMP";

/// … and their values.
const ROW: &str = r#"{"yes":true,"i":7,"l":10000000000,"d":2.5,"m":12.50,"s":"Grüße","raw":"AQID",
    "ts":"2024-02-29T10:30:00Z","day":"2024-02-29","clock":"10:30:00","ints":[3,1,null,2,1],"words":["b","a","b"],
    "grid":[[1,2],[],null,[1,2]],"counts":{"x":1,"y":null,"z":3},
    "visitor":{"age":41,"NAME":"Ada","extra":true,"tags":["x"]}}"#;

/// The result of an expression over the row, or how it is refused.
fn result(dialect: &str, expression: &str) -> String {
    let sql = format!(
        "SET 'dialect' = '{dialect}';
        CREATE STREAM visits ({COLUMNS}) WITH (kafka_topic = 'visits', value_format = 'JSON');
        CREATE STREAM results WITH (kafka_topic = 'results') AS SELECT {expression} AS r, 1 AS present FROM visits;"
    );
    let program = match compile(&[Source::new("test.sql", sql)], &Session::new("test")) {
        Ok(program) => program,
        Err(errors) => return format!("refused: {}", errors[0]),
    };
    let mut driver = TestDriver::new(&program.topology).expect("a program that can run");
    let row = TestRecord::new(None, Some(ROW.as_bytes()), 5);
    driver.pipe("visits", row).expect("the row is sound");
    let written = driver.read("results");
    let value = written.first().and_then(|record| record.value.clone()).expect("a row came out");
    let value = String::from_utf8(value).expect("JSON is UTF-8");
    let result = value.strip_prefix("{\"r\":").or_else(|| value.strip_prefix("{\"R\":"));
    let result = result.map(|rest| rest.rsplit_once(',').expect("another column follows").0);
    result.unwrap_or("left out").to_owned()
}

/// Expressions and their results in dialect `ksqldb`.
#[track_caller]
fn check(cases: &[(&str, &str)]) {
    check_as("ksqldb", cases);
}

/// Expressions and their results in a dialect. A refusal is checked by a part of its text.
#[track_caller]
fn check_as(dialect: &str, cases: &[(&str, &str)]) {
    let mut wrong = String::new();
    for (expression, expected) in cases {
        let found = result(dialect, expression);
        let fits = match (expected.strip_prefix("refused: "), found.strip_prefix("refused: ")) {
            (Some(expected), Some(found)) => found.contains(expected),
            _ => found == *expected,
        };
        if !fits {
            wrong.push_str(&format!("\n{expression}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{dialect}:{wrong}");
}
