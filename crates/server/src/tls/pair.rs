use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::error::{Error, Result};

/// A certificate chain and its private key that were found to fit each other.
pub(crate) struct Pair {
    pub(super) cert_path: PathBuf,
    pub(super) cert_pem: Vec<u8>,
    pub(super) key_pem: Vec<u8>,
    certificate: CertificateDer<'static>,
}

impl Pair {
    /// Reads two PEM files. Every error names the file.
    pub(super) fn read(cert_path: &Path, key_path: &Path) -> Result<Self> {
        Self::new(cert_path, read(cert_path)?, key_path, read(key_path)?)
    }

    /// Takes the contents of two PEM files.
    pub(super) fn new(
        cert_path: &Path,
        cert_pem: Vec<u8>,
        key_path: &Path,
        key_pem: Vec<u8>,
    ) -> Result<Self> {
        let chain: Vec<_> = CertificateDer::pem_slice_iter(&cert_pem)
            .collect::<std::result::Result<_, _>>()
            .map_err(|why| wrong(cert_path, format!("not a certificate in PEM form: {why}")))?;
        let Some(certificate) = chain.first().cloned() else {
            return Err(wrong(cert_path, "holds no certificate in PEM form"));
        };
        PrivateKeyDer::from_pem_slice(&key_pem)
            .map_err(|why| wrong(key_path, format!("not a private key in PEM form: {why}")))?;
        let pair = Self {
            cert_path: cert_path.to_owned(),
            cert_pem,
            key_pem,
            certificate,
        };
        match super::refusal(&pair) {
            None => Ok(pair),
            Some(why) => Err(wrong(
                cert_path,
                format!("cannot be used with the key {}: {why}", key_path.display()),
            )),
        }
    }

    /// SHA-256 of the server's own certificate, as `openssl x509 -fingerprint -sha256` writes it.
    pub(super) fn fingerprint(&self) -> String {
        let hash = digest(&SHA256, self.certificate.as_ref());
        let mut text = String::new();
        for (index, byte) in hash.as_ref().iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            // Writing to a String cannot fail.
            let _ = write!(text, "{colon}{byte:02X}");
        }
        text
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|why| wrong(path, why))
}

fn wrong(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::Usage(format!("tls: {}: {why}", path.display()))
}
