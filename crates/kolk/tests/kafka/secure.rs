//! TLS and SASL against Apache Kafka.

use crate::cluster::Cluster;
use crate::delivery;
use crate::server::{Kafka, Kind};
use kolk::client::admin::Admin;
use kolk::client::config::ClientConfig;
use kolk::client::error::{Action, ClientError};
use kolk::runtime::{Application, Until};
use kolk::time::SystemClock;
use kolk::topology::{Delivery, Topology};
use std::sync::Arc;
use std::time::{Duration, Instant};

const MECHANISMS: [&str; 3] = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"];
/// What can never succeed is refused well before `default.api.timeout.ms`, a minute.
const REFUSAL_MAX: Duration = Duration::from_secs(15);

/// The settings of alice, over TLS or not.
fn alice(kafka: &Kafka, protocol: &str, mechanism: &str, password: &str) -> ClientConfig {
    ClientConfig::from_properties([
        ("bootstrap.servers", kafka.address(protocol)),
        ("security.protocol", protocol),
        ("ssl.truststore.location", kafka.address("CA")),
        ("sasl.mechanism", mechanism),
        ("sasl.username", "alice"),
        ("sasl.password", password),
    ])
    .unwrap()
}

/// How the cluster answers these settings.
fn ask(config: &ClientConfig) -> Result<String, ClientError> {
    let mut admin = Admin::new(config, Arc::new(SystemClock::new()))?;
    admin.describe_cluster().map(|cluster| cluster.id)
}

/// The error that these settings end with.
fn refusal(config: &ClientConfig) -> String {
    let start = Instant::now();
    let error = ask(config).unwrap_err();
    assert!(start.elapsed() < REFUSAL_MAX, "{:?}: {error}", start.elapsed());
    assert_eq!(error.action(), Action::Fatal, "{error}");
    error.to_string()
}

#[test]
fn every_mechanism_lets_the_right_password_in_with_tls_and_without() {
    let Some(kafka) = Kind::Secure.server() else { return };
    for protocol in ["SASL_PLAINTEXT", "SASL_SSL"] {
        for mechanism in MECHANISMS {
            let id = ask(&alice(kafka, protocol, mechanism, "alice-secret"));
            assert_eq!(id.unwrap(), "kolk-tests-cluster-id", "{protocol} {mechanism}");
        }
    }
}

#[test]
fn a_wrong_password_is_a_final_error_that_does_not_repeat_it() {
    let Some(kafka) = Kind::Secure.server() else { return };
    for mechanism in MECHANISMS {
        let error = refusal(&alice(kafka, "SASL_SSL", mechanism, "hunter2-wrong"));
        assert!(error.contains("alice") || error.contains("uthentication"), "{error}");
        assert!(error.contains(mechanism), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
    }
    let config = alice(kafka, "SASL_SSL", "SCRAM-SHA-256", "hunter2-wrong");
    assert!(!format!("{config:?}").contains("hunter2"));
    let cluster = Cluster::shared(&config, "refused");
    let queries = vec![delivery::copy(&cluster, "q", ["in", "out"], Delivery::ExactlyOnce)];
    let options = delivery::options(&cluster, Until::End);
    let error = Application::start(&Topology { queries }, options, Arc::clone(&cluster.clock));
    let error = error.unwrap_err().to_string();
    assert!(error.contains("SCRAM-SHA-256") && !error.contains("hunter2"), "{error}");
}

#[test]
fn an_authority_that_is_not_trusted_is_a_final_error() {
    let Some(kafka) = Kind::Secure.server() else { return };
    let other = concat!(env!("CARGO_MANIFEST_DIR"), "/src/client/transport/fixtures/other-ca.pem");
    let config = alice(kafka, "SASL_SSL", "PLAIN", "alice-secret");
    let error = refusal(&config.with("ssl.truststore.location", other).unwrap());
    assert!(error.contains("UnknownIssuer"), "{error}");
}

#[test]
fn a_certificate_for_another_host_is_a_final_error_unless_the_check_is_off() {
    let Some(kafka) = Kind::Secure.server() else { return };
    let config = alice(kafka, "SASL_SSL", "SCRAM-SHA-512", "alice-secret");
    let port = kafka.address("SASL_SSL").rsplit_once(':').unwrap().1;
    assert!(ask(&config.with("bootstrap.servers", format!("localhost:{port}")).unwrap()).is_ok());
    // The same address under a name that the certificate does not carry.
    let config = config.with("bootstrap.servers", format!("0x7f000001:{port}")).unwrap();
    let error = refusal(&config);
    assert!(error.contains("not valid for name"), "{error}");
    let unchecked = config.with("ssl.endpoint.identification.algorithm", "").unwrap();
    assert!(ask(&unchecked).is_ok());
}

#[test]
fn a_listener_of_another_protocol_is_told() {
    let Some(kafka) = Kind::Secure.server() else { return };
    let patience = |config: ClientConfig| config.with("default.api.timeout.ms", "5000").unwrap();
    let plain =
        |address: &str| patience(ClientConfig::for_bootstrap(kafka.address(address)).unwrap());
    for listener in ["SASL_PLAINTEXT", "SASL_SSL"] {
        let error = ask(&plain(listener)).unwrap_err().to_string();
        assert!(error.contains("security.protocol"), "{listener}: {error}");
    }
    let encrypted = alice(kafka, "SASL_SSL", "PLAIN", "alice-secret");
    let encrypted = encrypted.with("bootstrap.servers", kafka.address("PLAINTEXT")).unwrap();
    let error = ask(&patience(encrypted)).unwrap_err().to_string();
    assert!(error.contains("security.protocol"), "{error}");
}

#[test]
fn queries_run_over_tls_with_scram() {
    let Some(kafka) = Kind::Secure.server() else { return };
    let config = alice(kafka, "SASL_SSL", "SCRAM-SHA-256", "alice-secret");
    let cluster = Cluster::shared(&config, "over-tls");
    delivery::every_mode_copies_every_record_once_and_in_order(&cluster);
}
