//! The sessions of each user with the pages in order, once each, when no visit has come for a while; their ids are the same in every run.

mod support;

use kolk::dsl::{Program, Windows, collect_list};
use kolk::schema::DataType;
use std::time::Duration;

/// `{"user_id": 1, "page": "A.html", "event_time": "2023-02-20T03:03:20"}` in `visits` → `{"user_id": 1, "SESSION_ID": …, …, "pages":
/// ["A.html"]}` in `sessions`.
pub(crate) fn program() -> Program {
    let program = Program::new();
    let columns = [
        ("user_id", DataType::Bigint),
        ("page", DataType::String),
        ("event_time", DataType::Timestamp),
    ];
    program
        .stream("visits", columns)
        .event_time("event_time", Duration::from_secs(10))
        .group_by(["user_id"])
        .windowed_by(Windows::timeout(Duration::from_secs(50)))
        .aggregate([collect_list("page", "pages")])
        .to("sessions");
    program
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    support::run("sessions", &program())
}
