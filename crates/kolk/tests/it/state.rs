//! State outlives whoever keeps it: counts go on after a crash, and move from instance to instance.

use crate::cluster::{Cluster, Given, wait_until};
use crate::delivery::options;
use crate::stages::column;
use kolk::client::TopicPartition;
use kolk::client::offsets::OffsetSpec;
use kolk::dsl::{Program, Windows, count};
use kolk::runtime::{
    Action, Application, ApplicationOptions, Failpoint, Failpoints, Point, QueryStatus, Until,
};
use kolk::schema::{DataType, Schema};
use kolk::topology::{EventTime, Format, Source, Topology, stages};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Pages in a window of a minute, counted; two partitions before and behind the repartition topic.
pub(crate) struct Job<'a> {
    pub(crate) cluster: &'a Cluster,
    /// Tells jobs on one cluster apart.
    pub(crate) name: &'static str,
}

impl<'a> Job<'a> {
    /// The visits' topic is there.
    pub(crate) fn new(cluster: &'a Cluster, name: &'static str) -> Self {
        let job = Self { cluster, name };
        cluster.create(&job.topic("visits"), 2);
        job
    }

    pub(crate) fn topic(&self, topic: &str) -> String {
        format!("{topic}-{}", self.name)
    }

    pub(crate) fn topology(&self) -> Topology {
        let program = Program::new();
        let visits = Schema {
            columns: vec![column("page", DataType::String), column("at", DataType::Bigint)],
        };
        let source = Source {
            value_format: Format::Json,
            event_time: EventTime::Column { index: 1, format: None },
            ..Source::new(&self.cluster.name(&self.topic("visits")))
        };
        program
            .stream_of(source, visits)
            .group_by(["page"])
            .windowed_by(Windows::tumbling(Duration::from_mins(1)))
            .aggregate([count("visits")])
            .to(&self.cluster.name(&self.topic("counts")));
        program.build().unwrap()
    }

