//! The network against a broker played by the test, over real sockets.

use super::*;
use crate::client::fake_broker::{FakeBroker, Reply};
use crate::time::{ManualClock, SystemClock};
use kolk_wire::ErrorCode;
use kolk_wire::message::api_versions::{
    ApiVersion, ApiVersionsRequest, ApiVersionsResponse, FinalizedFeatureKey,
};
use kolk_wire::message::metadata::{
    MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponseTopic,
};
use kolk_wire::message::produce::ProduceRequest;
use kolk_wire::message::sasl_authenticate::{SaslAuthenticateRequest, SaslAuthenticateResponse};
use kolk_wire::message::sasl_handshake::{SaslHandshakeRequest, SaslHandshakeResponse};

const PATIENCE: Duration = Duration::from_secs(10);

fn network(bootstrap: &str, properties: &[(&str, &str)]) -> Network {
    let base = [
        ("bootstrap.servers", bootstrap),
        ("reconnect.backoff.ms", "10"),
        ("bootstrap.timeout.ms", "500"),
    ];
    let config = ClientConfig::from_properties(base.iter().chain(properties).copied()).unwrap();
    Network::new(&config, Arc::new(SystemClock::new())).unwrap()
}

fn outcome<R: Request>(
    network: &mut Network,
    ticket: &Ticket<R>,
) -> Result<R::Response, RequestError> {
    let end = network.now() + PATIENCE;
    loop {
        if let Some(outcome) = network.take(ticket) {
            return outcome;
        }
        assert!(network.now() < end, "no outcome in time");
        network.poll(Duration::from_millis(100));
    }
}

fn ask(network: &mut Network, to: &Target) -> Result<MetadataResponse, RequestError> {
    let ticket = network.send(to, Lane::Control, MetadataRequest::default());
    outcome(network, &ticket)
}

fn cluster(id: &str) -> MetadataResponse {
    MetadataResponse { cluster_id: Some(id.to_owned()), ..MetadataResponse::default() }
}

/// A broker that answers each Metadata request with its number, from 0.
fn counting() -> FakeBroker {
    let mut count = 0;
    FakeBroker::start(move |call| {
        (call.api == ApiKey::Metadata).then(|| {
            count += 1;
            call.reply::<MetadataRequest>(&cluster(&(count - 1).to_string()))
        })
    })
}

#[test]
fn requests_on_one_connection_are_pipelined_and_answered_in_order() {
    let fake = counting();
    let mut network = network(&fake.broker.to_string(), &[]);
    let to = Target::Address(fake.broker.clone());
    let tickets: Vec<_> =
        (0..50).map(|_| network.send(&to, Lane::Control, MetadataRequest::default())).collect();
    for (at, ticket) in tickets.iter().enumerate() {
        assert_eq!(outcome(&mut network, ticket).unwrap().cluster_id, Some(at.to_string()));
    }
    assert_eq!(fake.log()[0], (ApiKey::Metadata, MetadataRequest::MAX_VERSION));
}

#[test]
fn lanes_do_not_wait_for_each_other() {
    let fake = FakeBroker::start(|call| {
        (call.connection == 1).then(|| match call.api {
            ApiKey::Metadata => call.reply::<MetadataRequest>(&cluster("c")),
            _ => call.reply::<ApiVersionsRequest>(&call.everything()),
        })
    });
    let mut network = network(&fake.broker.to_string(), &[]);
    let to = Target::Address(fake.broker.clone());
    let slow = network.send(&to, Lane::Fetch, MetadataRequest::default());
    while fake.log().is_empty() {
        network.poll(Duration::from_millis(10));
    }
    let fast = network.send(&to, Lane::Control, MetadataRequest::default());
    assert!(outcome(&mut network, &fast).is_ok());
    assert!(network.take(&slow).is_none());
}

