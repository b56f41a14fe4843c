//! Looking after topics, settings, offsets and groups.

use crate::cluster::{Cluster, Given, wait_until};
use crate::delivery::{copy, fill, numbered, options};
use kolk::client::Offset;
use kolk::client::admin::{ConfigChange, ConfigSource, Internal, NewTopic, Resource, TopicSize};
use kolk::client::error::ClientError;
use kolk::client::offsets::OffsetSpec;
use kolk::runtime::{Application, Until};
use kolk::time::Timestamp;
use kolk::topology::{Delivery, Topology};
use kolk_wire::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::sync::Arc;

/// The code with which the cluster refused.
fn code<T: Debug>(result: Result<T, ClientError>) -> ErrorCode {
    let error = result.unwrap_err();
    error.code().unwrap_or_else(|| panic!("no code: {error}"))
}

pub(crate) fn topics_are_created_described_grown_and_deleted(cluster: &Cluster) {
    let mut admin = cluster.admin();
    let name = cluster.name("made");
    let topic = NewTopic::new(&name, 2).with("cleanup.policy", "compact");
    admin.create_topic(&topic).unwrap();
    // A topic can be seen as soon as it is made.
    let described = admin.describe_topic(&name).unwrap();
    assert_eq!(described.partitions.len(), 2);
    assert_ne!(described.id, kolk_wire::wire::Uuid::default());
    assert!(described.partitions.iter().all(|it| it.leader.is_some() && it.in_sync.len() == 1));
    let listed = admin.list_topics(Internal::Hidden).unwrap();
    let listed = listed.iter().find(|it| it.name == name).unwrap();
    assert_eq!((listed.partitions, listed.replicas, listed.id), (2, 1, described.id));
    assert_eq!(code(admin.create_topic(&topic)), ErrorCode::TOPIC_ALREADY_EXISTS);
    admin.grow_topic(&name, 4).unwrap();
    wait_until("the topic has 4 partitions", || {
        admin.describe_topic(&name).unwrap().partitions.len() == 4
    });
    assert_eq!(code(admin.grow_topic(&name, 3)), ErrorCode::INVALID_PARTITIONS);
    admin.delete_topic(&name).unwrap();
    assert_eq!(admin.find_topic(&name).unwrap(), None, "it is gone as soon as it is deleted");
    assert_eq!(code(admin.delete_topic(&name)), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    assert_eq!(code(admin.describe_topic(&name)), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let size = TopicSize { partitions: Some(1), replicas: Some(3) };
    let large = NewTopic { size, ..NewTopic::new(cluster.name("large"), 1) };
    assert_eq!(code(admin.create_topic(&large)), ErrorCode::INVALID_REPLICATION_FACTOR);
    let unknown = NewTopic::new(cluster.name("unknown"), 1).with("cleanup.polic", "compact");
    assert_eq!(code(admin.create_topic(&unknown)), ErrorCode::INVALID_CONFIG);
    let named = NewTopic::new("not/a/name", 1);
    assert_eq!(code(admin.create_topic(&named)), ErrorCode::INVALID_TOPIC_EXCEPTION);
}

pub(crate) fn settings_are_changed_and_removed(cluster: &Cluster) {
    cluster.create("in", 1);
    let mut admin = cluster.admin();
    let topic = Resource::Topic(cluster.name("in"));
    let set =
        |name: &str, value: &str| ConfigChange::Set { name: name.into(), value: value.into() };
    let changes = [set("retention.ms", "1234567"), set("max.message.bytes", "2000")];
    admin.alter_configs(&topic, &changes).unwrap();
    let mut wait_for = |name: &str, value: &str, source: ConfigSource| {
        wait_until(&format!("{name} is {value}"), || {
            let entries = admin.describe_configs(&topic).unwrap();
            let entry = entries.into_iter().find(|entry| entry.name == name).unwrap();
            entry.value.as_deref() == Some(value) && entry.source == source
        });
    };
    wait_for("retention.ms", "1234567", ConfigSource::Topic);
    wait_for("max.message.bytes", "2000", ConfigSource::Topic);
    let mut admin = cluster.admin();
    let remove = ConfigChange::Remove { name: "retention.ms".into() };
    let append = ConfigChange::Append { name: "cleanup.policy".into(), value: "compact".into() };
    admin.alter_configs(&topic, &[remove, append]).unwrap();
    wait_for("retention.ms", "604800000", ConfigSource::Default);
    wait_for("cleanup.policy", "delete,compact", ConfigSource::Topic);
    wait_for("max.message.bytes", "2000", ConfigSource::Topic);
    let bad = admin.alter_configs(&topic, &[set("retention.ms", "soon")]);
    assert_eq!(code(bad), ErrorCode::INVALID_CONFIG);
    let missing = Resource::Topic(cluster.name("missing"));
    assert_eq!(code(admin.describe_configs(&missing)), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
    let node = *admin.describe_cluster().unwrap().nodes.keys().next().unwrap();
    let entries = admin.describe_configs(&Resource::Broker(node)).unwrap();
    assert!(entries.iter().any(|entry| entry.name == "log.retention.hours"), "{entries:?}");
}

pub(crate) fn offsets_are_found_by_time_and_records_deleted(cluster: &Cluster) {
    cluster.create("in", 2);
    let given =
        |timestamp| Given { partition: 0, timestamp, key: None, value: Some("v"), headers: &[] };
    cluster.produce_with(&[], "in", [1_000, 3_000, 2_000].map(given));
    let (first, second) = (cluster.partition("in", 0), cluster.partition("in", 1));
    let mut admin = cluster.admin();
    let mut find = |spec: OffsetSpec| {
        let found = admin.list_offsets([(first.clone(), spec), (second.clone(), spec)]).unwrap();
        [&first, &second].map(|partition| found[partition].offset.map(|offset| offset.0))
    };
    assert_eq!(find(OffsetSpec::Earliest), [Some(0), Some(0)]);
    assert_eq!(find(OffsetSpec::Latest), [Some(3), Some(0)]);
    assert_eq!(find(OffsetSpec::From(Timestamp(1_500))), [Some(1), None]);
    assert_eq!(find(OffsetSpec::From(Timestamp(3_001))), [None, None]);
    assert_eq!(find(OffsetSpec::MaxTimestamp), [Some(1), None]);
    assert_eq!(cluster.admin().delete_records(&first, Offset(2)).unwrap(), Offset(2));
    assert_eq!(find(OffsetSpec::Earliest), [Some(2), Some(0)]);
    let mut admin = cluster.admin();
    assert_eq!(code(admin.delete_records(&first, Offset(4))), ErrorCode::OFFSET_OUT_OF_RANGE);
    assert_eq!(cluster.read("in", 2).len(), 1);
    let missing = [(cluster.partition("in", 7), OffsetSpec::Latest)];
    assert_eq!(code(admin.list_offsets(missing)), ErrorCode::UNKNOWN_TOPIC_OR_PARTITION);
}

pub(crate) fn groups_are_listed_described_moved_and_deleted(cluster: &Cluster) {
    fill(cluster, "in", &numbered(40));
    let topology =
        Topology { queries: vec![copy(cluster, "q", ["in", "out"], Delivery::ExactlyOnce)] };
    let (options, clock) = (options(cluster, Until::Stopped), Arc::clone(&cluster.clock));
    let application = Application::start(&topology, options, clock).unwrap();
    let (group, mut admin) = (cluster.name("app-q"), cluster.admin());
    wait_until("40 records are committed", || {
        let offsets = admin.group_offsets(&group).unwrap();
        offsets.values().map(|offset| offset.offset.0).sum::<i64>() == 40
    });
    let described = admin.describe_group(&group).unwrap();
    assert_eq!(described.state, "Stable");
    let [member] = described.members.as_slice() else { panic!("{described:?}") };
    assert_eq!(member.assignment, [cluster.partition("in", 0), cluster.partition("in", 1)]);
    assert!(member.instance_id.is_some());
    let start: BTreeMap<_, _> = [(cluster.partition("in", 0), Offset(0))].into();
    assert_eq!(code(admin.set_group_offsets(&group, &start)), ErrorCode::UNKNOWN_MEMBER_ID);
    assert_eq!(code(admin.delete_group(&group)), ErrorCode::NON_EMPTY_GROUP);
    application.stop_handle().stop();
    assert!(application.join().iter().all(|(_, result)| result.is_ok()));
    let listed = admin.list_groups().unwrap();
    let listed = listed.iter().find(|listed| listed.id == group).unwrap();
    assert_eq!((listed.state.as_str(), listed.protocol_type.as_str()), ("Empty", "consumer"));
    admin.set_group_offsets(&group, &start).unwrap();
    assert_eq!(admin.group_offsets(&group).unwrap()[&cluster.partition("in", 0)].offset, Offset(0));
    let second = BTreeSet::from([cluster.partition("in", 1)]);
    admin.delete_group_offsets(&group, &second).unwrap();
    assert!(admin.group_offsets(&group).unwrap().keys().eq(start.keys()));
    admin.delete_group(&group).unwrap();
    assert!(admin.group_offsets(&group).unwrap().is_empty());
    assert_eq!(code(admin.delete_group(&group)), ErrorCode::GROUP_ID_NOT_FOUND);
}
