//! State whose topics are not what they were: the query stops and says so, and nothing wrong is written.

use crate::cluster::{Cluster, wait_until};
use crate::state::{Job, expected, wait_for_rest};
use crate::state_files::copy_folder;
use crate::verify::differences;
use kolk::client::admin::Internal;
use kolk::client::{Offset, TopicPartition};
use kolk::runtime::{Application, ApplicationOptions, Failpoints, QueryStatus, Until};
use kolk::state::local::{read_folder, task_folders};
use std::sync::Arc;

/// The topics that the second stage reads or keeps its state in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Topic {
    Input,
    Repartition,
    Counts,
    Time,
}

use Topic::{Counts, Input, Repartition, Time};

/// What becomes of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Recreated,
    Grown,
}

impl Job<'_> {
    /// What a topic is really called.
    fn real(&self, topic: Topic) -> String {
        let (application, stage) =
            (self.options(Until::End).name, self.cluster.name(&self.topic("counts")));
        let ends = match topic {
            Input => return self.cluster.name(&self.topic("visits")),
            Repartition => "-repartition",
            Counts => "-aggregate-1-changelog",
            Time => "-time-changelog",
        };
        let all = self.cluster.admin().list_topics(Internal::Hidden).unwrap();
        let own = |name: &String| name.starts_with(&format!("{application}-{stage}"));
        let mut names: Vec<String> = all.into_iter().map(|topic| topic.name).filter(own).collect();
        names.sort();
        // Stages before the last have names that go on behind the query's.
        let last = format!("{application}-{stage}{ends}");
        let found = names.iter().find(|name| **name == last);
        let found = found.or_else(|| names.iter().find(|name| name.ends_with(ends)));
        found.unwrap_or_else(|| panic!("no {ends} in {names:?}")).clone()
    }

    fn change(&self, topic: Topic, change: Change) -> String {
        let (name, mut admin) = (self.real(topic), self.cluster.admin());
        match change {
            Change::Recreated => {
                admin.delete_topic(&name).unwrap();
                admin.create_topic(&kolk::client::admin::NewTopic::new(&name, 2)).unwrap();
            }
            Change::Grown => {
                admin.grow_topic(&name, 3).unwrap();
                wait_until("the topic has grown", || {
                    admin.describe_topic(&name).unwrap().partitions.len() == 3
                });
            }
        }
        name
    }

    /// Starts the job, or runs it to its end; what it says of the topics.
    fn refusal(&self, options: ApplicationOptions) -> String {
        let clock = Arc::clone(&self.cluster.clock);
        match Application::start(&self.topology(), options, clock) {
            Err(error) => error.to_string(),
            Ok(application) => {
                // Others wait for the stage that stops.
                wait_until(&format!("a stage of {} stops", self.name), || {
                    let failed = |of: &QueryStatus| of.phase == kolk::runtime::QueryPhase::Failed;
                    application.status().iter().any(failed)
                });
                first_error(application)
            }
        }
    }

    /// The error names the topic and says what to do, and no count is wrong: all are of the first 100 visits, and of those behind
    /// them at most `seen`.
    fn check(&self, error: &str, topic: &str, (seen, what): (i64, &str)) {
        assert!(error.contains(topic) && error.contains("kolk reset"), "{what}: {error}");
        let (counts, least, most) = (self.counts(), expected(100), expected(100 + seen));
        let right = |(page, count): (&String, &i64)| least[page] <= *count && *count <= most[page];
        assert!(counts.len() == 40 && counts.iter().all(right), "{what}: {counts:?}");
    }

    /// Neither this machine nor one that has nothing of the state on its disk goes on, however often it is tried.
    fn check_starts(&self, topic: &str, (seen, what): (i64, &str)) {
        self.check(&self.refusal(self.options(Until::End)), topic, (seen, what));
        let state = self.cluster.folder.path().join("elsewhere");
        for _ in 0..2 {
            let options = ApplicationOptions { state: state.clone(), ..self.options(Until::End) };
            self.check(&self.refusal(options), "", (seen, what));
        }
    }
}

fn first_error(application: Application) -> String {
    application.stop_handle().stop();
    let errors = application.join().into_iter().filter_map(|(_, result)| result.err());
    errors.map(|error| error.to_string()).next().unwrap_or_default()
}

/// A client that looks at its topics often.
fn watchful(options: ApplicationOptions) -> ApplicationOptions {
    let client = options.client.with("metadata.max.age.ms", "200").unwrap();
    ApplicationOptions { client, ..options }
}

