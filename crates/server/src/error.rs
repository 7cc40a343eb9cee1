use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use godwit_config::Problems;

/// Why `godwit` ended other than well. Each has an exit code out of `sysexits.h`:
///
/// | code | meaning |
/// | --- | --- |
/// | 0 | done, or stopped by a signal |
/// | 64 | the configuration or the command line is wrong (`EX_USAGE`) |
/// | 65 | `token inspect`: the token is not good (`EX_DATAERR`) |
/// | 69 | `conformance`: the server cannot be reached, or refuses the credentials (`EX_UNAVAILABLE`) |
/// | 70 | a fault of the server (`EX_SOFTWARE`) |
/// | 73 | the data directory cannot be made, locked, read or written (`EX_CANTCREAT`) |
/// | 74 | the address cannot be listened on (`EX_IOERR`) |
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// What the operator wrote, one problem a line.
    #[error("{0}")]
    Config(#[from] Problems),
    /// The same, found by another part than the configuration.
    #[error("{0}")]
    Usage(String),
    /// What was read is not what it should be.
    #[error("{0}")]
    Data(String),
    /// The data directory or something in it.
    #[error("{}: {why}", path.display())]
    DataDir {
        /// The directory or file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The listener.
    #[error("cannot listen on {address}: {why}")]
    Listen {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        why: io::Error,
    },
    /// Another server.
    #[error("{0}")]
    Unavailable(String),
    /// Anything that no operator can do something about.
    #[error("{0}")]
    Internal(String),
}

/// Result of this crate.
pub(crate) type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn data_dir(path: &Path, why: impl ToString) -> Self {
        Self::DataDir {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }

    pub(crate) fn internal(why: impl ToString) -> Self {
        Self::Internal(why.to_string())
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Config(_) | Self::Usage(_) => 64,
            Self::Data(_) => 65,
            Self::Unavailable(_) => 69,
            Self::Internal(_) => 70,
            Self::DataDir { .. } => 73,
            Self::Listen { .. } => 74,
        })
    }
}

impl From<godwit_auth::Error> for Error {
    fn from(error: godwit_auth::Error) -> Self {
        match error {
            godwit_auth::Error::Storage { path, why } => Self::DataDir { path, why },
            error @ (godwit_auth::Error::Password { .. }
            | godwit_auth::Error::Issuer { .. }
            | godwit_auth::Error::Token { .. }) => Self::Usage(error.to_string()),
            error => Self::internal(error),
        }
    }
}

impl From<godwit_audit::Error> for Error {
    fn from(error: godwit_audit::Error) -> Self {
        match error {
            godwit_audit::Error::Storage { path, why } => Self::DataDir { path, why },
            error @ godwit_audit::Error::Refused => Self::internal(error),
        }
    }
}

impl From<godwit_conformance::Error> for Error {
    fn from(error: godwit_conformance::Error) -> Self {
        match error {
            godwit_conformance::Error::Usage(why) => Self::Usage(why),
            error @ (godwit_conformance::Error::Unreachable { .. }
            | godwit_conformance::Error::Refused { .. }) => Self::Unavailable(error.to_string()),
        }
    }
}