#[test]
fn a_broker_that_does_not_know_our_api_versions_is_asked_again_at_its_own() {
    let old = |version| ApiVersionsResponse {
        error_code: if version > 2 { ErrorCode::UNSUPPORTED_VERSION } else { ErrorCode::NONE },
        api_keys: vec![
            ApiVersion { api_key: ApiKey::ApiVersions as i16, min_version: 0, max_version: 2 },
            ApiVersion { api_key: ApiKey::Metadata as i16, min_version: 0, max_version: 5 },
        ],
        ..ApiVersionsResponse::default()
    };
    let fake = FakeBroker::start(move |call| {
        Some(match call.api {
            ApiKey::ApiVersions if call.version > 2 => {
                call.reply_at::<ApiVersionsRequest>(0, &old(call.version))
            }
            ApiKey::ApiVersions => call.reply::<ApiVersionsRequest>(&old(call.version)),
            _ => call.reply::<MetadataRequest>(&cluster("old")),
        })
    });
    let mut network = network(&fake.broker.to_string(), &[]);
    network.learn_node(7, fake.broker.clone());
    assert!(ask(&mut network, &Target::Node(7)).is_ok());
    assert_eq!(fake.log(), [(ApiKey::Metadata, 5)]);
    assert_eq!(network.served_versions(7, ApiKey::Metadata), Some(0..=5));
    let to = Target::Node(7);
    let ticket = network.send(&to, Lane::Control, ProduceRequest::default());
    let error = outcome(&mut network, &ticket).unwrap_err();
    assert!(
        matches!(error, RequestError::Unsupported { api: ApiKey::Produce, theirs: None, .. }),
        "{error}"
    );
    let newer = SendOptions { versions: 6..=i16::MAX, ..SendOptions::default() };
    let ticket = network.send_with(&to, Lane::Control, newer, |_| MetadataRequest::default());
    assert!(matches!(
        outcome(&mut network, &ticket),
        Err(RequestError::Unsupported { min: 6, .. })
    ));
}

#[test]
fn features_of_the_cluster_are_known_once_connected() {
    let fake = FakeBroker::start(|call| match call.api {
        ApiKey::ApiVersions => {
            let name = "transaction.version".to_owned();
            let finalized_features =
                vec![FinalizedFeatureKey { name, max_version_level: 2, min_version_level: 0 }];
            Some(call.reply::<ApiVersionsRequest>(&ApiVersionsResponse {
                finalized_features,
                ..call.everything()
            }))
        }
        _ => Some(call.reply::<MetadataRequest>(&cluster("c"))),
    });
    let mut network = network(&fake.broker.to_string(), &[]);
    assert_eq!(network.finalized_feature(None, "transaction.version"), None);
    ask(&mut network, &Target::AnyNode).unwrap();
    assert_eq!(network.finalized_feature(None, "transaction.version"), Some(2));
    assert_eq!(network.finalized_feature(None, "no.such.feature"), Some(0));
}

#[test]
fn a_cut_says_of_each_request_whether_it_was_sent() {
    let fake = FakeBroker::start(|call| (call.api == ApiKey::Metadata).then_some(Reply::Close));
    let mut network = network(&fake.broker.to_string(), &[]);
    let to = Target::Address(fake.broker.clone());
    let first = network.send(&to, Lane::Control, MetadataRequest::default());
    let second = network.send(&to, Lane::Control, MetadataRequest::default());
    for ticket in [first, second] {
        let error = outcome(&mut network, &ticket).unwrap_err();
        assert!(matches!(error, RequestError::Disconnected { sent: true, .. }), "{error:?}");
    }
    // The next one waits for the back-off, is sent on a new connection, and fails in the same way.
    let third = network.send(&to, Lane::Control, MetadataRequest::default());
    assert!(outcome(&mut network, &third).unwrap_err().may_have_acted());
    // Nobody listens here: what never left is said not to be sent.
    let nobody = Target::Address(Broker::new("127.0.0.1", 1));
    let ticket = network.send(&nobody, Lane::Control, MetadataRequest::default());
    let error = outcome(&mut network, &ticket).unwrap_err();
    assert!(matches!(error, RequestError::Disconnected { sent: false, .. }), "{error:?}");
    assert_eq!(error.action(), Action::Retry);
}

