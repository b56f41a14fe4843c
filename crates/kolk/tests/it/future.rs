//! Records of the future, where the event time is the record's time-stamp: what the clock said when they were read decides once and for
//! all, whatever it says after a restart.

use crate::cluster::{Cluster, Given, wait_until};
use crate::delivery::options;
use crate::stages::column;
use kolk::account::Account;
use kolk::dsl::{Program, Windows, count};
use kolk::runtime::{Action, Application, ApplicationOptions, Failpoint, Failpoints, Point, Until};
use kolk::schema::{DataType, Schema};
use kolk::time::{Clock, ManualClock, Moment, Timestamp};
use kolk::topology::{Format, Source, Topology};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: i64 = 60_000;

/// A wall clock that the test sets, and time that passes as it does.
#[derive(Debug)]
struct Wall(ManualClock, Arc<dyn Clock>);

impl Clock for Wall {
    fn now_ms(&self) -> Timestamp {
        self.0.now_ms()
    }

    fn monotonic(&self) -> Moment {
        self.1.monotonic()
    }
}

struct Job<'a> {
    cluster: &'a Cluster,
    /// What minutes count from: some hours ago, so that brokers neither refuse nor delete what is of then.
    begin: i64,
}

impl Job<'_> {
    /// Pages in windows of a minute, counted behind a repartition topic; what comes after its window is late.
    fn topology(&self) -> Topology {
        let program = Program::new();
        let source =
            Source { value_format: Format::Json, ..Source::new(&self.cluster.name("visits")) };
        program
            .stream_of(source, Schema { columns: vec![column("page", DataType::String)] })
            .group_by(["page"])
            .windowed_by(Windows::tumbling(Duration::from_mins(1)).grace(Duration::ZERO))
            .aggregate([count("visits")])
            .to(&self.cluster.name("counts"));
        program.build().unwrap()
    }

    fn produce(&self, visits: &[(i64, &str)]) {
        let values: Vec<String> =
            visits.iter().map(|(_, page)| format!(r#"{{"page":"{page}"}}"#)).collect();
        let given = visits.iter().zip(&values).map(|((minute, _), value)| {
            let (timestamp, value) = (self.begin + minute * MINUTE, Some(value.as_str()));
            Given { partition: 0, timestamp, key: None, value, headers: &[] }
        });
        self.cluster.produce_with(&[], "visits", given.collect::<Vec<_>>());
    }

    fn start(
        &self,
        options: ApplicationOptions,
        minute: i64,
        failpoints: &Failpoints,
    ) -> Application {
        let wall = ManualClock::at(Timestamp(self.begin + minute * MINUTE));
        let clock = Arc::new(Wall(wall, Arc::clone(&self.cluster.clock)));
        Application::start_failing(&self.topology(), options, clock, failpoints).unwrap()
    }

    /// Runs to the end of what is there, while the clock shows this minute: the books of all stages together.
    fn run(&self, minute: i64, state: &str) -> Account {
        let state = self.cluster.folder.path().join(state);
        let options = ApplicationOptions { state, ..options(self.cluster, Until::End) };
        let mut account = Account::default();
        for (status, result) in self.start(options, minute, &Failpoints::default()).join() {
            assert!(result.is_ok(), "{}: {result:?}", status.name);
            assert!(status.account.balances(), "{}: {}", status.name, status.account);
            account += status.account;
        }
        account
    }

    /// The last count of each window: page and minute.
    fn counts(&self) -> BTreeMap<(i64, String), i64> {
        let count = |record: crate::cluster::Seen| {
            let value: serde_json::Value = serde_json::from_str(&record.value.unwrap()).unwrap();
            let page = value["page"].as_str().unwrap().to_owned();
            (((record.timestamp - self.begin) / MINUTE, page), value["visits"].as_i64().unwrap())
        };
        self.cluster.read("counts", 1).into_iter().map(count).collect()
    }
}

pub(crate) fn a_record_of_the_future_stays_one_whatever_the_clock_says_later(cluster: &Cluster) {
    let now = cluster.clock.now_ms().0;
    let job = Job { cluster, begin: now - now % MINUTE - 700 * MINUTE };
    cluster.create("visits", 1);
    // At ten past, half past is of the future. If it moved the watermark, what follows would be late.
    job.produce(&[(1, "a"), (2, "a"), (30, "far"), (3, "a")]);
    let account = job.run(10, "state");
    assert_eq!((account.late, account.future), (0, 1), "{account}");
    // Two hours later it would not be one: from the local disk, from the changelogs, and after a crash.
    job.produce(&[(4, "a")]);
    let account = job.run(120, "state");
    assert_eq!((account.late, account.future), (0, 0), "{account}");
    job.produce(&[(5, "a")]);
    let account = job.run(120, "elsewhere");
    assert_eq!((account.late, account.future), (0, 0), "{account}");

    let (failpoints, stopped) = (Failpoints::default(), options(cluster, Until::Stopped));
    let application = job.start(stopped, 120, &failpoints);
    job.produce(&[(180, "farther"), (6, "a")]);
    wait_until("both are counted", || job.counts().len() == 8);
    crate::state::wait_for_rest(&application);
    let stage = cluster.name("counts");
    let (point, action) = (Point::BeforeOffsets, Action::Panic);
    failpoints.arm(Failpoint { point, stage, after: 0, action });
    job.produce(&[(7, "a")]);
    wait_until("it ends before the commit", || failpoints.hits() == 1);
    drop(application);
    let account = job.run(600, "state");
    assert_eq!((account.late, account.future), (0, 0), "{account}");
    let mut expected: BTreeMap<(i64, String), i64> =
        (1..8).map(|minute| ((minute, "a".to_owned()), 1)).collect();
    expected.extend([((30, "far".to_owned()), 1), ((180, "farther".to_owned()), 1)]);
    assert_eq!(job.counts(), expected);
}
