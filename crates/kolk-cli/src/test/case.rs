//! Runs one test: statements → program → test driver, and compares what comes out.

use super::compare::Written;
use super::file::{Case, Expected, Record, Refusal};
use super::json::Json;
use super::wire::{Layout, with_window, without_window};
use super::{post, refusal, report};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use kolk::testing::{DriverError, TestDriver, TestRecord};
use kolk_sql::ast::Text;
use kolk_sql::catalog::Stream;
use kolk_sql::source::Span;
use kolk_sql::{Dialect, Program, Session, Settings, Source, SqlError, compile};
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// How a test went.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Why it failed; `None` when it passed.
    pub(crate) failure: Option<String>,
    /// What the queries wrote, a JSON document for each record.
    pub(crate) outputs: Vec<String>,
}

/// Topics and what queries wrote to them.
type Topics = BTreeMap<String, Vec<Written>>;

/// Runs a test.
pub(crate) fn run(case: &Case) -> Outcome {
    let sql = case.statements.join("\n");
    let compiled = match session(case) {
        Ok(session) => compile(&[Source::new(case.name.clone(), sql.clone())], &session),
        Err(failure) => return Outcome { failure: Some(failure), ..Outcome::default() },
    };
    match (&case.expected, compiled) {
        (Expected::Refusal(expected), compiled) => {
            Outcome { failure: refused(expected, compiled, &sql).err(), ..Outcome::default() }
        }
        (Expected::Records { .. }, Err(errors)) => {
            let failure = format!("  the SQL is refused\n{}", rendered(&errors));
            Outcome { failure: Some(failure), ..Outcome::default() }
        }
        (Expected::Records { outputs, post, account }, Ok(program)) => {
            let mut outcome = Outcome::default();
            let checked = records(case, &program, (outputs, account), &mut outcome.outputs);
            let wrong = post::check(post, &program, case);
            let mut failure = checked.err().unwrap_or_default();
            wrong.iter().for_each(|wrong| {
                let _ = writeln!(failure, "  {wrong}");
            });
            outcome.failure = Some(failure).filter(|failure| !failure.is_empty());
            outcome
        }
    }
}

/// A session of dialect ksqldb with the test's properties.
fn session(case: &Case) -> Result<Session, String> {
    let mut settings = Settings::of(Dialect::KsqlDb);
    for (name, value) in &case.properties {
        let text = |text: &str| Text { text: text.to_owned(), span: Span::default() };
        settings
            .set(&text(name), &text(value))
            .map_err(|problem| format!("  properties: {problem}\n"))?;
    }
    Ok(Session { settings, ..Session::new("test") })
}

/// Whether the statements are refused for the reason that is expected.
fn refused(
    expected: &Refusal,
    compiled: Result<Program, Vec<SqlError>>,
    sql: &str,
) -> Result<(), String> {
    let wanted = expected.messages.join("\n");
    let (told, rendered) = match compiled {
        Err(errors) => (refusal::told(&errors, sql), rendered(&errors)),
        Ok(program) => match TestDriver::new(&program.topology) {
            Err(error) => (error.to_string(), format!("{error}\n")),
            Ok(_) => return Err(format!("  it is not refused; expected: {wanted}\n")),
        },
    };
    let named = refusal::names_cause(&wanted, &told, sql);
    named.map_err(|why| {
        format!("  it is refused for another reason: {why}\n  expected: {wanted}\n{rendered}")
    })
}

fn rendered(errors: &[SqlError]) -> String {
    errors.iter().map(SqlError::render).collect()
}

