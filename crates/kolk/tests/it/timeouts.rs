//! Transactions that are open for longer than their time-out: the coordinator aborts them, and their owner goes on.

use crate::cluster::{Cluster, wait_until};
use crate::delivery::{assert_copied, copy, fill, numbered, options};
use kolk::client::admin::Admin;
use kolk::client::offsets::OffsetSpec;
use kolk::runtime::{
    Action, Application, ApplicationOptions, Failpoint, Failpoints, Point, StartError, Until,
};
use kolk::topology::{Delivery, Topology};
use std::sync::Arc;
use std::time::Duration;

fn exactly_once(cluster: &Cluster) -> Topology {
    Topology { queries: vec![copy(cluster, "q", ["in", "out"], Delivery::ExactlyOnce)] }
}

fn with_timeout(cluster: &Cluster, until: Until, ms: &str) -> ApplicationOptions {
    let client = cluster.config.with("transaction.timeout.ms", ms).unwrap();
    ApplicationOptions { client, ..options(cluster, until) }
}

/// Whether nothing is open in the first partition of the topic although something was written there.
fn is_settled(cluster: &Cluster, topic: &str) -> bool {
    let end = |isolation: &str| {
        let config = cluster.config.with("isolation.level", isolation).unwrap();
        let mut admin = Admin::new(&config, Arc::clone(&cluster.clock)).unwrap();
        let partition = cluster.partition(topic, 0);
        admin.list_offsets([(partition.clone(), OffsetSpec::Latest)]).unwrap()[&partition].offset
    };
    let (stable, all) = (end("read_committed"), end("read_uncommitted"));
    all.is_some_and(|all| all.0 > 0) && stable == all
}

pub(crate) fn a_transaction_that_takes_too_long_is_done_again(cluster: &Cluster) {
    fill(cluster, "in", &numbered(300));
    let failpoints = Failpoints::default();
    let (point, action) = (Point::BeforeOffsets, Action::Pause);
    failpoints.arm(Failpoint { point, stage: "q".to_owned(), after: 0, action });
    let application = Application::start_failing(
        &exactly_once(cluster),
        with_timeout(cluster, Until::End, "1000"),
        Arc::clone(&cluster.clock),
        &failpoints,
    );
    let application = application.unwrap();
    wait_until("it stands still with a transaction open", || failpoints.hits() == 1);
    assert!(!is_settled(cluster, "out"), "its transaction is open");
    // Brokers look for such transactions every ten seconds.
    wait_until("the broker has aborted it", || is_settled(cluster, "out"));
    failpoints.disarm();
    let (status, result) = application.join().remove(0);
    assert!(result.is_ok(), "{result:?}");
    assert!(status.account.balances(), "{}", status.account);
    assert_eq!(status.account.delivered, 300);
    assert_eq!(status.rewinds, 1);
    assert_copied(cluster, "in", "out");
}

pub(crate) fn a_time_out_below_the_commit_interval_is_refused(cluster: &Cluster) {
    fill(cluster, "in", &numbered(1));
    let given = with_timeout(cluster, Until::End, "200");
    let options = ApplicationOptions { commit_interval: Duration::from_millis(200), ..given };
    let started = Application::start(&exactly_once(cluster), options, Arc::clone(&cluster.clock));
    let error = started.map(drop).unwrap_err();
    assert!(matches!(error, StartError::Client(_)), "{error:?}");
    let told = error.to_string();
    assert!(told.contains("transaction.timeout.ms = 200 is too short"), "{told}");
}
