use std::path::{Path, PathBuf};

/// Why events cannot be written or read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The directory or one of its files.
    #[error("{}: {why}", path.display())]
    Storage {
        /// The directory or file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Events cannot be written at the moment, and nothing is to happen without them (`audit.on_failure = "refuse"`).
    #[error(
        "the audit log cannot be written, and nothing is done without it (audit.on_failure); try again later"
    )]
    Refused,
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn storage(path: &Path, why: impl ToString) -> Self {
        Self::Storage {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }
}