/// Pipes the inputs in and compares the topics that are named.
fn records(
    case: &Case,
    program: &Program,
    (expected, account): (&[Record], &[(String, u64)]),
    lines: &mut Vec<String>,
) -> Result<(), String> {
    let mut driver = TestDriver::new(&program.topology).map_err(|error| format!("  {error}\n"))?;
    for (number, record) in case.inputs.iter().enumerate() {
        let told = |why: String| format!("  inputs, record {number} ({}): {why}\n", record.topic);
        let input = input(record, stream(program, &record.topic)).map_err(told)?;
        match driver.pipe(&record.topic, input) {
            // It is declared, so it is no slip: its records only change nothing.
            Err(DriverError::NoTopic { .. }) => {}
            outcome => outcome.map_err(|error| told(error.to_string()))?,
        }
    }
    let written = written(&mut driver, program, lines)?;
    let mut topics: Vec<&str> = expected.iter().map(|record| record.topic.as_str()).collect();
    topics.sort_unstable();
    topics.dedup();
    let mut failure = String::new();
    for topic in topics {
        let of_topic = expected.iter().filter(|record| record.topic == topic);
        let layouts = stream(program, topic)
            .map(|stream| (Layout::of_keys(stream), Layout::of_values(stream)));
        let expected: Vec<Record> = of_topic
            .map(|record| match &layouts {
                None => record.clone(),
                Some((keys, values)) => Record {
                    key: keys.expected(&record.key),
                    value: values.expected(&record.value),
                    ..record.clone()
                },
            })
            .collect();
        let expected: Vec<&Record> = expected.iter().collect();
        let found = written.get(topic).map_or(&[][..], Vec::as_slice);
        failure.extend(report::topic(topic, &expected, found));
    }
    let counts = driver.account().counts();
    for (name, expected) in account {
        let found = counts.iter().find(|(of, _)| of == name).map_or(0, |(_, count)| *count);
        if found != *expected {
            let _ = writeln!(failure, "  account: {name}: {expected} expected, {found} counted");
        }
    }
    if failure.is_empty() {
        return Ok(());
    }
    for skipped in driver.skipped() {
        let _ = writeln!(failure, "  passed over: {skipped}");
    }
    Err(failure)
}

/// The stream that says how a topic is written.
fn stream<'a>(program: &'a Program, topic: &str) -> Option<&'a Stream> {
    program.streams.iter().find(|stream| stream.topic == topic)
}

fn input(record: &Record, stream: Option<&Stream>) -> Result<TestRecord, String> {
    let stream = stream.ok_or("no stream says how its records are written")?;
    let headers = record.headers.iter().flatten().map(|(name, value)| {
        let decoded = value.as_ref().map(|value| BASE64_STANDARD.decode(value)).transpose();
        let value = decoded.map_err(|error| format!("header {name} is no base64: {error}"))?;
        Ok((name.clone(), value))
    });
    let key = Layout::of_keys(stream).write(&record.key);
    let key = key.and_then(|key| with_window(key, record.window, stream.window));
    Ok(TestRecord {
        key: key.map_err(|why| format!("key: {why}"))?,
        value: Layout::of_values(stream)
            .write(&record.value)
            .map_err(|why| format!("value: {why}"))?,
        timestamp: record.timestamp.unwrap_or(0),
        headers: headers.collect::<Result<_, String>>()?,
        partition: -1,
    })
}

/// All that queries wrote, read by the formats of its topic.
fn written(
    driver: &mut TestDriver,
    program: &Program,
    lines: &mut Vec<String>,
) -> Result<Topics, String> {
    let mut topics = Topics::new();
    for topic in driver.unread() {
        let Some(stream) = stream(program, &topic) else { continue };
        let (keys, values) = (Layout::of_keys(stream), Layout::of_values(stream));
        let mut records = Vec::new();
        for (number, record) in driver.read(&topic).iter().enumerate() {
            let told = |part: &'static str| {
                let topic = topic.clone();
                move |why: String| format!("  topic {topic}, record {number}: {part}: {why}\n")
            };
            let header = |(name, value): &(String, Option<Vec<u8>>)| {
                (name.clone(), value.as_ref().map(|value| BASE64_STANDARD.encode(value)))
            };
            let (key, window) =
                without_window(record.key.as_deref(), stream.window).map_err(told("key"))?;
            let written = Written {
                key: keys.read(key).map_err(told("key"))?,
                value: values.read(record.value.as_deref()).map_err(told("value"))?,
                timestamp: record.timestamp,
                window,
                headers: record.headers.iter().map(header).collect(),
            };
            lines.push(shown(&topic, &written));
            records.push(written);
        }
        topics.insert(topic, records);
    }
    Ok(topics)
}

/// A record as a JSON document, in the form of a test file's outputs.
fn shown(topic: &str, written: &Written) -> String {
    let mut members = vec![
        ("topic".to_owned(), Json::Text(topic.to_owned())),
        ("key".to_owned(), written.key.clone()),
        ("value".to_owned(), written.value.clone()),
        ("timestamp".to_owned(), Json::Number(written.timestamp.to_string())),
    ];
    members.extend(written.window.map(|window| ("window".to_owned(), window.to_json())));
    if !written.headers.is_empty() {
        let header = |(name, value): &(String, Option<String>)| {
            Json::Object(vec![
                ("KEY".to_owned(), Json::Text(name.clone())),
                ("VALUE".to_owned(), value.clone().map_or(Json::Null, Json::Text)),
            ])
        };
        let headers = written.headers.iter().map(header).collect();
        members.push(("headers".to_owned(), Json::Array(headers)));
    }
    Json::Object(members).to_string()
}
