//! How often each page is visited in each minute, once the minute is over; visits that come too late go to a topic of their own.
//!
//! Expressions and columns only: rows are never values of Rust.

mod support;

use kolk::dsl::{Program, Windows, col, count, lit};
use kolk::schema::DataType;
use std::time::Duration;

/// `{"page": "home", "keep_private": false, "event_time": "2024-01-01T08:00:30Z"}` in `visits` → `{"page": "home", "WINDOWSTART": …,
/// "WINDOWEND": …, "visits": 1}` in `visits-per-minute`.
pub(crate) fn program() -> Program {
    let program = Program::new();
    let columns = [
        ("page", DataType::String),
        ("keep_private", DataType::Boolean),
        ("event_time", DataType::Timestamp),
    ];
    program
        .stream("visits", columns)
        // How late a visit may be when others were earlier.
        .event_time("event_time", Duration::from_secs(5))
        .filter(col("keep_private").equals(lit(false)))
        .group_by(["page"])
        .windowed_by(Windows::tumbling(Duration::from_secs(60)).emit_final().late_to("visits-late"))
        .aggregate([count("visits")])
        .to("visits-per-minute");
    program
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    support::run("visits-per-minute", &program())
}
