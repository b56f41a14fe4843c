//! Visits that meet the ad of their page within two minutes, step by step: rows, and time without rows, through repartition topics.

use crate::cluster::{Cluster, Given, wait_until};
use crate::delivery::options;
use crate::stages::column;
use kolk::dsl::{Program, Within, col};
use kolk::runtime::{Application, Until};
use kolk::schema::{DataType, Schema};
use kolk::topology::{Conventions, EventTime, Format, Operator, Source, Topology};
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn source(cluster: &Cluster, topic: &str, time: usize) -> Source {
    Source {
        value_format: Format::Json,
        event_time: EventTime::Column { index: time, format: None },
        watermark_delay: 10 * MINUTE,
        ..Source::new(&cluster.name(topic))
    }
}

/// Visits left join ads within (0 seconds, 2 minutes).
pub(crate) fn topology(cluster: &Cluster) -> Topology {
    let timezone = "Europe/Paris".to_owned();
    let program = Program::with(Conventions { timezone, ..Conventions::default() });
    let visits = Schema {
        columns: vec![
            column("visit_id", DataType::String),
            column("event_time", DataType::Timestamp),
            column("page", DataType::String),
        ],
    };
    let ads = Schema {
        columns: vec![
            column("page", DataType::String),
            column("display_time", DataType::Timestamp),
            column("campaign_name", DataType::String),
        ],
    };
    let visits = program.stream_of(source(cluster, "visits", 1), visits).named("v");
    let ads = program.stream_of(source(cluster, "ads", 1), ads).named("a");
    visits
        .left_join(ads, Within::between(Duration::ZERO, 2 * MINUTE))
        .on(&[("v.page", "a.page")])
        .select([
            ("visit_id", col("v.visit_id")),
            ("event_time", col("v.event_time")),
            ("visit_page", col("v.page")),
            ("page", col("a.page")),
            ("display_time", col("a.display_time")),
            ("campaign_name", col("a.campaign_name")),
        ])
        .to(&cluster.name("enriched"));
    program.build().unwrap()
}

fn visit(number: u32, time: &str, page: &str) -> String {
    format!(
        r#"{{"visit_id":"visit-{number}","event_time":"2024-01-01T{time}.000Z","page":"{page}"}}"#
    )
}

fn ad(page: &str, time: &str, campaign: &str) -> String {
    format!(
        r#"{{"page":"{page}","display_time":"2024-01-01T{time}.000Z","campaign_name":"{campaign}"}}"#
    )
}

struct Step {
    topic: &'static str,
    /// Values and their partitions.
    values: Vec<(i32, String)>,
    out: Vec<String>,
}

/// A row of the output; times in Paris. An ad is its page, its time and its campaign.
fn enriched(number: u32, time: &str, page: &str, ad: Option<[&str; 3]>) -> String {
    let visit = format!(
        r#""visit_id":"visit-{number}","event_time":"2024-01-01T{time}.000+01:00","visit_page":"{page}""#
    );
    match ad {
        None => format!("{{{visit}}}"),
        Some([page, time, campaign]) => format!(
            r#"{{{visit},"page":"{page}","display_time":"2024-01-01T{time}.000+01:00","campaign_name":"{campaign}"}}"#
        ),
    }
}

/// The document's table.
fn steps() -> Vec<Step> {
    let step = |topic, values, out| Step { topic, values, out };
    let visits = |values, out| step("visits", values, out);
    let ads = |values, out| step("ads", values, out);
    let home = ["home", "09:18:15", "supermarket"];
    let category4 = ["category4", "10:10:30", "internet provider"];
    vec![
        visits(vec![(0, visit(1, "08:18:00", "home")), (1, visit(2, "08:20:00", "home"))], vec![]),
        ads(
            vec![(0, ad("home", "08:18:15", "supermarket"))],
            vec![enriched(1, "09:18:00", "home", Some(home))],
        ),
        visits(
            vec![(0, visit(3, "08:58:00", "category1")), (1, visit(4, "09:00:00", "category2"))],
            vec![],
        ),
        ads(
            vec![(1, ad("category3", "09:00:15", "supermarket"))],
            vec![enriched(2, "09:20:00", "home", None)],
        ),
        ads(vec![(0, ad("category4", "09:10:30", "internet provider"))], vec![]),
        visits(vec![(0, visit(5, "08:58:00", "category4"))], vec![]),
        visits(
            vec![(1, visit(6, "09:09:00", "category4"))],
            vec![enriched(6, "10:09:00", "category4", Some(category4))],
        ),
        visits(
            vec![(0, visit(100, "10:09:00", "category6"))],
            vec![
                enriched(3, "09:58:00", "category1", None),
                enriched(5, "09:58:00", "category4", None),
            ],
        ),
    ]
}

