//! Typed streams: closures see the values of a serde type, and a record that is none is a bad one.

use super::*;
use crate::testing::{TestDriver, TestRecord};
use crate::topology::OnBadRecord;
use serde::{Deserialize, Serialize};
use std::time::Duration;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Visit {
    user_id: i64,
    page: String,
    at: Timestamp,
    referral: Option<String>,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Word {
    word: String,
    length: i32,
}

fn visit(user_id: i64, page: &str, at: i64) -> Visit {
    Visit { user_id, page: page.to_owned(), at: Timestamp(at), referral: None }
}

fn driver(program: &Program) -> TestDriver {
    TestDriver::new(&program.build().unwrap()).unwrap()
}

fn texts(driver: &mut TestDriver, topic: &str) -> Vec<String> {
    let text = |record: TestRecord| String::from_utf8(record.value.unwrap()).unwrap();
    driver.read(topic).into_iter().map(text).collect()
}

#[test]
fn closures_filter_map_and_multiply_values() {
    let program = Program::new();
    program
        .typed_stream::<Visit>("visits")
        .filter(|visit| visit.user_id > 0)
        .map(|visit| Visit { page: visit.page.to_uppercase(), ..visit })
        .flat_map(|visit| {
            let words: Vec<String> = visit.page.split('/').map(str::to_owned).collect();
            words.into_iter().filter(|word| !word.is_empty()).map(|word| {
                let length = i32::try_from(word.len()).unwrap_or(i32::MAX);
                Word { word, length }
            })
        })
        .to("words");
    let mut driver = driver(&program);
    for (user, page) in [(1, "/shop/cart"), (0, "/admin"), (2, "/"), (3, "home")] {
        driver.pipe_json("visits", &visit(user, page, 5), 7).unwrap();
    }
    let word = |word: &str, length| Word { word: word.to_owned(), length };
    let expected = [word("SHOP", 4), word("CART", 4), word("HOME", 4)];
    assert_eq!(driver.read_json::<Word>("words").unwrap(), expected);
}

#[test]
fn values_come_from_columns_and_go_back_to_them() {
    let program = Program::new();
    program
        .typed_stream::<Visit>("visits")
        .event_time("at", Duration::from_secs(10))
        .filter_by(col("user_id").greater(lit(1)))
        .map(|visit| Visit {
            at: Timestamp(visit.at.0 + 1000),
            referral: Some("x".into()),
            ..visit
        })
        .columns()
        .select([("at", col("at")), ("page", col("page").plus("!")), ("time", row_time())])
        .to("out");
    let mut driver = driver(&program);
    let text = br#"{"user_id":2,"page":"a","at":"2024-01-01T00:00:00Z"}"#;
    driver.pipe("visits", TestRecord::new(None, Some(text), 7)).unwrap();
    driver.pipe_json("visits", &visit(1, "b", 5), 7).unwrap();
    assert_eq!(
        texts(&mut driver, "out"),
        [r#"{"at":"2024-01-01T00:00:01.000Z","page":"a!","time":1704067200000}"#]
    );
}

#[test]
fn keys_made_by_closures_group_over_partitions() {
    let program = Program::new();
    program
        .typed_stream::<Visit>("visits")
        .key_by(|visit| visit.page.chars().take(1).collect::<String>())
        .group_by_key()
        .windowed_by(Windows::tumbling(Duration::from_secs(60)))
        .count()
        .to("counts");
    let mut driver = driver(&program).partitions("visits", 2);
    for (partition, page, time) in [(0, "ab", 1), (1, "ac", 2), (0, "b", 3), (1, "ad", 60_000)] {
        let value = serde_json::to_vec(&visit(1, page, 0)).unwrap();
        let record = TestRecord { partition, ..TestRecord::new(None, Some(&value), time) };
        driver.pipe("visits", record).unwrap();
    }
    let mut counts = texts(&mut driver, "counts");
    counts.sort();
    let expected = [
        r#"{"key":"a","WINDOWSTART":0,"WINDOWEND":60000,"count":1}"#,
        r#"{"key":"a","WINDOWSTART":0,"WINDOWEND":60000,"count":2}"#,
        r#"{"key":"a","WINDOWSTART":60000,"WINDOWEND":120000,"count":1}"#,
        r#"{"key":"b","WINDOWSTART":0,"WINDOWEND":60000,"count":1}"#,
    ];
    assert_eq!(counts, expected);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Seen {
    page: String,
    visits: i64,
}

/// Counts the visits of each page, and says how many there were a minute after the first.
struct PerPage;

impl Process for PerPage {
    type Input = Visit;
    type Output = Seen;

    fn process(&mut self, visit: Visit, out: &mut Emitter<'_, Seen>) -> Result<(), String> {
        let key = visit.page.as_bytes();
        let visits = out.state().get::<i64>(key)?.unwrap_or_default() + 1;
        out.state().put(key, &visits)?;
        out.timer(visit.at.0 / 60_000 * 60_000 + 60_000, key);
        Ok(())
    }

    fn timer(&mut self, key: &[u8], out: &mut Emitter<'_, Seen>) -> Result<(), String> {
        let visits = out.state().get(key)?.unwrap_or_default();
        out.state().remove(key);
        out.emit(&Seen { page: String::from_utf8_lossy(key).into_owned(), visits })
    }
}

#[test]
fn time_moves_by_hand_and_stores_can_be_read() {
    let program = Program::new();
    program
        .typed_stream::<Visit>("visits")
        .process("per-page", ["page"], || PerPage)
        .filter(|seen| seen.visits > 1)
        .to("seen");
    let mut driver = driver(&program).partitions("visits", 2);
    for (page, time) in [("a", 1000), ("b", 2000), ("a", 3000)] {
        driver.pipe_json("visits", &visit(1, page, time), time).unwrap();
    }
    let stored = driver.store_text("seen-process-1");
    let mut stored: Vec<&str> = stored.iter().map(|(key, _)| &**key).collect();
    stored.sort_unstable();
    assert_eq!(stored, [r#"{"bytes":"61"}"#, r#"{"bytes":"62"}"#], "a and b");
    driver.advance("visits", 59_999).unwrap();
    assert_eq!(driver.read_json::<Seen>("seen").unwrap(), []);
    driver.advance("visits", 60_000).unwrap();
    let expected = [Seen { page: "a".to_owned(), visits: 2 }];
    assert_eq!(driver.read_json::<Seen>("seen").unwrap(), expected);
    assert_eq!(driver.store_text("seen-process-1"), []);
    assert_eq!(
        driver.advance("seen", 0).unwrap_err().to_string(),
        "no query reads the topic seen; read are: visits"
    );
}

fn reading(then: Option<OnBadRecord>) -> TestDriver {
    let program = Program::new();
    let mut visits = program.typed_stream::<Visit>("visits");
    if let Some(then) = then {
        visits = visits.on_bad_record(then);
    }
    visits.filter(|visit| visit.user_id > 0).to("out");
    driver(&program)
}

/// Its column is sound, being NULL, but the type wants a text.
const NO_PAGE: &[u8] = br#"{"user_id":1,"at":5}"#;

#[test]
fn a_record_that_is_no_value_of_the_type_is_a_bad_record() {
    let bad = || TestRecord::new(Some(b"k"), Some(NO_PAGE), 7);
    let row = r#"{"user_id":1,"page":null,"at":5,"referral":null}"#;
    let reason =
        format!("closures: invalid type: null, expected a string at line 1 column 24 in {row}");

    let mut failing = reading(None);
    failing.pipe_json("visits", &visit(1, "a", 5), 7).unwrap();
    let error = failing.pipe("visits", bad()).unwrap_err().to_string();
    assert_eq!(error, format!("query out: visits-0 offset 1: {reason}"));

    let mut skipping = reading(Some(OnBadRecord::Skip));
    skipping.pipe("visits", bad()).unwrap();
    skipping.pipe_json("visits", &visit(1, "a", 5), 7).unwrap();
    assert_eq!(skipping.read("out").len(), 1);
    assert_eq!(skipping.skipped(), [format!("query out: visits-0 offset 0: {reason}")]);

    let mut burying = reading(Some(OnBadRecord::DeadLetter { topic: "dead".to_owned() }));
    burying.pipe("visits", bad()).unwrap();
    let dead = burying.read("dead");
    assert_eq!(
        (dead[0].key.as_deref(), dead[0].value.as_deref()),
        (Some(&b"k"[..]), Some(NO_PAGE))
    );
    assert_eq!(dead[0].headers[0], ("kolk.error".to_owned(), Some(reason.as_bytes().to_vec())));
}

#[derive(Serialize, Deserialize)]
struct Wide {
    seconds: i32,
}

#[test]
fn types_that_do_not_fit_are_told_with_their_step() {
    use crate::schema::DataType::{Bigint, String as Text};
    let error = |write: fn(&Program)| {
        let program = Program::new();
        write(&program);
        program.build().unwrap_err().to_string()
    };
    assert_eq!(
        error(|program| program.stream("v", [("second", Bigint)]).typed::<Wide>().to("o")),
        "typed: there is no column seconds; there are: second"
    );
    assert_eq!(
        error(|program| program.stream("v", [("seconds", Bigint)]).typed::<Wide>().to("o")),
        "typed: BIGINT for the field seconds is needed, not INTEGER"
    );
    assert_eq!(
        error(|program| program.typed_stream::<i32>("v").to("o")),
        "typed_stream: i32: a row is a struct with a field for each column, not INTEGER"
    );
    assert_eq!(
        error(|program| {
            program.typed_stream::<Wide>("v").event_time("seconds", Duration::ZERO).to("o");
        }),
        "event_time: TIMESTAMP or BIGINT is needed, not INTEGER"
    );
    assert_eq!(
        error(|program| {
            let late = program.stream("v", [("page", Text)]).filter(col("page").is_null());
            late.on_bad_record(OnBadRecord::Skip).to("o");
        }),
        "on_bad_record: say it right behind the topic, before anything else"
    );
}
