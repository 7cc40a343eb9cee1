use std::path::PathBuf;
use std::sync::Arc;

use godwit_config::{ClientAuth, Tls};
use ring::digest::{Context, SHA256};
use rustls::crypto::ring::default_provider;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::pair::{Pair, read, wrong};
use crate::error::Result;

/// Everything that connections are encrypted with, as it was read.
pub(super) struct Material {
    pub(super) pair: Pair,
    clients: Option<Clients>,
}

/// Who may issue certificates of clients.
struct Clients {
    path: PathBuf,
    pem: Vec<u8>,
    required: bool,
}

impl Material {
    /// Adds the authorities that the configuration names to a pair.
    pub(super) fn read(pair: Pair, tls: &Tls) -> Result<Self> {
        let clients = Clients::read(tls)?;
        Ok(Self { pair, clients })
    }

    /// What tells this material from any other.
    pub(super) fn digest(&self) -> [u8; 32] {
        let clients = self.clients.as_ref().map(|clients| &clients.pem);
        let mut hash = Context::new(&SHA256);
        for part in [&self.pair.cert_pem, &self.pair.key_pem]
            .into_iter()
            .chain(clients)
        {
            hash.update(&(part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(hash.finish().as_ref());
        digest
    }

    /// The configuration of the TLS library.
    ///
    /// # Errors
    /// The file that cannot be used, and why.
    pub(super) fn config(&self) -> Result<ServerConfig> {
        let clients = self.clients.as_ref();
        let verifier = clients.map_or_else(
            || Ok(WebPkiClientVerifier::no_client_auth()),
            Clients::verifier,
        );
        let mut config = self.pair.config(verifier?)?;
        if clients.is_some() {
            // A resumed session would not be asked for its certificate again, however long that has expired.
            config.session_storage = Arc::new(NoServerSessionStorage {});
            config.send_tls13_tickets = 0;
        }
        Ok(config)
    }
}

impl Pair {
    /// Whether certificate and key belong together.
    ///
    /// # Errors
    /// That they do not.
    pub(super) fn fit(&self) -> Result<()> {
        self.config(WebPkiClientVerifier::no_client_auth())
            .map(|_| ())
    }

    fn config(&self, verifier: Arc<dyn ClientCertVerifier>) -> Result<ServerConfig> {
        let unfit = |why: rustls::Error| {
            let key = self.key_path.display();
            wrong(
                &self.cert_path,
                format!("cannot be used with the key {key}: {why}"),
            )
        };
        let chain = CertificateDer::pem_slice_iter(&self.cert_pem).collect::<Result<_, _>>();
        let chain = chain.map_err(|why| wrong(&self.cert_path, why))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key_pem);
        let key = key.map_err(|why| wrong(&self.key_path, why))?;
        ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(unfit)?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .map_err(unfit)
    }
}

/// Reads the authorities of clients, if the configuration names any.
///
/// # Errors
/// The file that cannot be used, and why.
pub(super) fn check(tls: &Tls) -> Result<()> {
    let clients = Clients::read(tls)?;
    clients.map_or(Ok(()), |clients| clients.verifier().map(|_| ()))
}

impl Clients {
    fn read(tls: &Tls) -> Result<Option<Self>> {
        match (tls.client_auth, &tls.client_ca) {
            (ClientAuth::Off, _) | (_, None) => Ok(None),
            (auth, Some(path)) => Ok(Some(Self {
                path: path.clone(),
                pem: read(path)?,
                required: auth == ClientAuth::Required,
            })),
        }
    }

    fn verifier(&self) -> Result<Arc<dyn ClientCertVerifier>> {
        let (roots, provider) = (Arc::new(self.roots()?), Arc::new(default_provider()));
        let verifier = WebPkiClientVerifier::builder_with_provider(roots, provider);
        let verifier = match self.required {
            true => verifier,
            false => verifier.allow_unauthenticated(),
        };
        verifier.build().map_err(|why| wrong(&self.path, why))
    }

    fn roots(&self) -> Result<RootCertStore> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.pem) {
            let certificate = certificate.map_err(|why| {
                wrong(&self.path, format!("not a certificate in PEM form: {why}"))
            })?;
            roots
                .add(certificate)
                .map_err(|why| wrong(&self.path, why))?;
        }
        if roots.is_empty() {
            return Err(wrong(&self.path, "holds no certificate in PEM form"));
        }
        Ok(roots)
    }
}
