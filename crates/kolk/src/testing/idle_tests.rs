//! `idle_timeout` in the driver: processing time passes only where a test says so.

use super::{TestDriver, TestRecord};
use crate::dsl::{Program, Within, col};
use crate::schema::{Column, DataType, Role, Schema};
use crate::topology::{EventTime, Format, Source};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(30);

/// Visits, each with the ad of its page within two minutes; ads may be silent.
fn driver() -> TestDriver {
    let column =
        |name: &str, data_type| Column { name: name.to_owned(), data_type, role: Role::Value };
    let schema = || Schema {
        columns: vec![column("page", DataType::String), column("at", DataType::Bigint)],
    };
    let source = |topic: &str, idle_timeout| Source {
        value_format: Format::Json,
        event_time: EventTime::Column { index: 1, format: None },
        idle_timeout,
        ..Source::new(topic)
    };
    let program = Program::new();
    let visits = program.stream_of(source("visits", None), schema()).named("v");
    let ads = program.stream_of(source("ads", Some(TIMEOUT)), schema()).named("a");
    visits
        .left_join(ads, Within::between(Duration::ZERO, Duration::from_secs(120)))
        .on(&[("v.page", "a.page")])
        .select([("visit", col("v.at")), ("ad", col("a.at"))])
        .to("out");
    let topology = program.build().unwrap();
    TestDriver::new(&topology).unwrap().partitions("visits", 2).partitions("ads", 2)
}

fn pipe(driver: &mut TestDriver, topic: &str, partition: i32, page: &str, at: i64) {
    let value = format!(r#"{{"page":"{page}","at":{at}}}"#).into_bytes();
    let record =
        TestRecord { value: Some(value), timestamp: at, partition, ..TestRecord::default() };
    driver.pipe(topic, record).unwrap();
}

fn written(driver: &mut TestDriver) -> Vec<String> {
    let values = driver.read("out").into_iter().filter_map(|record| record.value);
    let mut values: Vec<String> = values.map(|value| String::from_utf8(value).unwrap()).collect();
    values.sort();
    values
}

#[test]
fn a_silent_input_no_longer_holds_back_after_its_time_out() {
    let mut driver = driver();
    pipe(&mut driver, "visits", 0, "home", 1_000);
    pipe(&mut driver, "visits", 1, "cart", 200_000);
    driver.wait(TIMEOUT - Duration::from_millis(1)).unwrap();
    assert_eq!(written(&mut driver), [""; 0], "ads may still come");
    driver.wait(Duration::from_millis(1)).unwrap();
    assert_eq!(written(&mut driver), [r#"{"visit":1000}"#], "nobody waits for ads any more");
    pipe(&mut driver, "visits", 0, "home", 400_000);
    assert_eq!(written(&mut driver), [r#"{"visit":200000}"#], "time goes on by the visits alone");
}

#[test]
fn a_record_brings_its_input_back_and_the_time_out_begins_anew() {
    let mut driver = driver();
    pipe(&mut driver, "visits", 0, "home", 1_000);
    driver.wait(TIMEOUT).unwrap();
    pipe(&mut driver, "ads", 0, "home", 2_000);
    assert_eq!(written(&mut driver), [r#"{"visit":1000,"ad":2000}"#]);
    pipe(&mut driver, "visits", 1, "cart", 10_000);
    pipe(&mut driver, "visits", 1, "cart", 400_000);
    assert_eq!(written(&mut driver), [""; 0], "ads have come to 2 s");
    // One of its partitions is silent for as long as the other is not: the input is not idle.
    driver.wait(TIMEOUT - Duration::from_millis(1)).unwrap();
    pipe(&mut driver, "ads", 0, "other", 3_000);
    driver.wait(TIMEOUT - Duration::from_millis(1)).unwrap();
    assert_eq!(written(&mut driver), [""; 0]);
    driver.wait(Duration::from_millis(1)).unwrap();
    assert_eq!(written(&mut driver), [r#"{"visit":10000}"#]);
}
