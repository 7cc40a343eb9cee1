use std::error::Error as StdError;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use godwit_protocol::StatementId;

use crate::shown::shown_in_log;

mod codes;
mod translate;

/// Everything that can go wrong between a permitted command and its rows.
///
/// A user's mistake carries a message for the user. [`Error::Internal`] is our mistake: its cause is logged when the
/// value is made, and only the query id leaves the server.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The text is no SQL statement of this dialect.
    #[error("{message}")]
    Syntax {
        /// What the parser stumbled on, with line and column where it knows them.
        message: String,
    },
    /// The statement, a parameter or an option is well-formed, but makes no sense here, or its evaluation failed on
    /// the values it met (division by zero, a cast that does not fit).
    #[error("{message}")]
    InvalidInput {
        /// What is wrong and what is possible instead.
        message: String,
    },
    /// A table, schema, statement, setting or session that does not exist.
    #[error("{message}")]
    NotFound {
        /// What was looked for, where, and the nearest name.
        message: String,
    },
    /// A table that exists and was not to.
    #[error("{message}")]
    AlreadyExists {
        /// The table.
        message: String,
    },
    /// SQL that this server understands but does not do.
    #[error("{message}")]
    Unsupported {
        /// What it is, and what to do instead where there is something.
        message: String,
    },
    /// A write to something that can only be read.
    #[error("{message}")]
    ReadOnly {
        /// The table or file, and why it is read-only.
        message: String,
    },
    /// The user may not do this.
    #[error("{message}")]
    Denied {
        /// What was denied; it does not tell whether the thing exists.
        message: String,
    },
    /// A request above one of the documented limits.
    #[error("{what} of {value} bytes is above the limit of {allowed} ({limit})")]
    TooLarge {
        /// What was measured, in words.
        what: &'static str,
        /// The configuration key of the limit.
        limit: &'static str,
        /// What the request needs, in bytes.
        value: u64,
        /// What is allowed, in bytes.
        allowed: u64,
    },
    /// Memory, spill space, sessions or statements are used up.
    #[error("{message}")]
    ResourcesExhausted {
        /// What is used up, by what, and the configuration key that bounds it.
        message: String,
    },
    /// There is no place for it now, and no room to wait for one.
    #[error("{message}")]
    Busy {
        /// Which bound was met, its configuration key, and when to try again.
        message: String,
        /// When trying again is worth it.
        retry_after: Duration,
    },
    /// The query was cancelled before its end.
    #[error("the query was cancelled")]
    Cancelled,
    /// The query was ended by KILL, its own user's or an administrator's.
    #[error("{message}")]
    Killed {
        /// Who did it.
        message: String,
    },
    /// The query ran longer than `query.timeout`, `query.role_timeouts` or the session's `timeout` allow.
    #[error(
        "the query was stopped after {seconds} s, the time it is allowed (query.timeout, query.role_timeouts, or SET timeout)"
    )]
    DeadlineExceeded {
        /// The time that was allowed, in seconds.
        seconds: f64,
    },
    /// The client has sent nothing more of its rows for too long.
    #[error("{message}")]
    Stalled {
        /// For how long, and the configuration key that bounds it.
        message: String,
    },
    /// A file that cannot be read.
    #[error("{}{why}", named(file.as_ref()))]
    BrokenData {
        /// The file, where the reader knows it.
        file: Option<PathBuf>,
        /// What is wrong with it.
        why: String,
    },
    /// A table is no longer what the statement was planned on.
    #[error("{message}")]
    Conflict {
        /// What changed, and that planning again helps.
        message: String,
    },
    /// Another transaction committed first. Nothing of this one was kept.
    #[error("{message}")]
    Aborted {
        /// Which table, what the other transaction did, and that trying again helps.
        message: String,
    },
    /// The lake's catalog database or its object store does not answer.
    #[error("{message}")]
    Unavailable {
        /// What was tried and what came back.
        message: String,
    },
    /// The server is going down and takes no new work.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// Our mistake.
    #[error("internal error; the server's log has the cause under query id {query_id}")]
    Internal {
        /// Under which the cause was logged.
        query_id: String,
        /// The cause, for the log only.
        source: Arc<dyn StdError + Send + Sync>,
    },
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Says what a part of the statement the error is about, where it is about what was written.
    pub(crate) fn about(self, what: impl fmt::Display) -> Self {
        let about = |message: String| format!("{what}: {message}");
        match self {
            Self::Syntax { message } => Self::syntax(about(message)),
            Self::InvalidInput { message } => Self::invalid(about(message)),
            Self::NotFound { message } => Self::not_found(about(message)),
            Self::Unsupported { message } => Self::unsupported(about(message)),
            other => other,
        }
    }

    pub(crate) fn syntax(message: impl Into<String>) -> Self {
        Self::Syntax {
            message: message.into(),
        }
    }

    pub(crate) fn invalid(message: impl Into<String>) -> Self {
        Self::InvalidInput {
            message: message.into(),
        }
    }

    pub(crate) fn not_found(message: impl Into<String>) -> Self {
        Self::NotFound {
            message: message.into(),
        }
    }

    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::Unsupported {
            message: message.into(),
        }
    }

    pub(crate) fn exhausted(message: impl Into<String>) -> Self {
        Self::ResourcesExhausted {
            message: message.into(),
        }
    }

    /// Our mistake: the one place where its cause is logged. `place` is the id of the query, or the step of the engine
    /// where there is no query; then the error gets an id of its own.
    pub(crate) fn internal(
        place: &str,
        source: impl Into<Box<dyn StdError + Send + Sync>>,
    ) -> Self {
        let source: Arc<dyn StdError + Send + Sync> = Arc::from(source.into());
        let is_id = place.len() == 32 && place.bytes().all(|byte| byte.is_ascii_hexdigit());
        let query_id = if is_id {
            place.to_owned()
        } else {
            StatementId::random().to_string()
        };
        let cause = source.to_string();
        tracing::error!(query_id, place, error = %shown_in_log(&cause), "internal error");
        Self::Internal { query_id, source }
    }
}

fn named(file: Option<&PathBuf>) -> String {
    file.map(|file| format!("file '{}': ", file.display()))
        .unwrap_or_default()
}
