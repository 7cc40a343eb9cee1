use std::fmt::Write;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use ring::digest::{SHA256, digest};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::term::Term;
use crate::error::{Error, Result};

/// Larger than any file of certificates or keys, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// A certificate chain and its private key that were found to fit each other.
#[derive(Clone)]
pub(crate) struct Pair {
    pub(super) cert_path: PathBuf,
    pub(super) cert_pem: Vec<u8>,
    pub(super) key_path: PathBuf,
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
            key_path: key_path.to_owned(),
            key_pem,
            certificate,
        };
        pair.fit()?;
        Ok(pair)
    }

    /// When the server's own certificate is valid.
    pub(super) fn term(&self) -> Option<Term> {
        Term::of(&self.certificate)
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

/// A file, unless it is too large to be what it should be.
pub(super) fn read(path: &Path) -> Result<Vec<u8>> {
    let file = File::open(path).map_err(|why| wrong(path, why))?;
    let mut content = Vec::new();
    let read = file.take(MAX_FILE + 1).read_to_end(&mut content);
    if read.map_err(|why| wrong(path, why))? as u64 > MAX_FILE {
        return Err(wrong(path, format!("larger than {MAX_FILE} bytes")));
    }
    Ok(content)
}

/// What is wrong with a file.
pub(super) fn wrong(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::Usage(format!("tls: {}: {why}", path.display()))
}
