//! TLS by rustls: trust and identity from PEM files, and a non-blocking stream.

use super::ReadOutcome;
use crate::client::config::{HostCheck, TlsConfig};
use crate::client::error::{Action, ClientError};
use crate::client::network::Broker;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConnection, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme,
};
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;

/// Plaintext that waits inside rustls at most, in bytes.
const BUFFER_BYTES_MAX: usize = 1024 * 1024;
/// Plaintext taken out of rustls at a time, in bytes: the size of a TLS record.
const RECORD_BYTES: usize = 16 * 1024;

/// Builds the TLS settings that all connections share.
pub(super) fn client_config(config: &TlsConfig) -> Result<Arc<rustls::ClientConfig>, ClientError> {
    let invalid = |message: String| ClientError::new(Action::Invalid, message);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = Arc::new(roots(config.trust.as_deref())?);
    let verifier = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
        .build()
        .map_err(|error| invalid(format!("the trusted certificates cannot be used: {error}")))?;
    let verifier: Arc<dyn ServerCertVerifier> = match config.host_check {
        HostCheck::Required => verifier,
        HostCheck::Off => Arc::new(AnyName { verifier }),
    };
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| invalid(format!("TLS cannot be set up: {error}")))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let config = match &config.identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let certificates = certificates(chain)?;
            let private = PrivateKeyDer::from_pem_file(key).map_err(|error| {
                invalid(format!("no private key (PEM, unencrypted) in {}: {error}", key.display()))
            })?;
            builder.with_client_auth_cert(certificates, private).map_err(|error| {
                invalid(format!("the certificate in {} cannot be used: {error}", chain.display()))
            })?
        }
    };
    Ok(Arc::new(config))
}

fn roots(trust: Option<&Path>) -> Result<RootCertStore, ClientError> {
    let mut roots = RootCertStore::empty();
    let found = match trust {
        Some(path) => {
            for certificate in certificates(path)? {
                roots.add(certificate).map_err(|error| {
                    let path = path.display();
                    ClientError::new(
                        Action::Invalid,
                        format!("a certificate in {path} cannot be trusted: {error}"),
                    )
                })?;
            }
            path.display().to_string()
        }
        None => {
            // Machines carry certificates that rustls refuses; the others still count.
            let native = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(native.certs);
            "the machine's trust store; set `ssl.truststore.location`".to_owned()
        }
    };
    if roots.is_empty() {
        return Err(ClientError::new(
            Action::Invalid,
            format!("no certificate to trust in {found}"),
        ));
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, ClientError> {
    let refused = |error| {
        let path = path.display();
        ClientError::new(
            Action::Invalid,
            format!("cannot read certificates (PEM) from {path}: {error}"),
        )
    };
    let certificates = CertificateDer::pem_file_iter(path).map_err(refused)?;
    certificates.collect::<Result<_, _>>().map_err(refused)
}

/// Trusts as the inner verifier does, whatever name the certificate carries.
#[derive(Debug)]
struct AnyName {
    verifier: Arc<WebPkiServerVerifier>,
}

impl ServerCertVerifier for AnyName {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        // The name is checked last, after chain and dates.
        match self.verifier.verify_server_cert(
            end_entity,
            intermediates,
            server_name,
            ocsp_response,
            now,
        ) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verdict => verdict,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verifier.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.supported_verify_schemes()
    }
}

/// A TLS connection over a non-blocking socket.
#[derive(Debug)]
pub(in crate::client) struct TlsStream {
    tcp: TcpStream,
    tls: ClientConnection,
}

impl TlsStream {
    pub(super) fn new(
        config: &Arc<rustls::ClientConfig>,
        broker: &Broker,
        tcp: TcpStream,
    ) -> io::Result<Self> {
        let name = ServerName::try_from(broker.host.to_string()).map_err(io::Error::other)?;
        let mut tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
        tls.set_buffer_limit(Some(BUFFER_BYTES_MAX));
        Ok(Self { tcp, tls })
    }

    pub(super) fn tcp(&self) -> &TcpStream {
        &self.tcp
    }

    pub(super) fn wants_write(&self) -> bool {
        self.tls.wants_write()
    }

    /// Writes the TLS records that are ready.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.tls.wants_write() {
            match self.tls.write_tls(&mut self.tcp) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    pub(super) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let written = self.tls.writer().write_vectored(slices)?;
        self.flush()?;
        // rustls takes nothing more while its buffer is full: the socket has to drain first.
        if written == 0 { Err(io::ErrorKind::WouldBlock.into()) } else { Ok(written) }
    }

    /// Takes plaintext until none is left, which says [`ReadOutcome::Drained`]: the socket may be empty while rustls is not.
    pub(super) fn read(&mut self, into: &mut Vec<u8>) -> io::Result<ReadOutcome> {
        loop {
            let (len, room) = (into.len(), into.capacity() - into.len());
            into.resize(len + room.min(RECORD_BYTES), 0);
            let taken = self.tls.reader().read(&mut into[len..]);
            into.truncate(len + *taken.as_ref().unwrap_or(&0));
            match taken {
                Ok(0) => return Ok(ReadOutcome::Closed),
                Ok(_) => return Ok(ReadOutcome::More),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            match self.tls.read_tls(&mut self.tcp) {
                Ok(0) => return Ok(ReadOutcome::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(ReadOutcome::Drained);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            }
            let processed = self.tls.process_new_packets();
            // Also after an error: the alert that tells the peer.
            let flushed = self.flush();
            processed.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
            flushed?;
        }
    }
}
