//! A windowed count, sessions and a join in one application, with inputs whose results are known.

use crate::cluster::{Cluster, Given};
use crate::delivery::options;
use crate::stages::column;
use kolk::dsl::{Program, Windows, Within, count};
use kolk::runtime::{Application, ApplicationOptions, Failpoints, QueryStatus, Until};
use kolk::schema::{DataType, Schema};
use kolk::topology::{EventTime, Format, Source, Topology};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// Visits of 40 pages, and a click on each: all in one minute, in two partitions.
pub(crate) struct Trio<'a> {
    pub(crate) cluster: &'a Cluster,
}

impl<'a> Trio<'a> {
    /// The topics are there.
    pub(crate) fn new(cluster: &'a Cluster) -> Self {
        cluster.create("visits", 2);
        cluster.create("clicks", 2);
        Self { cluster }
    }

    pub(crate) fn topology(&self) -> Topology {
        let program = Program::new();
        let stream = |topic: &str, columns: &[(&str, DataType)], time: usize| {
            let source = Source {
                value_format: Format::Json,
                event_time: EventTime::Column { index: time, format: None },
                ..Source::new(&self.cluster.name(topic))
            };
            let columns = columns.iter().map(|(name, of)| column(name, of.clone()));
            program.stream_of(source, Schema { columns: columns.collect() })
        };
        let (text, number) = (DataType::String, DataType::Bigint);
        let visits = || {
            stream(
                "visits",
                &[("page", text.clone()), ("n", number.clone()), ("at", number.clone())],
                2,
            )
        };
        let clicks = stream("clicks", &[("m", number.clone()), ("clicked", number.clone())], 1);
        let windows =
            [("counts", Windows::tumbling(MINUTE)), ("sessions", Windows::sessions(MINUTE / 6))];
        for (name, windows) in windows {
            let grouped = visits().group_by(["page"]).windowed_by(windows);
            grouped.aggregate([count("visits")]).to(&self.cluster.name(name));
        }
        let joined = visits().join(clicks, Within::of(MINUTE)).on(&[("n", "m")]);
        joined.to(&self.cluster.name("pairs"));
        program.build().unwrap()
    }

    pub(crate) fn produce(&self, visits: Range<i64>, clicks: Range<i64>) {
        let visit =
            |n: i64| (n, format!(r#"{{"page":"page-{}","n":{n},"at":{}}}"#, n % 40, 60_000 + n));
        let click = |n: i64| (n, format!(r#"{{"m":{n},"clicked":{}}}"#, 60_000 + n));
        let topics = [
            ("visits", visits.map(visit).collect::<Vec<_>>()),
            ("clicks", clicks.map(click).collect()),
        ];
        for (topic, records) in topics {
            let given = records.iter().map(|(n, value)| Given {
                partition: i32::try_from(n % 2).unwrap(),
                timestamp: 60_000 + n,
                key: None,
                value: Some(value),
                headers: &[],
            });
            self.cluster.produce_with(&[], topic, given);
        }
    }

    pub(crate) fn options(&self, until: Until) -> ApplicationOptions {
        options(self.cluster, until)
    }

    pub(crate) fn start(&self, until: Until, failpoints: &Failpoints) -> Application {
        let clock = Arc::clone(&self.cluster.clock);
        let options = self.options(until);
        Application::start_failing(&self.topology(), options, clock, failpoints).unwrap()
    }

    /// Runs to the end of what is there.
    pub(crate) fn run(&self) -> Vec<QueryStatus> {
        let results = self.start(Until::End, &Failpoints::default()).join();
        for (status, result) in &results {
            assert!(result.is_ok(), "{}: {result:?}", status.name);
            assert!(status.account.balances(), "{}: {}", status.name, status.account);
        }
        results.into_iter().map(|(status, _)| status).collect()
    }

    /// What is wrong with the outputs after so many visits and clicks.
    pub(crate) fn findings(&self, visits: i64, clicks: i64) -> Vec<String> {
        let mut found = Vec::new();
        for topic in ["counts", "sessions"] {
            let of = |page: i64| i64::try_from((0..visits).filter(|n| n % 40 == page).count());
            let pages = (0..40.min(visits)).map(|page| (format!("page-{page}"), of(page).unwrap()));
            let (expected, mut live) = (pages.collect::<Vec<_>>(), self.table(topic, &mut found));
            live.sort_by_key(|(page, _)| page["page-".len()..].parse::<i64>().unwrap());
            if live != expected {
                found.push(format!("{topic}: {live:?} after {visits} visits"));
            }
        }
        let mut pairs: Vec<i64> =
            self.values("pairs").iter().map(|value| value["n"].as_i64().unwrap()).collect();
        pairs.sort_unstable();
        if pairs != (0..visits.min(clicks)).collect::<Vec<i64>>() {
            found.push(format!("pairs: {} after {visits} visits, {clicks} clicks", pairs.len()));
        }
        found
    }

    /// The last value of each key, which holds the window: page and count. Counts that do not rise are told.
    fn table(&self, topic: &str, found: &mut Vec<String>) -> Vec<(String, i64)> {
        let mut live: BTreeMap<Vec<u8>, (String, i64)> = BTreeMap::new();
        self.cluster.scan(&self.cluster.name(topic), 0..2, |_, _, record| {
            let key = record.key.unwrap().to_vec();
            let Some(value) = record.value else {
                live.remove(&key);
                return;
            };
            let value: serde_json::Value = serde_json::from_slice(value).unwrap();
            let page = value["page"].as_str().unwrap().to_owned();
            let count = value["visits"].as_i64().unwrap();
            let before = live.insert(key, (page.clone(), count));
            if before.as_ref().is_some_and(|(_, before)| *before >= count) {
                found.push(format!("{topic}: {page} has {count} after {before:?}"));
            }
        });
        live.into_values().collect()
    }

    fn values(&self, topic: &str) -> Vec<serde_json::Value> {
        let records = self.cluster.read(topic, 2).into_iter().filter_map(|record| record.value);
        records.map(|value| serde_json::from_str(&value).unwrap()).collect()
    }
}

const MINUTE: Duration = Duration::from_mins(1);