#[test]
fn a_silent_broker_costs_the_request_its_time_out_and_the_rest_their_connection() {
    let fake = FakeBroker::start(|_| None);
    let mut network = network(&fake.broker.to_string(), &[]);
    let to = Target::Address(fake.broker.clone());
    let soon = SendOptions { timeout: Some(Duration::from_millis(300)), ..SendOptions::default() };
    let first = network.send_with(&to, Lane::Control, soon, |_| MetadataRequest::default());
    let second = network.send(&to, Lane::Control, MetadataRequest::default());
    let error = outcome(&mut network, &first).unwrap_err();
    assert!(matches!(error, RequestError::TimedOut { sent: true, .. }), "{error:?}");
    let error = outcome(&mut network, &second).unwrap_err();
    assert!(matches!(error, RequestError::Disconnected { sent: true, .. }), "{error:?}");
}

#[test]
fn time_outs_follow_the_clock_that_was_given() {
    let fake = FakeBroker::start(|_| None);
    let config = ClientConfig::for_bootstrap(&fake.broker.to_string()).unwrap();
    let clock = Arc::new(ManualClock::default());
    let mut network = Network::new(&config, Arc::<ManualClock>::clone(&clock)).unwrap();
    let to = Target::Address(fake.broker.clone());
    let ticket = network.send(&to, Lane::Control, MetadataRequest::default());
    while fake.log().is_empty() {
        network.poll(Duration::from_millis(10));
    }
    clock.advance(Duration::from_millis(29_999));
    network.poll(Duration::ZERO);
    assert!(network.take(&ticket).is_none());
    clock.advance(Duration::from_millis(1));
    network.poll(Duration::ZERO);
    assert!(matches!(network.take(&ticket), Some(Err(RequestError::TimedOut { .. }))));
}

#[test]
fn without_any_broker_the_error_names_each_address_and_why() {
    let mut network = network("127.0.0.1:1,no-such-host.invalid:9092", &[]);
    let error = ask(&mut network, &Target::AnyNode).unwrap_err();
    let RequestError::Unreachable { attempts, reached_before: false } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(attempts.len(), 2);
    let text = error.to_string();
    assert!(text.contains("127.0.0.1:1: cannot connect") && text.contains("refused"), "{text}");
    assert!(text.contains("no-such-host.invalid:9092: the name cannot be resolved"), "{text}");
    assert_eq!(error.action(), Action::Fatal);
}

#[test]
fn any_node_finds_the_one_address_that_works() {
    let fake = counting();
    let mut network = network(&format!("127.0.0.1:1,{},127.0.0.1:2", fake.broker), &[]);
    assert!(ask(&mut network, &Target::AnyNode).is_ok());
}

#[test]
fn answers_that_are_none_are_refused() {
    let raw = |bytes: &'static [u8]| {
        FakeBroker::start(move |call| {
            (call.api == ApiKey::Metadata).then(|| Reply::Raw(bytes.to_vec()))
        })
    };
    type Right = fn(&RequestError) -> bool;
    let cases: [(FakeBroker, Right); 3] = [
        // Another correlation id.
        (raw(&[0, 0, 0, 4, 0, 0, 9, 9]), |error| matches!(error, RequestError::Malformed { .. })),
        // The right one (the second request of the connection), and then nothing of a response.
        (raw(&[0, 0, 0, 4, 0, 0, 0, 1]), |error| matches!(error, RequestError::Malformed { .. })),
        // What a TLS listener says to someone who does not speak TLS.
        (raw(&[0x15, 0x03, 0x03, 0x00, 0x02, 0x02, 0x50]), |error| {
            error.to_string().contains("security.protocol")
        }),
    ];
    for (at, (fake, right)) in cases.iter().enumerate() {
        let mut network = network(&fake.broker.to_string(), &[]);
        let error = ask(&mut network, &Target::Address(fake.broker.clone())).unwrap_err();
        assert!(right(&error), "case {at}: {error:?}");
    }
}

