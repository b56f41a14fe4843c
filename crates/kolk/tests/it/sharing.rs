//! Instances of one application share its partitions, and come and go without loss or duplicate.

use crate::cluster::{Cluster, wait_until};
use crate::delivery::{assert_copied, copy, fill, numbered, options};
use kolk::runtime::{Application, Until};
use kolk::topology::{Delivery, Topology};
use std::sync::Arc;
use std::time::Duration;

fn start(cluster: &Cluster, topology: &Topology) -> Application {
    Application::start(topology, options(cluster, Until::Stopped), Arc::clone(&cluster.clock))
        .unwrap()
}

fn partitions(application: &Application) -> usize {
    application.status().iter().map(|status| status.partitions).sum()
}

pub(crate) fn a_second_instance_takes_its_share_and_the_first_takes_it_back(cluster: &Cluster) {
    let records = numbered(900);
    fill(cluster, "in", &records[..300]);
    let topology =
        Topology { queries: vec![copy(cluster, "q", ["in", "out"], Delivery::ExactlyOnce)] };
    let first = start(cluster, &topology);
    wait_until("the first instance owns both partitions", || partitions(&first) == 2);
    let second = start(cluster, &topology);
    wait_until("each instance owns one partition", || {
        partitions(&first) == 1 && partitions(&second) == 1
    });
    let produce = |from: usize, to: usize| {
        let records = records[from..to].iter();
        cluster.produce("in", 2, records.map(|(key, value)| (key.as_str(), value.as_str())));
    };
    produce(300, 600);
    wait_until("600 records are delivered", || {
        first.account().delivered + second.account().delivered >= 600
    });
    first.stop_handle().stop();
    let first = first.join();
    assert!(first.iter().all(|(_, result)| result.is_ok()), "{first:?}");
    wait_until("the second instance owns both partitions", || partitions(&second) == 2);
    produce(600, 900);
    let delivered = first[0].0.account.delivered;
    wait_until("900 records are delivered", || delivered + second.account().delivered >= 900);
    second.stop_handle().stop();
    assert!(second.join().iter().all(|(_, result)| result.is_ok()));
    assert_copied(cluster, "in", "out");
}

pub(crate) fn a_slow_query_hands_over_what_it_holds_back(cluster: &Cluster) {
    fill(cluster, "in", &numbered(600));
    let delivery = Delivery::Individual { pause: Duration::from_millis(5) };
    let topology = Topology { queries: vec![copy(cluster, "q", ["in", "out"], delivery)] };
    let first = start(cluster, &topology);
    wait_until("the first instance delivers", || first.account().delivered >= 10);
    let second = start(cluster, &topology);
    let delivered = || first.account().delivered + second.account().delivered;
    wait_until("600 records are delivered", || delivered() >= 600);
    let accounts = [first, second].map(|application| {
        application.stop_handle().stop();
        let (status, result) = application.join().remove(0);
        assert!(result.is_ok() && status.account.balances(), "{result:?} {}", status.account);
        status.account
    });
    assert!(accounts.iter().all(|account| account.delivered > 0), "{accounts:?}");
    assert!(accounts.iter().all(|account| account.forwarded == account.delivered), "{accounts:?}");
    assert_copied(cluster, "in", "out");
}

pub(crate) fn instances_that_start_together_agree_on_new_topics(cluster: &Cluster) {
    fill(cluster, "in", &numbered(50));
    let query = |name: &str| copy(cluster, name, ["in", name], Delivery::ExactlyOnce);
    let topology = Topology { queries: ["a", "b", "c", "d"].map(query).into() };
    // The second finds topics that the first has created and that brokers do not know of yet.
    let applications: Vec<Application> = std::thread::scope(|scope| {
        let starting: Vec<_> = (0..3).map(|_| scope.spawn(|| start(cluster, &topology))).collect();
        starting.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    // Committed, not only delivered: what is delivered while partitions move may be taken back.
    let mut admin = cluster.admin();
    for name in ["a", "b", "c", "d"] {
        let group = cluster.name(&format!("app-{name}"));
        wait_until("each query commits 50 records", || {
            let offsets = admin.group_offsets(&group).unwrap();
            offsets.values().map(|offset| offset.offset.0).sum::<i64>() == 50
        });
    }
    for application in applications {
        application.stop_handle().stop();
        assert!(application.join().iter().all(|(_, result)| result.is_ok()));
    }
    for name in ["a", "b", "c", "d"] {
        assert_copied(cluster, "in", name);
    }
}
