use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use godwit_config::Problems;
use godwit_lake::{Error as Lake, backup};

/// Why `godwit` ended other than well. Each has an exit code out of `sysexits.h`:
///
/// | code | meaning |
/// | --- | --- |
/// | 0 | done, or stopped by a signal |
/// | 64 | the configuration or the command line is wrong (`EX_USAGE`) |
/// | 65 | `token inspect`: the token is not good; `backup`, `restore`: a backup or the lake is not whole (`EX_DATAERR`) |
/// | 69 | `conformance`: the server cannot be reached, or refuses the credentials; `backup`, `restore`: the catalog or the files cannot be reached (`EX_UNAVAILABLE`) |
/// | 70 | a fault of the server (`EX_SOFTWARE`) |
/// | 73 | the data directory cannot be made, locked, read or written; `backup`, `restore`: neither can a place, or it is not empty (`EX_CANTCREAT`) |
/// | 74 | the address cannot be listened on (`EX_IOERR`) |
/// | 75 | `backup`, `restore`: a signal ended it (`EX_TEMPFAIL`) |
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
    /// No space is left.
    #[error("{0}")]
    Full(String),
    /// What was restored may be there, wholly.
    #[error("{0}")]
    InDoubt(String),
    /// A signal came.
    #[error("{0}")]
    Stopped(String),
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
            Self::Unavailable(_) | Self::InDoubt(_) => 69,
            Self::Internal(_) => 70,
            Self::DataDir { .. } | Self::Full(_) => 73,
            Self::Listen { .. } => 74,
            Self::Stopped(_) => 75,
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

impl From<backup::Error> for Error {
    fn from(error: backup::Error) -> Self {
        let text = error.to_string();
        match error {
            error if error.is_in_doubt() => Self::InDoubt(text),
            backup::Error::Place { path, why } => Self::DataDir { path, why },
            backup::Error::NotWhole { .. } => Self::Data(text),
            backup::Error::Usage(_) => Self::Usage(text),
            backup::Error::Stopped => Self::Stopped(text),
            backup::Error::Lake(why) => match why {
                Lake::Unavailable { .. } | Lake::Conflict { .. } => Self::Unavailable(text),
                Lake::Full { .. } => Self::Full(text),
                Lake::Broken { .. } | Lake::NotFound { .. } => Self::Data(text),
                Lake::Unsupported { .. } | Lake::Invalid { .. } | Lake::AlreadyExists { .. } => {
                    Self::Usage(text)
                }
                Lake::Internal { .. } => Self::Internal(text),
            },
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
