//! The certificate: from files, or made once and kept.

mod pair;
mod self_signed;

use std::path::{Path, PathBuf};

use godwit_config::{Tls, TlsMode};
use tonic::transport::{Identity, Server, ServerTlsConfig};

use crate::error::Result;
use pair::Pair;

/// What the server needs to encrypt.
pub(crate) struct Encryption {
    /// For the gRPC server.
    pub(crate) tls: godwit_flight::Tls,
    /// SHA-256 of the server's certificate, in hexadecimal with colons.
    pub(crate) fingerprint: String,
    /// The certificate, for clients that must be told to trust it; none where it comes from the operator.
    pub(crate) self_signed: Option<PathBuf>,
}

/// Reads the certificate that the configuration asks for, or makes it; `None` with TLS off.
pub(crate) fn load(tls: &Tls, data_dir: &Path) -> Result<Option<Encryption>> {
    match tls.mode {
        TlsMode::Off => Ok(None),
        TlsMode::Files => Ok(files(tls)?.map(|pair| encryption(pair, None))),
        TlsMode::Auto => {
            let pair = self_signed::open(data_dir)?;
            // Absolute, so that it can be pasted wherever a client runs on this machine.
            let path = std::path::absolute(&pair.cert_path).unwrap_or(pair.cert_path.clone());
            Ok(Some(encryption(pair, Some(path))))
        }
    }
}

/// Reads the certificate if it comes from files, without making anything.
pub(crate) fn check(tls: &Tls) -> Result<()> {
    files(tls).map(|_| ())
}

fn files(tls: &Tls) -> Result<Option<Pair>> {
    match (tls.mode, &tls.cert_file, &tls.key_file) {
        (TlsMode::Files, Some(cert), Some(key)) => Pair::read(cert, key).map(Some),
        _ => Ok(None),
    }
}

fn encryption(pair: Pair, self_signed: Option<PathBuf>) -> Encryption {
    Encryption {
        fingerprint: pair.fingerprint(),
        tls: godwit_flight::Tls {
            certificate_pem: pair.cert_pem,
            key_pem: pair.key_pem,
        },
        self_signed,
    }
}

/// Why the TLS library refuses a pair, if it does.
fn refusal(pair: &Pair) -> Option<String> {
    let identity = Identity::from_pem(&pair.cert_pem, &pair.key_pem);
    let config = ServerTlsConfig::new().identity(identity);
    let error = Server::builder().tls_config(config).err()?;
    let cause = std::error::Error::source(&error).map(ToString::to_string);
    Some(cause.unwrap_or_else(|| error.to_string()))
}