/// The values of the output, sorted.
fn seen(cluster: &Cluster) -> Vec<String> {
    let mut values: Vec<String> =
        cluster.read("enriched", 2).into_iter().filter_map(|record| record.value).collect();
    values.sort();
    values
}

/// Produces a step's records; time-stamps rise from one to the next.
fn produce(cluster: &Cluster, step: &Step, next: &mut i64) {
    let given = step.values.iter().map(|(partition, value)| {
        *next += 1;
        let (partition, timestamp, value) = (*partition, *next, Some(value.as_str()));
        Given { partition, timestamp, key: None, value, headers: &[] }
    });
    cluster.produce_with(&[], step.topic, given.collect::<Vec<_>>());
}

pub(crate) fn visits_meet_their_ads_step_by_step(cluster: &Cluster) {
    cluster.create("visits", 2);
    cluster.create("ads", 2);
    let options = options(cluster, Until::Stopped);
    let application =
        Application::start(&topology(cluster), options, Arc::clone(&cluster.clock)).unwrap();
    // Event times of 2024 must not be beyond the records' own.
    let (mut next, mut given, mut expected) = (1_704_200_000_000, 0, Vec::new());
    for (number, step) in steps().iter().enumerate() {
        produce(cluster, step, &mut next);
        given += step.values.len() as u64;
        expected.extend(step.out.clone());
        expected.sort();
        wait_until("every stage has taken all rows", || {
            let status = application.status();
            let sent: u64 = status[..2].iter().map(|status| status.account.read).sum();
            sent == given && status[2].account.read == given && status.iter().all(|of| of.lag == 0)
        });
        wait_until(&format!("step {number} has its output"), || {
            seen(cluster).len() >= expected.len()
        });
        assert_eq!(seen(cluster), expected, "step {number}");
    }
    application.stop_handle().stop();
    for (status, result) in application.join() {
        assert!(result.is_ok(), "{}: {result:?}", status.name);
        assert!(status.account.balances(), "{}: {}", status.name, status.account);
    }
    assert_eq!(seen(cluster), expected, "nothing else is written");
}

pub(crate) fn the_joiner_gives_the_same_in_one_go(cluster: &Cluster) {
    cluster.create("visits", 2);
    cluster.create("ads", 2);
    let mut next = 1_704_200_000_000;
    steps().iter().for_each(|step| produce(cluster, step, &mut next));
    let options = options(cluster, Until::End);
    let application =
        Application::start(&topology(cluster), options, Arc::clone(&cluster.clock)).unwrap();
    for (status, result) in application.join() {
        assert!(result.is_ok(), "{}: {result:?}", status.name);
        assert!(status.account.balances(), "{}: {}", status.name, status.account);
    }
    let mut expected: Vec<String> = steps().into_iter().flat_map(|step| step.out).collect();
    expected.sort();
    assert_eq!(seen(cluster), expected);
}

/// No ad comes at all, and after a second nobody waits for one any more.
pub(crate) fn a_silent_input_is_left_out_after_its_time_out(cluster: &Cluster) {
    cluster.create("visits", 2);
    cluster.create("ads", 2);
    let visits = vec![(0, visit(1, "08:18:00", "home")), (1, visit(2, "09:18:00", "cart"))];
    let expected = enriched(1, "09:18:00", "home", None);
    let step = Step { topic: "visits", values: visits, out: vec![] };
    produce(cluster, &step, &mut 1_704_200_000_000);
    let mut topology = topology(cluster);
    for node in &mut topology.queries[0].nodes {
        if let Operator::Source(source) = &mut node.operator
            && source.topic == cluster.name("ads")
        {
            source.idle_timeout = Some(Duration::from_secs(1));
        }
    }
    let options = options(cluster, Until::Stopped);
    let application = Application::start(&topology, options, Arc::clone(&cluster.clock)).unwrap();
    wait_until("the visit is written alone", || !seen(cluster).is_empty());
    application.stop_handle().stop();
    for (status, result) in application.join() {
        assert!(result.is_ok(), "{}: {result:?}", status.name);
        assert!(status.account.balances(), "{}: {}", status.name, status.account);
    }
    assert_eq!(seen(cluster), [expected], "the other one's bound has not passed");
}