    /// Visits of 40 pages, all in one window; record time-stamps rise.
    pub(crate) fn produce(&self, numbers: Range<i64>) {
        let value = |n: i64| format!(r#"{{"page":"page-{}","at":{}}}"#, n % 40, 60_000 + n);
        let values: Vec<String> = numbers.clone().map(value).collect();
        let given = values.iter().zip(numbers).map(|(value, n)| {
            let partition = i32::try_from(n % 2).unwrap();
            let (timestamp, value) = (60_000 + n, Some(value.as_str()));
            Given { partition, timestamp, key: None, value, headers: &[] }
        });
        self.cluster.produce_with(&[], &self.topic("visits"), given.collect::<Vec<_>>());
    }

    /// The last count of each page.
    pub(crate) fn counts(&self) -> BTreeMap<String, i64> {
        let mut last = BTreeMap::new();
        for record in self.cluster.read(&self.topic("counts"), 2) {
            let value: serde_json::Value = serde_json::from_str(&record.value.unwrap()).unwrap();
            let page = value["page"].as_str().unwrap().to_owned();
            let before = last.insert(page, value["visits"].as_i64().unwrap());
            assert!(before < value["visits"].as_i64(), "counts rise: {value}");
        }
        last
    }

    pub(crate) fn options(&self, until: Until) -> ApplicationOptions {
        ApplicationOptions {
            name: self.cluster.name(&format!("app-{}", self.name)),
            ..options(self.cluster, until)
        }
    }

    pub(crate) fn start(
        &self,
        options: ApplicationOptions,
        failpoints: &Failpoints,
    ) -> Application {
        let clock = Arc::clone(&self.cluster.clock);
        Application::start_failing(&self.topology(), options, clock, failpoints).unwrap()
    }

    pub(crate) fn run_to_end(&self, options: ApplicationOptions) -> Vec<QueryStatus> {
        let results = self.start(options, &Failpoints::default()).join();
        for (status, result) in &results {
            assert!(result.is_ok(), "{}: {result:?}", status.name);
            assert!(status.account.balances(), "{}: {}", status.name, status.account);
        }
        results.into_iter().map(|(status, _)| status).collect()
    }

    /// Waits until the visits up to this number are counted and committed.
    pub(crate) fn wait_for(&self, visits: i64) {
        let expected = expected(visits);
        wait_until(&format!("{visits} visits are counted"), || self.counts() == expected);
    }

    /// Counts 400 visits, ends abruptly at a point of the commit of one more, and goes on to the end.
    fn crash_at(&self, point: Point) -> QueryStatus {
        let failpoints = Failpoints::default();
        let application = self.start(self.options(Until::Stopped), &failpoints);
        self.produce(0..400);
        self.wait_for(400);
        wait_for_rest(&application);
        let stage = self.cluster.name(&self.topic("counts"));
        failpoints.arm(Failpoint { point, stage, after: 0, action: Action::Panic });
        self.produce(400..401);
        wait_until(&format!("it ends at {}", point.name()), || failpoints.hits() == 1);
        application.stop_handle().stop();
        assert!(application.join()[1].1.is_err());
        let status = self.run_to_end(self.options(Until::End)).remove(1);
        assert_eq!(self.counts(), expected(401), "{}", point.name());
        status
    }
}

/// Waits until no stage commits any more.
pub(crate) fn wait_for_rest(application: &Application) {
    let commits = || application.status().iter().map(|status| status.commits).sum::<u64>();
    let (mut last, mut since) = (0, Instant::now());
    wait_until("nothing is committed for a while", || {
        let now = commits();
        if now != last {
            (last, since) = (now, Instant::now());
        }
        since.elapsed() > Duration::from_millis(500)
    });
}

pub(crate) fn expected(visits: i64) -> BTreeMap<String, i64> {
    let count = |page: i64| (0..visits).filter(|n| n % 40 == page).count();
    (0..40).map(|page| (format!("page-{page}"), i64::try_from(count(page)).unwrap())).collect()
}

pub(crate) fn counts_go_on_where_the_last_run_has_committed(cluster: &Cluster) {
    let job = Job::new(cluster, "go-on");
    job.produce(0..500);
    let status = job.run_to_end(job.options(Until::End));
    assert_eq!(job.counts(), expected(500));
    assert_eq!(status[1].replayed, 0, "the changelogs were empty");
    job.produce(500..700);
    let status = job.run_to_end(job.options(Until::End));
    assert_eq!(job.counts(), expected(700));
    assert_eq!(status[1].replayed, 0, "all of it was on the local disk");
    let state = cluster.folder.path().join("elsewhere");
    job.produce(700..800);
    let status = job.run_to_end(ApplicationOptions { state, ..job.options(Until::End) });
    assert_eq!(job.counts(), expected(800));
    assert!(status[1].replayed >= 40, "nothing of it was there: {}", status[1].replayed);
}

pub(crate) fn a_crash_before_the_commit_loses_and_doubles_nothing(cluster: &Cluster) {
    let points = [
        ("before-flush", Point::BeforeFlush),
        ("after-prepare", Point::AfterPrepare),
        ("before-offsets", Point::BeforeOffsets),
        ("after-offsets", Point::AfterOffsets),
    ];
    for (name, point) in points {
        let status = Job::new(cluster, name).crash_at(point);
        assert_eq!(status.replayed, 0, "{name}: what was not committed is nowhere");
        assert_eq!(status.account.read, 1, "{name}");
    }
}

pub(crate) fn a_crash_after_the_commit_leaves_the_tail_to_replay(cluster: &Cluster) {
    let status = Job::new(cluster, "after-end").crash_at(Point::AfterEnd);
    // The count of the page; how far the task and its two lanes have come.
    assert!((1..10).contains(&status.replayed), "one commit is missing: {}", status.replayed);
    // The commit may have been that of the other partition, which only learnt the time: then the visit is read now.
    assert!(status.account.read <= 1, "the offsets say that the rest was read");
    let status = Job::new(cluster, "after-local").crash_at(Point::AfterLocal);
    assert_eq!(status.replayed, 0, "nothing is missing");
    assert!(status.account.read <= 1, "the offsets say that the rest was read");
    // Nobody knows whether the request has arrived.
    Job::new(cluster, "end-sent").crash_at(Point::EndSent);
}

pub(crate) fn what_is_done_of_a_repartition_topic_is_deleted_and_no_more(cluster: &Cluster) {
    let job = Job::new(cluster, "purge");
    job.produce(0..100);
    let status = job.run_to_end(job.options(Until::End));
    job.produce(100..200);
    let options = job.options(Until::Stopped);
    let stage = stages(&job.topology().queries[0], &options.name).unwrap().pop().unwrap();
    let (source, _) = stage.query.sources().next().unwrap();
    let between = [0, 1].map(|number| TopicPartition::new(source.topic.as_str(), number));
    let application = job.start(options, &Failpoints::default());
    job.wait_for(200);
    let group = format!("{}-{}", job.options(Until::End).name, status[1].name);
    let mut admin = cluster.admin();
    wait_until("what the first run has done is deleted", || {
        let spec = |of: &TopicPartition| (of.clone(), OffsetSpec::Earliest);
        let begins = admin.list_offsets(between.each_ref().map(spec)).unwrap();
        let committed = admin.group_offsets(&group).unwrap();
        between.iter().all(|partition| {
            let (begins, done) = (begins[partition].offset.unwrap(), committed[partition].offset);
            assert!(begins <= done, "{partition} begins at {begins}, and is read from {done} on");
            begins.0 > 0
        })
    });
    application.stop_handle().stop();
    assert!(application.join().iter().all(|(_, result)| result.is_ok()));
    job.produce(200..300);
    job.run_to_end(job.options(Until::End));
    assert_eq!(job.counts(), expected(300));
}
