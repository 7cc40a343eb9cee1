use std::io;
use std::path::{Path, PathBuf};

/// What can go wrong with a backup.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The lake: its catalog or its files.
    #[error("{0}")]
    Lake(#[from] crate::Error),
    /// A place that cannot be made, read or written, or that holds something already.
    #[error("{}: {why}", path.display())]
    Place {
        /// The directory or file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The backup is not whole, or is none.
    #[error("{} is no whole backup: {}", path.display(), problems.join("; "))]
    NotWhole {
        /// The backup.
        path: PathBuf,
        /// What is wrong, file by file.
        problems: Vec<String>,
    },
    /// What was asked for makes no sense with this lake and this backup.
    #[error("{0}")]
    Usage(String),
    /// It was told to stop. What it had made is removed.
    #[error("stopped; nothing was left behind")]
    Stopped,
}

/// Result of a backup.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(super) fn place(path: &Path, why: impl ToString) -> Self {
        Self::Place {
            path: path.to_owned(),
            why: why.to_string(),
        }
    }

    /// For `map_err` with errors of the system.
    pub(super) fn at(path: &Path) -> impl Fn(io::Error) -> Self {
        move |why| Self::place(path, why)
    }

    pub(super) fn not_whole(path: &Path, problem: impl Into<String>) -> Self {
        Self::NotWhole {
            path: path.to_owned(),
            problems: vec![problem.into()],
        }
    }
}
