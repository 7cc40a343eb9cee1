//! The certificate: from files, or made once and kept; who may issue those of clients; and what happens when files change.

mod acceptor;
mod pair;
mod self_signed;
mod term;
mod watch;

use std::path::{Path, PathBuf};

use godwit_config::{Tls, TlsMode};

use crate::error::{Error, Result};
use acceptor::Material;
use pair::Pair;
use term::Standing;
pub(crate) use watch::Watch;

/// What the server needs to encrypt.
pub(crate) struct Encryption {
    /// For the gRPC server.
    pub(crate) tls: godwit_flight::Tls,
    /// SHA-256 of the server's certificate, in hexadecimal with colons.
    pub(crate) fingerprint: String,
    /// The certificate, for clients that must be told to trust it; none where it comes from the operator.
    pub(crate) self_signed: Option<PathBuf>,
}

/// Reads the certificate that the configuration asks for, or makes it; `None` with TLS off. The second half has to run
/// beside the server.
pub(crate) fn load(tls: &Tls, data_dir: &Path) -> Result<Option<(Encryption, Watch)>> {
    let (pair, own) = match tls.mode {
        TlsMode::Off => return Ok(None),
        TlsMode::Files => (files(tls)?, false),
        TlsMode::Auto => (self_signed::open(data_dir)?, true),
    };
    // Absolute, so that it can be pasted wherever a client runs on this machine.
    let path = || std::path::absolute(&pair.cert_path).unwrap_or(pair.cert_path.clone());
    let self_signed = own.then(path);
    let material = Material::read(pair, tls)?;
    let encryption = Encryption {
        tls: godwit_flight::Tls::new(material.config()?),
        fingerprint: material.pair.fingerprint(),
        self_signed,
    };
    let mut watch = Watch {
        term: material.pair.term(),
        standing: Standing::Good,
        tls: encryption.tls.clone(),
        settings: tls.clone(),
        seen: Ok(material.digest()),
        own: own.then_some(material.pair),
    };
    watch.look_at_the_clock();
    Ok(Some((encryption, watch)))
}

/// Reads all that comes from the operator's files, without making anything.
pub(crate) fn check(tls: &Tls) -> Result<()> {
    match tls.mode {
        TlsMode::Off => Ok(()),
        TlsMode::Files => Material::read(files(tls)?, tls)?.config().map(|_| ()),
        TlsMode::Auto => acceptor::check(tls),
    }
}

fn files(tls: &Tls) -> Result<Pair> {
    match (&tls.cert_file, &tls.key_file) {
        (Some(cert), Some(key)) => Pair::read(cert, key),
        _ => Err(Error::Usage(
            "tls: cert_file and key_file are missing".to_owned(),
        )),
    }
}
