use std::error::Error as StdError;
use std::sync::Arc;

/// What can go wrong with durable tables.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// A schema, table, column or snapshot that does not exist.
    #[error("{message}")]
    NotFound {
        /// What was looked for, and where.
        message: String,
    },
    /// Something that exists and was not to.
    #[error("{message}")]
    AlreadyExists {
        /// What it is.
        message: String,
    },
    /// A change that makes no sense on these tables, or values that do not fit them.
    #[error("{message}")]
    Invalid {
        /// What is wrong, where, and what is allowed.
        message: String,
    },
    /// What the lake cannot keep or do: a type, a kind of change.
    #[error("{message}")]
    Unsupported {
        /// What it is, and what to do instead where there is something.
        message: String,
    },
    /// Another transaction committed first. Nothing of this one was kept; it can be tried again.
    #[error("{message}")]
    Conflict {
        /// Which table, and what the other transaction did with it.
        message: String,
    },
    /// The catalog database or the object store does not answer, or answers with an error. Nothing was changed, unless
    /// the message says that this is not known.
    #[error("{message}")]
    Unavailable {
        /// What was tried and what came back.
        message: String,
    },
    /// No space is left: on the disk, or in the memory that the server may use.
    #[error("{message}")]
    Full {
        /// What is full, and the key that bounds it where there is one.
        message: String,
    },
    /// The catalog or a file is not what it has to be.
    #[error("{message}")]
    Broken {
        /// Which one, and what is wrong with it.
        message: String,
    },
    /// Our mistake.
    #[error("{source}")]
    Internal {
        /// The cause, for the log.
        source: Arc<dyn StdError + Send + Sync>,
    },
}

/// Equal when they say the same.
impl PartialEq for Error {
    fn eq(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
            && self.to_string() == other.to_string()
    }
}

impl Eq for Error {}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

macro_rules! with_message {
    ($($name:ident => $variant:ident),*) => {
        impl Error {
            $(pub(crate) fn $name(message: impl Into<String>) -> Self {
                Self::$variant { message: message.into() }
            })*

            pub(crate) fn internal(source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
                Self::Internal { source: Arc::from(source.into()) }
            }
        }
    };
}

with_message! {
    not_found => NotFound,
    exists => AlreadyExists,
    invalid => Invalid,
    unsupported => Unsupported,
    conflict => Conflict,
    unavailable => Unavailable,
    full => Full,
    broken => Broken
}

/// How the message of an error ends that leaves open whether it was committed.
const IN_DOUBT: &str = "; whether the transaction was committed is not known";

impl Error {
    /// Whether what failed may have happened all the same: a commit whose answer was lost. Files that it needs must stay.
    pub fn is_in_doubt(&self) -> bool {
        matches!(self, Self::Unavailable { message } if message.ends_with(IN_DOUBT))
    }

    /// The commit failed in this way, and may have happened.
    pub(crate) fn in_doubt(why: impl std::fmt::Display) -> Self {
        Self::unavailable(format!("{why}{IN_DOUBT}"))
    }
}
