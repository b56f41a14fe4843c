//! The program of a case: declarations of the input, and one query that writes to the store.

use super::case::Flow;
use super::input::{LEAVES_OUT, TOPIC};
use super::store::Keeps;

/// The query, and so the end of its group's name.
pub(super) const QUERY: &str = "kept";

/// The program by which rows flow to a store that keeps so much of them, and is named by these options.
pub(super) fn program(flow: Flow, keeps: Keeps, options: &str) -> String {
    let of_topic = format!("WITH (kafka_topic = '{TOPIC}', value_format = 'JSON')");
    let columns = "number BIGINT, note STRING";
    let stream = format!("CREATE STREAM input (id STRING KEY, {columns}) {of_topic};");
    let table =
        |name: &str| format!("CREATE TABLE {name} (id STRING PRIMARY KEY, {columns}) {of_topic};");
    let (declared, kind, query) = match (flow, keeps) {
        (Flow::Rows, Keeps::LastOfKey) => {
            (table("input"), "TABLE", "id, number, note FROM input".to_owned())
        }
        (Flow::Rows, _) => (stream, "STREAM", "id, number, note FROM input".to_owned()),
        (Flow::State, Keeps::LastOfKey) => {
            let last = "LATEST_BY_OFFSET(number) AS number, LATEST_BY_OFFSET(note) AS note";
            let group = format!("GROUP BY id HAVING LATEST_BY_OFFSET(number) % {LEAVES_OUT} <> 0");
            let query = format!("id, {last} FROM input WHERE number IS NOT NULL {group}");
            (stream, "TABLE", query)
        }
        // Such stores take no table.
        (Flow::State, _) => {
            let row = "input.id AS id, input.number AS number, input.note AS note";
            let query = format!("{row} FROM input LEFT JOIN latest ON input.id = latest.id");
            (stream + &table("latest"), "STREAM", query)
        }
    };
    format!("{declared}\nCREATE {kind} {QUERY} WITH ({options}) AS SELECT {query} EMIT CHANGES;\n")
}
