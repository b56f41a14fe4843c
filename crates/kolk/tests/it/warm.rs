//! Tasks go back to the instance that has their state on its disk, so that a restart of all reads only tails of changelogs.

use crate::cluster::{Cluster, Given, wait_until};
use crate::delivery::options;
use crate::stages::column;
use kolk::dsl::{Program, Windows, count};
use kolk::runtime::{
    Action, Application, ApplicationOptions, Failpoint, Failpoints, Point, QueryPhase, Until,
};
use kolk::schema::{DataType, Schema};
use kolk::topology::{Format, Source, Topology};
use kolk_broker::BrokerConfig;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const PARTITIONS: i32 = 4;
/// Pages of each partition: what is read of a changelog that was not on the disk is more than that.
const PAGES: i64 = 100;

struct Job {
    cluster: Cluster,
    topology: Topology,
}

impl Job {
    /// Visits of each page in a minute, counted where they lie.
    fn new() -> Self {
        let mut config = BrokerConfig::default();
        // Instances that start together meet in the first generation, as on Apache Kafka.
        config.groups.initial_rebalance_delay_ms = 3000;
        // The visits are of 1970.
        config.topic_defaults.push(("retention.ms".to_owned(), "-1".to_owned()));
        let cluster = Cluster::embedded_with(config);
        cluster.create("visits", PARTITIONS);
        let program = Program::new();
        let source = Source {
            key_format: Format::Kafka,
            key_column: Some(0),
            value_format: Format::Json,
            ..Source::new("visits")
        };
        let columns = vec![column("page", DataType::String), column("n", DataType::Bigint)];
        program
            .stream_of(source, Schema { columns })
            .group_by(["page"])
            .windowed_by(Windows::tumbling(Duration::from_mins(1)))
            .aggregate([count("visits")])
            .to("counts");
        let topology = program.build().unwrap();
        Self { cluster, topology }
    }

    fn start(&self, state: &str, failpoints: &Failpoints) -> Application {
        let of = options(&self.cluster, Until::Stopped);
        let state = self.cluster.folder.path().join(state);
        let client = of.client.with("session.timeout.ms", "6000").unwrap();
        let options = ApplicationOptions { state, client, ..of };
        let clock = Arc::clone(&self.cluster.clock);
        Application::start_failing(&self.topology, options, clock, failpoints).unwrap()
    }

    /// A visit of each of the pages.
    fn produce(&self, pages: i64) {
        let visit = |partition: i32, page: i64| {
            let page = format!("{partition}-{page}");
            (partition, format!(r#"{{"page":"{page}","n":1}}"#), page)
        };
        let visits = (0..PARTITIONS).flat_map(|of| (0..pages).map(move |page| visit(of, page)));
        let visits: Vec<(i32, String, String)> = visits.collect();
        let given = visits.iter().map(|(partition, value, page)| {
            let (key, value) = (Some(page.as_str()), Some(value.as_str()));
            Given { partition: *partition, timestamp: 60_000, key, value, headers: &[] }
        });
        self.cluster.produce_with(&[], "visits", given.collect::<Vec<_>>());
    }

    /// Waits until so many visits of page 0 in each partition are counted and committed.
    fn wait_for(&self, visits: i64, instances: &[&Application]) {
        let expected: BTreeMap<i32, i64> = (0..PARTITIONS).map(|of| (of, visits)).collect();
        wait_until(&format!("{visits} visits are counted"), || {
            for status in instances.iter().flat_map(|instance| instance.status()) {
                assert!(status.phase != QueryPhase::Failed, "{:?}", status.waiting);
            }
            let mut counts = BTreeMap::new();
            for record in self.cluster.read("counts", PARTITIONS) {
                let key = record.key.unwrap_or_default();
                let Some((partition, rest)) = key.split_once('-') else { continue };
                let value: serde_json::Value =
                    serde_json::from_str(&record.value.unwrap_or_default()).unwrap_or_default();
                if rest.starts_with('0') {
                    counts.insert(partition.parse().unwrap(), value["visits"].as_i64().unwrap());
                }
            }
            counts == expected
        });
    }
}

fn owned(application: &Application) -> usize {
    application.status().iter().map(|status| status.partitions).sum()
}

fn replayed(application: &Application) -> u64 {
    application.status().iter().map(|status| status.replayed).sum()
}

#[test]
fn instances_that_were_killed_get_back_the_tasks_whose_state_they_have() {
    let job = Job::new();
    let nothing = Failpoints::default();
    // The first has all tasks, then gives away two; it has their folders still.
    let first = job.start("first", &nothing);
    job.produce(PAGES);
    job.wait_for(1, &[&first]);
    let second = job.start("second", &nothing);
    wait_until("they share the tasks", || owned(&first) == 2 && owned(&second) == 2);
    job.produce(PAGES);
    job.wait_for(2, &[&first, &second]);
    for application in [first, second] {
        application.stop_handle().stop();
        assert!(application.join().iter().all(|(_, result)| result.is_ok()));
    }

    // Both die before a commit, and come back in the other order, when the group has forgotten them.
    let failpoints = [Failpoints::default(), Failpoints::default()];
    let start = |of: &[Failpoints; 2]| {
        let second = job.start("second", &of[1]);
        (job.start("first", &of[0]), second)
    };
    let (first, second) = start(&failpoints);
    wait_until("they share the tasks", || owned(&first) == 2 && owned(&second) == 2);
    let (point, action) = (Point::BeforeOffsets, Action::Panic);
    for failpoints in &failpoints {
        failpoints.arm(Failpoint { point, stage: "counts".to_owned(), after: 0, action });
    }
    job.produce(1);
    wait_until("both are dead", || failpoints.iter().all(|of| of.hits() == 1));
    assert_eq!((replayed(&first), replayed(&second)), (0, 0), "what they had was on their disks");
    drop((first, second));
    let (group, mut admin) = ("app-counts", job.cluster.admin());
    wait_until("the group is empty", || admin.describe_group(group).unwrap().members.is_empty());
    let (first, second) = start(&[Failpoints::default(), Failpoints::default()]);
    job.wait_for(3, &[&first, &second]);
    assert_eq!((owned(&first), owned(&second)), (2, 2));
    let tails = replayed(&first) + replayed(&second);
    assert!(tails < 20, "{tails} entries of changelogs were not on the disk");
}
