use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a caller was turned away, or why the server cannot judge callers. No text of it holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Missing, malformed, wrong or expired credentials: one answer for all, so that it tells nothing about users.
    #[error("not authenticated: a valid user name and password, or a valid token, is required")]
    Unauthenticated,
    /// The caller is known and may not do this.
    #[error("user \"{user}\" is not allowed to do this")]
    Denied {
        /// The caller.
        user: String,
    },
    /// Too many passwords wait to be checked.
    #[error("too many logins at the same time; try again")]
    Busy,
    /// Who issued the token is trusted, and its keys are not known yet.
    #[error("the keys of the issuer \"{issuer}\" cannot be fetched now; try again")]
    IssuerAway {
        /// The issuer's name in the configuration.
        issuer: String,
    },
    /// A trusted issuer cannot be used as it is configured.
    #[error("{what}: {why}")]
    Issuer {
        /// The configuration key.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// Too many passwords were wrong.
    #[error("too many failed logins; try again in {} s", retry_after.as_secs_f64().ceil())]
    Throttled {
        /// After which a password is looked at again.
        retry_after: Duration,
    },
    /// A token cannot be made as was asked.
    #[error("{why}")]
    Token {
        /// What is wrong, and what is allowed.
        why: String,
    },
    /// A password, or a hash of one, cannot be used.
    #[error("{what}: {why}")]
    Password {
        /// The configuration key that holds it, or `password`.
        what: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file or directory with secrets cannot be read, made or trusted.
    #[error("{}: {why}", path.display())]
    Storage {
        /// The file or directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Other servers changed users and grants at the same time, again and again.
    #[error("users and grants are being changed by other servers at the same time; try again")]
    Contended,
    /// The place that keeps users and grants cannot be reached.
    #[error("users and grants cannot be read or changed now: {why}")]
    Unavailable {
        /// What went wrong.
        why: String,
    },
    /// A fault of the server.
    #[error("internal error: {why}")]
    Internal {
        /// What went wrong.
        why: String,
    },
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn storage(path: &Path, why: impl ToString) -> Self {
        Self::Storage {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }

    pub(crate) fn password(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Password {
            what: what.into(),
            why: why.to_string(),
        }
    }

    pub(crate) fn issuer(what: impl Into<String>, why: impl ToString) -> Self {
        Self::Issuer {
            what: what.into(),
            why: why.to_string(),
        }
    }

    pub(crate) fn token(why: impl ToString) -> Self {
        Self::Token {
            why: why.to_string(),
        }
    }

    pub(crate) fn internal(why: impl ToString) -> Self {
        Self::Internal {
            why: why.to_string(),
        }
    }
}
