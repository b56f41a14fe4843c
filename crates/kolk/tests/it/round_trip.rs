//! What is produced is what is read.

use crate::cluster::{Cluster, Given, Seen};

/// Records with everything that a record may have or lack.
fn given() -> Vec<Given<'static>> {
    let headers: &[(&str, Option<&str>)] =
        &[("h", Some("1")), ("h", Some("2")), ("empty", Some("")), ("null", None)];
    let record =
        |timestamp, key, value, headers| Given { partition: 1, timestamp, key, value, headers };
    vec![
        record(1_709_351_555_677, Some("k"), Some("v"), headers),
        record(1_709_351_555_670, None, Some("no key"), &[]),
        record(1_709_351_555_671, Some("tombstone"), None, &[]),
        record(1_709_351_555_672, Some(""), Some(""), &[]),
        record(1_709_351_555_673, None, None, &[("only", Some("a header"))]),
    ]
}

fn assert_seen(seen: &[Seen], given: &[Given<'_>]) {
    assert_eq!(seen.len(), given.len());
    for (offset, (seen, given)) in seen.iter().zip(given).enumerate() {
        assert_eq!(seen.offset, offset as i64);
        assert_eq!((seen.partition, seen.timestamp), (given.partition, given.timestamp));
        assert_eq!((seen.key.as_deref(), seen.value.as_deref()), (given.key, given.value));
        let headers = seen.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        assert!(headers.eq(given.headers.iter().copied()), "{seen:?}");
    }
}

pub(crate) fn records_come_back_as_they_were_produced(cluster: &Cluster) {
    for codec in ["none", "gzip", "snappy", "lz4", "zstd"] {
        cluster.create(codec, 2);
        cluster.produce_with(&[("compression.type", codec)], codec, given());
        assert_seen(&cluster.read(codec, 2), &given());
    }
}

pub(crate) fn every_level_of_acknowledgement_delivers(cluster: &Cluster) {
    for acks in ["0", "1", "all"] {
        let topic = format!("acks-{acks}");
        cluster.create(&topic, 2);
        // With acks=0 nothing tells of a leader that is not ready yet, so the topic is used before.
        cluster.produce_with(&[], &topic, given());
        let idempotence = ("enable.idempotence", if acks == "all" { "true" } else { "false" });
        cluster.produce_with(&[("acks", acks), idempotence], &topic, given());
        crate::cluster::wait_until("both rounds are there", || cluster.read(&topic, 2).len() == 10);
        let again: Vec<Given<'_>> = given().into_iter().chain(given()).collect();
        assert_seen(&cluster.read(&topic, 2), &again);
    }
}
