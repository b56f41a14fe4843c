//! Each fault against an embedded broker, with a client that has no idea of retries: what reaches whom.

use super::*;
use crate::foreign::{Wire, read_topic};
use kolk_broker::{Broker, BrokerConfig, BrokerOptions};
use kolk_wire::message::create_topics::{CreatableTopic, CreateTopicsRequest};
use kolk_wire::message::metadata::MetadataRequest;
use kolk_wire::message::produce::{PartitionProduceData, ProduceRequest, TopicProduceData};
use kolk_wire::record::{BatchBuilder, Compression};

struct Rig {
    proxy: Proxy,
    broker: SocketAddr,
    _running: Broker,
    _folder: tempfile::TempDir,
}

/// A broker with topic `t`, and a proxy that does one thing at the first Produce request.
fn rig(action: Action) -> Rig {
    let folder = tempfile::tempdir().unwrap();
    let options = BrokerOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        advertised: None,
        data: folder.path().to_owned(),
        config: BrokerConfig::default(),
    };
    let running = Broker::start(options).unwrap();
    let broker: SocketAddr = running.bootstrap().to_string().parse().unwrap();
    let topic = CreatableTopic {
        name: "t".to_owned(),
        num_partitions: 1,
        replication_factor: 1,
        ..CreatableTopic::default()
    };
    let create = CreateTopicsRequest {
        topics: vec![topic],
        timeout_ms: 5000,
        ..CreateTopicsRequest::default()
    };
    let created = Wire::connect(broker).unwrap().call(&create, 4).unwrap();
    assert!(created.topics.iter().all(|topic| topic.error_code.is_none()), "{created:?}");
    let plan = Plan::new(vec![Planned { api: ApiKey::Produce, nth: 1, action }]);
    let kill = Box::new(|victim| format!("killed {victim:?}"));
    Rig { proxy: Proxy::start(broker, plan, kill), broker, _running: running, _folder: folder }
}

impl Rig {
    /// Sends a record through the proxy; whether the client has an acknowledgement.
    fn produce(&self, value: &str) -> bool {
        let mut batch = BatchBuilder::new(Compression::None);
        batch.push(1, Some(b"k"), Some(value.as_bytes()), &[]).unwrap();
        let data = PartitionProduceData { index: 0, records: Some(batch.finish().freeze().into()) };
        let topic = TopicProduceData {
            name: "t".to_owned(),
            partition_data: vec![data],
            ..TopicProduceData::default()
        };
        let request = ProduceRequest { topic_data: vec![topic], ..ProduceRequest::default() };
        let mut wire = Wire::connect(self.proxy.address()).unwrap();
        wire.give_up_after(Duration::from_millis(400));
        wire.call(&request, 8).is_ok()
    }

    fn values(&self) -> Vec<String> {
        let topic = read_topic(self.broker, "t").unwrap();
        topic[0].iter().map(|record| String::from_utf8(record.value.clone()).unwrap()).collect()
    }

    /// Until the one fault has shown.
    fn settle(&self) {
        let shown = world::wait_for(Duration::from_secs(5), || {
            self.proxy.ledger().without_effect().is_empty().then_some(())
        });
        assert!(shown.is_some(), "{:?}", self.proxy.ledger());
        assert_eq!(self.proxy.ledger().faults.len(), 1);
        assert!(self.proxy.ledger().trouble.is_empty(), "{:?}", self.proxy.ledger());
    }
}

#[test]
fn clients_are_told_the_proxys_address() {
    let rig = rig(Action::SwallowRequest);
    let mut wire = Wire::connect(rig.proxy.address()).unwrap();
    let metadata =
        wire.call(&MetadataRequest { topics: None, ..MetadataRequest::default() }, 9).unwrap();
    let ports: Vec<_> = metadata.brokers.iter().map(|broker| broker.port).collect();
    assert_eq!(ports, [i32::from(rig.proxy.address().port())]);
}

#[test]
fn without_a_fault_everything_passes_once() {
    let rig = rig(Action::SwallowRequest);
    rig.proxy.plan().clear();
    assert!(rig.produce("a") && rig.produce("b"));
    assert_eq!(rig.values(), ["a", "b"]);
    let ledger = rig.proxy.ledger();
    assert_eq!(
        (ledger.faults.len(), ledger.connections, ledger.in_flight_max, ledger.records_max),
        (0, 2, 1, 1)
    );
}

#[test]
fn a_cut_request_does_not_reach_the_broker() {
    let rig = rig(Action::CutRequest { thousandths: 999 });
    assert!(!rig.produce("a"));
    assert_eq!(rig.proxy.ledger().without_effect().len(), 1, "nobody has come back yet");
    assert!(rig.produce("b"));
    assert_eq!(rig.values(), ["b"]);
    rig.settle();
}

#[test]
fn a_cut_response_is_to_a_request_that_counts() {
    let rig = rig(Action::CutResponse { thousandths: 500 });
    assert!(!rig.produce("a") && rig.produce("b"));
    assert_eq!(rig.values(), ["a", "b"]);
    rig.settle();
}

#[test]
fn half_open_connections_say_nothing() {
    for (action, values) in
        [(Action::SwallowRequest, &["b"][..]), (Action::SwallowResponse, &["a", "b"][..])]
    {
        let rig = rig(action);
        let start = world::now();
        assert!(!rig.produce("a"));
        assert!(start.elapsed() >= Duration::from_millis(400), "the client was told something");
        assert!(rig.produce("b"));
        assert_eq!(rig.values(), values);
        rig.settle();
    }
}

#[test]
fn delays_are_no_more_than_that() {
    for action in [Action::DelayRequest { ms: 150 }, Action::DelayResponse { ms: 150 }] {
        let rig = rig(action);
        let start = world::now();
        assert!(rig.produce("a"));
        assert!(start.elapsed() >= Duration::from_millis(150));
        assert_eq!(rig.values(), ["a"]);
        rig.settle();
    }
}

#[test]
fn what_comes_late_comes_after_what_was_sent_later() {
    let rig = rig(Action::Late { ms: 200 });
    assert!(!rig.produce("a") && rig.produce("b"));
    rig.settle();
    assert_eq!(rig.values(), ["b", "a"]);
}

#[test]
fn doubles_reach_the_broker_twice() {
    let rig = rig(Action::Double);
    assert!(rig.produce("a"));
    assert_eq!(rig.values(), ["a", "a"]);
    rig.settle();
}

#[test]
fn kills_happen_before_within_and_after() {
    for (moment, values) in [
        (Moment::BeforeRequest, &["b"][..]),
        (Moment::AfterRequest, &["a", "b"][..]),
        (Moment::AtResponse, &["a", "b"][..]),
    ] {
        let rig = rig(Action::Kill { victim: Victim::Kolk, moment });
        rig.produce("a");
        assert!(rig.produce("b"));
        assert_eq!(rig.values(), values, "{moment:?}");
        rig.settle();
        assert!(rig.proxy.ledger().faults[0].seen.contains(&"killed Kolk".to_owned()));
    }
}
