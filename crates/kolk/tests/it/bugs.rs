//! Deliberate bugs: each is found by the checks that the other tests rely on, and without one nothing is found.

use crate::cluster::{Cluster, PATIENCE, wait_until};
use crate::delivery::{copy, fill, numbered, options, run_to_end};
use crate::state::wait_for_rest;
use crate::trio::Trio;
use crate::verify::differences;
use kolk::runtime::{
    Action, Application, ApplicationOptions, Bug, Failpoint, Failpoints, Point, Until,
};
use kolk::topology::{Delivery, Topology};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Who found something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Check {
    /// An output is not the oracle's: something is missing, wrong, or there twice.
    Outputs,
    /// Not every record has one fate.
    Books,
    /// State on disk is not the replay of its changelog.
    State,
    /// The engine itself does not go on.
    Stopped,
}

/// What was found, by whom.
type Found = BTreeSet<Check>;

struct Story<'a> {
    trio: Trio<'a>,
    /// Inputs so far.
    visits: i64,
    clicks: i64,
    found: Found,
}

impl<'a> Story<'a> {
    fn new(cluster: &'a Cluster) -> Self {
        Self { trio: Trio::new(cluster), visits: 0, clicks: 0, found: Found::new() }
    }

    fn start(&self, options: ApplicationOptions, failpoints: &Failpoints) -> Application {
        let topology = self.trio.topology();
        let clock = Arc::clone(&self.trio.cluster.clock);
        Application::start_failing(&topology, options, clock, failpoints).unwrap()
    }

    fn more(&mut self) {
        let (visits, clicks) = (self.visits + 60, self.visits + 30);
        self.trio.produce(self.visits..visits, self.clicks..clicks);
        (self.visits, self.clicks) = (visits, clicks);
    }

    /// Runs to the end of more input with this bug, and looks at everything.
    fn run(&mut self, bug: Option<Bug>, state: &str) {
        self.more();
        self.run_to_end(bug, state);
    }

    fn run_to_end(&mut self, bug: Option<Bug>, state: &str) {
        let failpoints = Failpoints::default();
        if let Some(bug) = bug {
            failpoints.plant(bug);
        }
        let state = self.trio.cluster.folder.path().join(state);
        let options = ApplicationOptions { state: state.clone(), ..self.trio.options(Until::End) };
        let application = self.start(options, &failpoints);
        let start = Instant::now();
        while !application.is_finished() {
            let failed =
                application.status().iter().any(|of| of.phase == kolk::runtime::QueryPhase::Failed);
            if failed || start.elapsed() > PATIENCE {
                self.found.insert(Check::Stopped);
                application.stop_handle().stop();
            }
            std::thread::park_timeout(Duration::from_millis(5));
        }
        for (status, result) in application.join() {
            let account = &status.account;
            if result.is_err() {
                self.found.insert(Check::Stopped);
            } else if !account.balances()
                || account.forwarded != account.delivered + account.too_large
            {
                self.found.insert(Check::Books);
            }
        }
        if !self.trio.findings(self.visits, self.clicks).is_empty() {
            self.found.insert(Check::Outputs);
        }
        if !differences(self.trio.cluster, &state).is_empty() {
            self.found.insert(Check::State);
        }
    }

    /// A stage dies at this point of a commit of more input.
    fn crash(&mut self, bug: Option<Bug>, stage: &str, point: Point) {
        let failpoints = Failpoints::default();
        if let Some(bug) = bug {
            failpoints.plant(bug);
        }
        let application = self.start(self.trio.options(Until::Stopped), &failpoints);
        wait_for_rest(&application);
        let stage = self.trio.cluster.name(stage);
        failpoints.arm(Failpoint { point, stage, after: 0, action: Action::Panic });
        self.more();
        wait_until("it dies", || failpoints.hits() == 1);
        application.stop_handle().stop();
        drop(application);
    }
}

/// A run without a bug, one with it, one without that has the local state, one that has not.
fn found(bug: Option<Bug>) -> Vec<Check> {
    let cluster = Cluster::embedded();
    let mut story = Story::new(&cluster);
    story.run(None, "state");
    assert!(story.found.is_empty(), "{:?}", story.found);
    story.run(bug, "state");
    story.run(None, "state");
    story.run(None, "elsewhere");
    story.found.into_iter().collect()
}

#[test]
fn without_a_bug_nothing_is_found() {
    assert_eq!(found(None), []);
}

#[test]
fn a_flush_that_is_skipped_is_found() {
    let found = found(Some(Bug::SkipFlush));
    assert!(found.contains(&Check::Outputs) && found.contains(&Check::Stopped), "{found:?}");
}

#[test]
fn offsets_that_are_not_committed_are_found() {
    let found = found(Some(Bug::SkipOffsets));
    assert!(found.contains(&Check::Stopped), "{found:?}");
}

#[test]
fn changes_that_are_not_in_the_changelog_are_found() {
    let found = found(Some(Bug::SkipChangelog));
    assert!(found.contains(&Check::State) && found.contains(&Check::Stopped), "{found:?}");
}

#[test]
fn a_row_that_is_lost_is_found() {
    let found = found(Some(Bug::LoseRow));
    assert!(found.contains(&Check::Outputs) && found.contains(&Check::Books), "{found:?}");
}

#[test]
fn a_commit_before_the_acknowledgement_is_found() {
    for bug in [None, Some(Bug::CommitUnacknowledged)] {
        let cluster = Cluster::embedded();
        fill(&cluster, "in", &numbered(100));
        let queries = || vec![copy(&cluster, "q", ["in", "out"], Delivery::Idempotent)];
        let failpoints = Failpoints::default();
        if let Some(bug) = bug {
            failpoints.plant(bug);
        }
        let (point, action, after) = (Point::AfterEnd, Action::Panic, 0);
        failpoints.arm(Failpoint { point, stage: "q".to_owned(), after, action });
        // Commits are due long before rows are sent.
        let options = ApplicationOptions {
            client: cluster.config.with("linger.ms", "1000").unwrap(),
            commit_interval: Duration::from_millis(1),
            ..options(&cluster, Until::Stopped)
        };
        let (topology, clock) = (Topology { queries: queries() }, Arc::clone(&cluster.clock));
        let application =
            Application::start_failing(&topology, options, clock, &failpoints).unwrap();
        wait_until("it dies", || failpoints.hits() == 1);
        assert!(application.join().remove(0).1.is_err());
        run_to_end(&cluster, queries());
        let values = |topic: &str| -> BTreeSet<Option<String>> {
            cluster.read(topic, 2).into_iter().map(|record| record.value).collect()
        };
        assert_eq!(values("in").len(), 100);
        assert_eq!(values("out").len() < 100, bug.is_some(), "{bug:?}");
    }
}

#[test]
fn a_state_that_is_ahead_is_given_up_and_forgetting_that_is_found() {
    for bug in [None, Some(Bug::ForgetWipe)] {
        let cluster = Cluster::embedded();
        let mut story = Story::new(&cluster);
        story.run(None, "state");
        story.crash(Some(Bug::LocalFirst), "counts", Point::AfterOffsets);
        story.run_to_end(bug, "state");
        let expected: &[Check] = if bug.is_some() { &[Check::Outputs] } else { &[] };
        let found: Vec<Check> = story.found.into_iter().collect();
        assert!(expected.iter().all(|check| found.contains(check)), "{bug:?}: {found:?}");
        assert_eq!(bug.is_some(), !found.is_empty(), "{bug:?}: {found:?}");
    }
}
