//! TLS against a broker played by the test, with certificates from `fixtures`.

use crate::client::config::ClientConfig;
use crate::client::error::{Action, RequestError};
use crate::client::fake_broker::{Channel, FakeBroker};
use crate::client::network::{Broker, Lane, Network, Target};
use crate::time::SystemClock;
use kolk_wire::ApiKey;
use kolk_wire::message::metadata::{MetadataRequest, MetadataResponse};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use std::sync::Arc;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(10);

fn fixture(name: &str) -> String {
    format!("{}/src/client/transport/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// Whether the broker wants a certificate of its clients.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientCertificate {
    Wanted,
    Ignored,
}

fn server(client: ClientCertificate) -> Arc<ServerConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions();
    let builder = match client {
        ClientCertificate::Ignored => builder.unwrap().with_no_client_auth(),
        ClientCertificate::Wanted => {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(fixture("ca.pem")).unwrap()).unwrap();
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.unwrap().with_client_cert_verifier(verifier.build().unwrap())
        }
    };
    let certificate = CertificateDer::from_pem_file(fixture("broker.pem")).unwrap();
    let key = PrivateKeyDer::from_pem_file(fixture("broker.pem")).unwrap();
    Arc::new(builder.with_single_cert(vec![certificate], key).unwrap())
}

/// A broker that answers Metadata over TLS, with a cluster id so long that it takes many TLS records.
fn broker(client: ClientCertificate) -> FakeBroker {
    let config = server(client);
    let secure = move |tcp| -> Box<dyn Channel> {
        Box::new(StreamOwned::new(ServerConnection::new(Arc::clone(&config)).unwrap(), tcp))
    };
    FakeBroker::start_over(secure, |call| {
        let response = MetadataResponse {
            cluster_id: Some("c".repeat(30_000)),
            ..MetadataResponse::default()
        };
        (call.api == ApiKey::Metadata).then(|| call.reply::<MetadataRequest>(&response))
    })
}

/// Asks the broker under the name `host`.
fn ask(
    fake: &FakeBroker,
    host: &str,
    properties: &[(&str, &str)],
) -> Result<MetadataResponse, RequestError> {
    let address = Broker::new(host, fake.broker.port);
    let bootstrap = address.to_string();
    let base = [("bootstrap.servers", bootstrap.as_str()), ("security.protocol", "SSL")];
    let config = ClientConfig::from_properties(base.iter().chain(properties).copied()).unwrap();
    let mut network = Network::new(&config, Arc::new(SystemClock::new())).unwrap();
    let ticket = network.send(&Target::Address(address), Lane::Control, MetadataRequest::default());
    let end = network.now() + PATIENCE;
    loop {
        if let Some(outcome) = network.take(&ticket) {
            return outcome;
        }
        assert!(network.now() < end, "no outcome in time");
        network.poll(Duration::from_millis(100));
    }
}

#[test]
fn a_trusted_broker_with_the_right_name_is_spoken_to() {
    let fake = broker(ClientCertificate::Ignored);
    let response =
        ask(&fake, "localhost", &[("ssl.truststore.location", &fixture("ca.pem"))]).unwrap();
    assert_eq!(response.cluster_id.map(|id| id.len()), Some(30_000));
}

#[test]
fn a_broker_that_is_not_trusted_is_refused_for_good() {
    let fake = broker(ClientCertificate::Ignored);
    let error =
        ask(&fake, "localhost", &[("ssl.ca.location", &fixture("other-ca.pem"))]).unwrap_err();
    assert!(
        matches!(&error, RequestError::Tls { why, .. } if why.contains("UnknownIssuer")),
        "{error}"
    );
    assert_eq!(error.action(), Action::Fatal);
}

#[test]
fn the_host_name_is_checked_unless_that_is_switched_off() {
    let fake = broker(ClientCertificate::Ignored);
    let trust = ("ssl.truststore.location", fixture("ca.pem"));
    let trust = (trust.0, trust.1.as_str());
    let error = ask(&fake, "127.0.0.1", &[trust]).unwrap_err();
    assert!(
        matches!(&error, RequestError::Tls { why, .. } if why.contains("not valid for name")),
        "{error}"
    );
    for off in ["", "none"] {
        let unchecked = [trust, ("ssl.endpoint.identification.algorithm", off)];
        assert!(ask(&fake, "127.0.0.1", &unchecked).is_ok());
    }
    // Without the name check the chain is checked as before.
    let other = fixture("other-ca.pem");
    let untrusted = [
        ("ssl.truststore.location", other.as_str()),
        ("ssl.endpoint.identification.algorithm", ""),
    ];
    assert!(matches!(ask(&fake, "127.0.0.1", &untrusted), Err(RequestError::Tls { .. })));
}

#[test]
fn a_broker_that_wants_a_certificate_gets_it() {
    let fake = broker(ClientCertificate::Wanted);
    let (trust, identity) = (fixture("ca.pem"), fixture("client.pem"));
    let trust = ("ssl.truststore.location", trust.as_str());
    assert!(ask(&fake, "localhost", &[trust, ("ssl.keystore.location", &identity)]).is_ok());
    assert!(
        ask(
            &fake,
            "localhost",
            &[trust, ("ssl.certificate.location", &identity), ("ssl.key.location", &identity)]
        )
        .is_ok()
    );
    let error = ask(&fake, "localhost", &[trust]).unwrap_err();
    assert!(error.to_string().contains("CertificateRequired"), "{error}");
}

#[test]
fn files_that_are_no_certificates_are_refused_at_once() {
    let readme = fixture("README.md");
    let refused = |properties: &[(&str, &str)]| {
        let base = [("bootstrap.servers", "localhost:1"), ("security.protocol", "SSL")];
        let config = ClientConfig::from_properties(base.iter().chain(properties).copied()).unwrap();
        let error = Network::new(&config, Arc::new(SystemClock::new())).unwrap_err();
        assert_eq!(error.action(), Action::Invalid);
        error.to_string()
    };
    assert!(refused(&[("ssl.truststore.location", &readme)]).contains("no certificate to trust"));
    assert!(refused(&[("ssl.truststore.location", "/no/such/file")]).contains("/no/such/file"));
    let (trust, authority) = (fixture("ca.pem"), fixture("ca.pem"));
    let no_key = [
        ("ssl.truststore.location", trust.as_str()),
        ("ssl.keystore.location", authority.as_str()),
    ];
    assert!(refused(&no_key).contains("no private key"));
}
