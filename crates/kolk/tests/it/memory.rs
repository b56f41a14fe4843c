//! `memory_max`: reading waits where memory is short, and goes on when time lets state expire.

use crate::cluster::{Cluster, Given, wait_until};
use crate::delivery::options;
use crate::stages::column;
use kolk::dsl::{Program, Within, col};
use kolk::runtime::{Application, ApplicationOptions, Until};
use kolk::schema::{DataType, Schema};
use kolk::topology::{Conventions, EventTime, Format, Source, Topology};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

const VISITS: i64 = 1_600;
/// With it so many visits are far more than memory, and what is fetched ahead, together.
const TEXT: usize = 8 << 10;

/// Visits left join ads within two minutes, without a repartition; a mebibyte is all that the
/// application is given.
fn topology(cluster: &Cluster) -> Topology {
    // The application is given less: the least counts.
    let memory_max = Some(1 << 30);
    let program = Program::with(Conventions { memory_max, ..Conventions::default() });
    let [visits, ads] = ["visits", "ads"].map(|topic| {
        let schema = Schema {
            columns: vec![
                column("page", DataType::String),
                column("at", DataType::Bigint),
                column("text", DataType::String),
            ],
        };
        let source = Source {
            value_format: Format::Json,
            key_format: Format::Kafka,
            key_column: Some(0),
            event_time: EventTime::Column { index: 1, format: None },
            ..Source::new(&cluster.name(topic))
        };
        program.stream_of(source, schema).named(topic)
    });
    visits
        .left_join(ads, Within::between(Duration::ZERO, Duration::from_secs(120)))
        .on(&[("visits.page", "ads.page")])
        .filter(col("visits.text").differs("so the text is kept"))
        .select([("at", col("visits.at")), ("shown", col("ads.at"))])
        .to(&cluster.name("out"));
    program.build().unwrap()
}

fn produce(cluster: &Cluster, topic: &str, at: impl Iterator<Item = i64>, text: &str) {
    let value = |at: i64| (at, format!(r#"{{"page":"home","at":{at},"text":"{text}"}}"#));
    let values: Vec<(i64, String)> = at.map(value).collect();
    let given = values.iter().map(|(at, value)| {
        let (key, value) = (Some("home"), Some(value.as_str()));
        Given { partition: 0, timestamp: *at, key, value, headers: &[] }
    });
    cluster.produce_with(&[], topic, given.collect::<Vec<_>>());
}

pub(crate) fn reading_waits_for_memory_until_time_lets_state_expire(cluster: &Cluster) {
    cluster.create("visits", 1);
    cluster.create("ads", 1);
    produce(cluster, "visits", (0..VISITS).map(|n| n * 60_000), &"x".repeat(TEXT));
    let memory_max = Some(1 << 20);
    let options = ApplicationOptions { memory_max, ..options(cluster, Until::Stopped) };
    let clock = Arc::clone(&cluster.clock);
    let application = Application::start(&topology(cluster), options, clock).unwrap();
    let status = || application.status().remove(0);
    wait_until("somebody says who has the memory", || {
        let waiting = status().waiting.unwrap_or_default();
        waiting.contains("of memory_max = 1.0 MiB: store") && waiting.contains(" holds ")
    });
    // No ad has come, so nothing expires, and reading stops for good.
    let mut read = 0;
    wait_until("nothing is read any more", || {
        sleep(Duration::from_millis(500));
        std::mem::replace(&mut read, status().account.read) == read
    });
    assert!(read < VISITS as u64, "{read} visits are in a mebibyte");
    produce(cluster, "ads", std::iter::once(VISITS * 60_000 + 600_000), "");
    // A mebibyte at a time, which may take a while on a busy machine.
    let all = VISITS as u64 + 1;
    for part in 1..=4 {
        wait_until("all is read", || status().account.read >= all * part / 4);
    }
    // The last ones may still meet an ad: time is where the visits are.
    let due = usize::try_from(VISITS).unwrap() - 3;
    wait_until("what is due is written", || cluster.read("out", 1).len() >= due);
    application.stop_handle().stop();
    for (status, result) in application.join() {
        assert!(result.is_ok(), "{}: {result:?}", status.name);
        assert!(status.account.balances(), "{}: {}", status.name, status.account);
        assert_eq!(status.account.late, 0);
    }
}