#[test]
fn a_node_that_nobody_told_of_is_an_error_and_a_learned_one_is_not() {
    let fake = counting();
    let mut network = network(&fake.broker.to_string(), &[]);
    assert_eq!(ask(&mut network, &Target::Node(3)), Err(RequestError::UnknownNode { node: 3 }));
    network.learn_node(3, fake.broker.clone());
    assert!(ask(&mut network, &Target::Node(3)).is_ok());
}

#[test]
fn an_unanswered_request_is_done_when_it_is_written() {
    let fake = FakeBroker::start(|_| None);
    let mut network = network(&fake.broker.to_string(), &[]);
    let to = Target::Address(fake.broker.clone());
    let receipt = network
        .send_unanswered(&to, Lane::Produce, SendOptions::default(), |_| ProduceRequest::default());
    let end = network.now() + PATIENCE;
    let outcome = loop {
        assert!(network.now() < end, "no receipt in time");
        network.poll(Duration::from_millis(100));
        if let Some(outcome) = network.take_receipt(&receipt) {
            break outcome;
        }
    };
    assert_eq!(outcome, Ok(()));
}

/// Far more than a socket takes or holds at once: writing waits until it is writable, reading gathers.
#[test]
fn large_requests_and_responses_arrive_whole() {
    let fake = FakeBroker::start(|call| {
        let topics = || call.request::<MetadataRequest>().topics.unwrap_or_default();
        (call.api == ApiKey::Metadata).then(|| {
            let topics = topics().into_iter();
            let topics = topics.map(|MetadataRequestTopic { name, .. }| MetadataResponseTopic {
                name,
                ..Default::default()
            });
            let topics = topics.collect();
            call.reply::<MetadataRequest>(&MetadataResponse { topics, ..Default::default() })
        })
    });
    let mut network = network(&fake.broker.to_string(), &[]);
    let to = Target::Address(fake.broker.clone());
    let names: Vec<String> = (0..300).map(|at| format!("{at:03} ").repeat(8_000)).collect();
    let topic =
        |name: &String| MetadataRequestTopic { name: Some(name.clone()), ..Default::default() };
    let topics = Some(names.iter().map(topic).collect());
    let request = MetadataRequest { topics, ..MetadataRequest::default() };
    let ticket = network.send(&to, Lane::Control, request);
    let response = outcome(&mut network, &ticket).unwrap();
    let received: Vec<String> = response.topics.into_iter().filter_map(|it| it.name).collect();
    assert!(received == names, "something else came back");
}

#[test]
fn a_forgotten_request_leaves_nothing_behind() {
    let fake = counting();
    let mut network = network(&fake.broker.to_string(), &[]);
    let to = Target::Address(fake.broker.clone());
    let ticket = network.send(&to, Lane::Control, MetadataRequest::default());
    network.forget(ticket);
    assert_eq!(ask(&mut network, &to).unwrap().cluster_id.as_deref(), Some("1"));
    assert_eq!(
        format!("{:?}", network.outcomes),
        format!("{:?}", Outcomes::default())
            .replace("fresh: 0", &format!("fresh: {}", network.outcomes.fresh))
    );
}

#[test]
#[expect(clippy::disallowed_methods, reason = "another thread is what the test is about")]
fn a_notifier_cuts_a_poll_short_from_another_thread() {
    let mut network = network("127.0.0.1:1", &[]);
    let notifier = network.notifier();
    let start = network.now();
    let thread = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        notifier.notify();
    });
    assert!(network.poll(PATIENCE).notified);
    assert!(network.now() - start < PATIENCE / 2);
    thread.join().unwrap();
    assert!(!network.poll(Duration::ZERO).notified);
}

