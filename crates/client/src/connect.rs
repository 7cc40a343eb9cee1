use std::sync::Arc;
use std::time::Duration;

use tokio_rustls::rustls;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};

use crate::error::{Error, Result};
use crate::target::{Target, Trust};

/// Where systems keep the authorities that they trust.
const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// What a connection is made from, again and again; `timeout` is the longest time that making one takes.
///
/// # Errors
/// [`Error::Usage`] when the address or the authorities cannot be used.
pub fn endpoint(target: &Target, trust: &Trust, timeout: Duration) -> Result<Endpoint> {
    let unusable =
        |why: tonic::transport::Error| Error::Usage(format!("{target}: {}", chain(&why)));
    let endpoint = Endpoint::from_shared(target.http())
        .map_err(unusable)?
        .connect_timeout(timeout)
        .tcp_nodelay(true);
    if !target.is_encrypted() {
        return Ok(endpoint);
    }
    let config = ClientTlsConfig::new();
    match trust {
        Trust::Anyone => endpoint.tls_config_with_verifier(config, Arc::new(Credulous::new())),
        Trust::Authorities(pem) => {
            endpoint.tls_config(config.ca_certificate(Certificate::from_pem(pem)))
        }
        Trust::System => {
            endpoint.tls_config(config.ca_certificate(Certificate::from_pem(system_bundle()?)))
        }
    }
    .map_err(unusable)
}

/// Connects.
///
/// # Errors
/// What the layer below says.
pub async fn connect(endpoint: &Endpoint) -> Result<Channel, String> {
    endpoint.connect().await.map_err(|error| chain(&error))
}

fn system_bundle() -> Result<Vec<u8>> {
    BUNDLES
        .iter()
        .find_map(|path| std::fs::read(path).ok())
        .ok_or_else(|| {
            Error::Usage(format!(
                "this system keeps its trusted authorities in none of {}; name a file of them",
                BUNDLES.join(", ")
            ))
        })
}

/// The innermost cause is the one that says what happened.
fn chain(error: &dyn std::error::Error) -> String {
    let mut inner = error;
    while let Some(cause) = inner.source() {
        inner = cause;
    }
    inner.to_string()
}

/// Takes any certificate, but still checks that the server holds its key.
#[derive(Debug)]
struct Credulous(rustls::crypto::CryptoProvider);

impl Credulous {
    fn new() -> Self {
        Self(rustls::crypto::ring::default_provider())
    }
}

impl ServerCertVerifier for Credulous {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