fn under_the_running_job(cluster: &Cluster, change: Change, cases: &[(&'static str, Topic)]) {
    for (name, topic) in cases {
        let job = Job::new(cluster, name);
        let options = watchful(job.options(Until::Stopped));
        let application = job.start(options, &Failpoints::default());
        job.produce(0..100);
        job.wait_for(100);
        wait_for_rest(&application);
        let changed = job.change(*topic, change);
        job.produce(100..140);
        wait_until(&format!("a stage of {name} stops by itself"), || {
            let failed = |of: &QueryStatus| of.phase == kolk::runtime::QueryPhase::Failed;
            application.status().iter().any(failed)
        });
        // The state in memory is whole: what is counted before the stage hears of it is right, unless its input is another one.
        let seen = if (*topic, change) == (Input, Change::Recreated) { 0 } else { 40 };
        let what = format!("{topic:?} {change:?}");
        job.check(&first_error(application), &changed, (seen, &what));
        job.check_starts(&changed, (seen, &what));
    }
}

fn while_nothing_runs(cluster: &Cluster, change: Change, cases: &[(&'static str, Topic)]) {
    for (name, topic) in cases {
        let job = Job::new(cluster, name);
        job.produce(0..100);
        job.run_to_end(job.options(Until::End));
        let changed = job.change(*topic, change);
        job.produce(100..140);
        job.check_starts(&changed, (0, &format!("{topic:?} {change:?}")));
    }
}

pub(crate) fn a_topic_that_is_created_again_under_state_stops_the_query(cluster: &Cluster) {
    let cases = [("r-in", Input), ("r-rep", Repartition), ("r-counts", Counts), ("r-time", Time)];
    under_the_running_job(cluster, Change::Recreated, &cases);
}

pub(crate) fn a_topic_that_grows_under_state_stops_the_query(cluster: &Cluster) {
    let cases = [("g-in", Input), ("g-rep", Repartition), ("g-counts", Counts)];
    under_the_running_job(cluster, Change::Grown, &cases);
}

pub(crate) fn a_topic_that_was_created_again_is_noticed_at_the_start(cluster: &Cluster) {
    let cases =
        [("dr-in", Input), ("dr-rep", Repartition), ("dr-counts", Counts), ("dr-time", Time)];
    while_nothing_runs(cluster, Change::Recreated, &cases);
}

pub(crate) fn a_topic_that_has_grown_is_noticed_at_the_start(cluster: &Cluster) {
    let cases = [("dg-in", Input), ("dg-rep", Repartition), ("dg-counts", Counts)];
    while_nothing_runs(cluster, Change::Grown, &cases);
}

pub(crate) fn retention_that_overtakes_a_query_with_state_follows_the_policy(cluster: &Cluster) {
    for policy in ["none", "earliest"] {
        let job = Job::new(cluster, policy);
        job.produce(0..100);
        job.run_to_end(job.options(Until::End));
        job.produce(100..200);
        // Each partition had 50 visits and has 100; those of both up to 80 are gone, 30 of which nobody has read.
        for partition in 0..2 {
            let partition = cluster.partition(&job.topic("visits"), partition);
            cluster.admin().delete_records(&partition, Offset(80)).unwrap();
        }
        let options = job.options(Until::End);
        let client = options.client.with("auto.offset.reset", policy).unwrap();
        let options = ApplicationOptions { client, ..options };
        if policy == "none" {
            let error = job.refusal(options);
            assert!(
                error.contains("offset 50 of") && error.contains("kolk group reset"),
                "{error}"
            );
            assert_eq!(job.counts(), expected(100), "nothing is written");
            continue;
        }
        let status = job.run_to_end(options).remove(0);
        assert_eq!(status.passed_over, 60, "{:?}", status.notices);
        assert_eq!(status.account.read, 40);
        let told = |partition: i32| {
            let partition = cluster.partition(&job.topic("visits"), partition);
            let what = format!("offset 50 of {partition} is not there any more");
            status.notices.iter().any(|notice| notice.starts_with(&what))
        };
        assert!(told(0) && told(1), "{:?}", status.notices);
        // Visits 160 to 199 are left: one more of each page.
        let expected = expected(100).into_iter().map(|(page, count)| (page, count + 1));
        assert_eq!(job.counts(), expected.collect());
    }
}

/// How far the local state has read the changelog of the counts, by partition.
fn positions(job: &Job<'_>) -> Vec<(i32, Offset)> {
    let folders = task_folders(&job.options(Until::End).state).unwrap();
    let contents = folders.iter().filter_map(|folder| read_folder(folder).unwrap());
    let stage = job.cluster.name(&job.topic("counts"));
    let of_stage = contents.filter(|of| of.layout.stage == stage);
    let positions = of_stage.map(|of| {
        let counts = of.positions.iter().find(|(store, _)| store.ends_with("-aggregate-1"));
        (of.layout.partition, Offset(*counts.unwrap().1))
    });
    positions.collect()
}

pub(crate) fn a_changelog_that_lost_records_is_noticed_where_they_are_missed(cluster: &Cluster) {
    let job = Job::new(cluster, "lost");
    let folder = |name: &str| cluster.folder.path().join(name);
    let run = |state: &str| {
        let options = ApplicationOptions { state: folder(state), ..job.options(Until::End) };
        job.run_to_end(options)
    };
    let delete = |up_to: &[(i32, Offset)]| {
        for (partition, offset) in up_to {
            let changelog = TopicPartition::new(job.real(Counts).as_str(), *partition);
            cluster.admin().delete_records(&changelog, *offset).unwrap();
        }
    };
    job.produce(0..60);
    run("state");
    copy_folder(&folder("state"), &folder("older"));
    job.produce(60..100);
    run("state");
    let before = positions(&job);
    assert_eq!(before.len(), 2);
    job.produce(100..140);
    run("state");

    // Every count was written again since: what is left is all that is needed.
    delete(&before);
    job.produce(140..150);
    let status = run("older");
    let begins = |notice: &String| notice.contains("whose changelog begins at");
    assert!(status.iter().any(|of| of.notices.iter().any(begins)), "{:?}", status[1].notices);
    assert_eq!(job.counts(), expected(150));
    assert_eq!(differences(cluster, &folder("older")), [""; 0]);
    run("state");
    delete(&positions(&job));
    job.produce(150..160);
    run("state");
    assert_eq!(job.counts(), expected(160), "nothing was missing here");

    // Who has nothing of it on disk would count on from too little.
    job.produce(160..170);
    let options = ApplicationOptions { state: folder("new"), ..job.options(Until::End) };
    for _ in 0..2 {
        let error = job.refusal(options.clone());
        assert!(error.contains("records of its changelogs were deleted"), "{error}");
        assert!(error.contains("kolk reset"), "{error}");
    }
    assert_eq!(job.counts(), expected(160), "nothing is written");
    run("state");
    assert_eq!(job.counts(), expected(170), "who has all of it goes on");
}
