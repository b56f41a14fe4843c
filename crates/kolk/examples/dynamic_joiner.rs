//! Visits, each with the ads that were displayed on its page within two minutes after it, or alone when no ad can come any more.

mod support;

use kolk::dsl::{Program, Within, col};
use kolk::schema::DataType;
use std::time::Duration;

/// `visits` (`visit_id`, `event_time`, `page`) and `ads` (`page`, `display_time`, `campaign_name`) → `visits-enriched`.
pub(crate) fn program() -> Program {
    let program = Program::new();
    let delay = Duration::from_secs(600);
    let visits = [
        ("visit_id", DataType::String),
        ("event_time", DataType::Timestamp),
        ("page", DataType::String),
    ];
    let visits = program.stream("visits", visits).event_time("event_time", delay).named("v");
    let ads = [
        ("page", DataType::String),
        ("display_time", DataType::Timestamp),
        ("campaign_name", DataType::String),
    ];
    let ads = program.stream("ads", ads).event_time("display_time", delay).named("a");
    visits
        .left_join(ads, Within::between(Duration::ZERO, Duration::from_secs(120)))
        .on(&[("page", "page")])
        .select([
            ("visit_id", col("visit_id")),
            ("event_time", col("event_time")),
            ("visit_page", col("v.page")),
            ("page", col("a.page")),
            ("display_time", col("display_time")),
            ("campaign_name", col("campaign_name")),
        ])
        .to("visits-enriched");
    program
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    support::run("dynamic-joiner", &program())
}