/// A broker that takes the password `right` by PLAIN, for `lifetime_ms`.
fn guarded(lifetime_ms: i64) -> FakeBroker {
    let mut connections = 0;
    FakeBroker::start(move |call| match call.api {
        ApiKey::SaslHandshake => {
            connections += 1;
            let mechanisms = vec!["PLAIN".to_owned()];
            let offered = call.request::<SaslHandshakeRequest>().mechanism == "PLAIN";
            let error_code =
                if offered { ErrorCode::NONE } else { ErrorCode::UNSUPPORTED_SASL_MECHANISM };
            Some(
                call.reply::<SaslHandshakeRequest>(&SaslHandshakeResponse {
                    error_code,
                    mechanisms,
                }),
            )
        }
        ApiKey::SaslAuthenticate => {
            let right =
                call.request::<SaslAuthenticateRequest>().auth_bytes == b"\0alice\0right"[..];
            let response = SaslAuthenticateResponse {
                session_lifetime_ms: lifetime_ms,
                ..SaslAuthenticateResponse::default()
            };
            let refusal = SaslAuthenticateResponse {
                error_code: ErrorCode::SASL_AUTHENTICATION_FAILED,
                error_message: Some(
                    "Authentication failed: Invalid username or password".to_owned(),
                ),
                ..SaslAuthenticateResponse::default()
            };
            Some(call.reply::<SaslAuthenticateRequest>(if right { &response } else { &refusal }))
        }
        ApiKey::Metadata => Some(call.reply::<MetadataRequest>(&cluster(&connections.to_string()))),
        _ => None,
    })
}

fn credentials<'a>(password: &'a str, mechanism: &'a str) -> [(&'a str, &'a str); 4] {
    [
        ("security.protocol", "SASL_PLAINTEXT"),
        ("sasl.mechanism", mechanism),
        ("sasl.username", "alice"),
        ("sasl.password", password),
    ]
}

#[test]
fn refused_credentials_are_final_and_name_mechanism_broker_and_user_but_not_the_password() {
    let fake = guarded(0);
    let mut refused = network(&fake.broker.to_string(), &credentials("wrong-password", "PLAIN"));
    let error = ask(&mut refused, &Target::AnyNode).unwrap_err();
    assert_eq!(error.action(), Action::Fatal);
    assert_eq!(
        error.to_string(),
        format!(
            "{} refused PLAIN authentication of user `alice`: Authentication failed: Invalid username or password",
            fake.broker
        )
    );
    let mut other = network(&fake.broker.to_string(), &credentials("right", "SCRAM-SHA-256"));
    let error = ask(&mut other, &Target::AnyNode).unwrap_err().to_string();
    assert!(error.contains("UNSUPPORTED_SASL_MECHANISM; the broker offers PLAIN"), "{error}");
}

#[test]
fn a_session_is_renewed_before_it_expires_and_no_request_notices() {
    let fake = guarded(1_000);
    let clock = Arc::new(ManualClock::default());
    let credentials = credentials("right", "PLAIN");
    let bootstrap = fake.broker.to_string();
    let properties = [("bootstrap.servers", bootstrap.as_str())].into_iter().chain(credentials);
    let config = ClientConfig::from_properties(properties).unwrap();
    let mut network = Network::new(&config, Arc::<ManualClock>::clone(&clock)).unwrap();
    let to = Target::Address(fake.broker.clone());
    for (at, connections) in [(0, "1"), (800, "1"), (100, "2"), (800, "2"), (100, "3")] {
        clock.advance(Duration::from_millis(at));
        assert_eq!(ask(&mut network, &to).unwrap().cluster_id.as_deref(), Some(connections));
    }
}

#[test]
fn a_listener_that_tells_its_versions_but_wants_credentials_is_not_asked_for_ever() {
    // As a SASL listener does with a client that was not told to authenticate.
    let fake = FakeBroker::start(|call| (call.api != ApiKey::ApiVersions).then_some(Reply::Close));
    let mut network = network(&fake.broker.to_string(), &[]);
    let end = network.now() + PATIENCE;
    let error = loop {
        assert!(network.now() < end, "asked for ever");
        let error = ask(&mut network, &Target::AnyNode).unwrap_err();
        if error.action() != Action::Retry {
            break error.to_string();
        }
    };
    assert!(
        error.contains(
            "closed the connection; does the listener expect another `security.protocol`?"
        ),
        "{error}"
    );
}
