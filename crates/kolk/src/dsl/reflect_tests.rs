//! Which columns types stand for, and which types stand for none.

use super::*;
use crate::dsl::Timestamp;
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Visit {
    user_id: i64,
    seconds: Option<u16>,
    share: f32,
    #[serde(rename = "keepPrivate")]
    private: bool,
    event_time: Timestamp,
    device: Device,
    tags: Vec<String>,
    counts: BTreeMap<String, u32>,
    place: Place,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Device {
    Phone,
    Laptop,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Place {
    city: Id,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Id(String);

#[test]
fn fields_are_columns() {
    let shown: Vec<String> = columns::<Visit>()
        .unwrap()
        .into_iter()
        .map(|(name, data_type)| format!("{name} {data_type}"))
        .collect();
    let expected = [
        "user_id BIGINT",
        "seconds INTEGER",
        "share DOUBLE",
        "keepPrivate BOOLEAN",
        "event_time TIMESTAMP",
        "device STRING",
        "tags ARRAY<STRING>",
        "counts MAP<STRING, BIGINT>",
        "place STRUCT<city STRING>",
    ];
    assert_eq!(shown, expected);
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Of<T> {
    part: T,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
struct Tree {
    branches: Vec<Self>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only its shape matters")]
enum Shape {
    Circle(f64),
}

fn refusal<T: DeserializeOwned>() -> String {
    columns::<T>().unwrap_err()
}

#[test]
fn what_is_no_column_is_refused_by_its_name() {
    assert_eq!(refusal::<i32>(), "a row is a struct with a field for each column, not INTEGER");
    assert_eq!(refusal::<Of<(i32, i32)>>(), "part: a tuple has no names for columns: use a struct");
    assert_eq!(
        refusal::<Of<serde_json::Value>>(),
        "part: a type that takes any value says nothing of its column"
    );
    assert_eq!(refusal::<Of<Shape>>(), "part: invalid type: enum, expected an enum of mere names");
    assert_eq!(refusal::<Of<BTreeMap<i32, i32>>>(), "part: the keys of a map are STRING");
    let endless = refusal::<Tree>();
    assert!(endless.starts_with("branches: branches: "), "{endless}");
    assert!(endless.ends_with(": it contains itself"), "{endless}");
}
