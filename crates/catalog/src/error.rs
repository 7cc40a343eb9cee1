use std::path::PathBuf;

use crate::Refusal;

/// What can go wrong between a name and the rows behind it. Errors met while planning or scanning travel inside
/// `DataFusionError::External`, so that a caller can downcast to this type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A mount as a whole cannot be read: its path is missing, is of a kind that cannot be mounted, or is forbidden.
    #[error("mount '{name}' ({}): {why}", path.display())]
    Mount {
        /// Name of the mount in the configuration.
        name: String,
        /// The path that the operator gave.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// One file cannot be read: it is broken, has vanished or has been replaced since the statement was planned.
    #[error("file '{}': {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// Two files of one table hold a column of the same name with types that have no common type.
    #[error(
        "column '{column}' is {first_type} in file '{}' but {second_type} in file '{}'",
        first.display(), second.display()
    )]
    SchemaConflict {
        /// The column that both files have.
        column: String,
        /// The file that was read first.
        first: PathBuf,
        /// The column's Arrow type in it.
        first_type: String,
        /// The file that contradicts it.
        second: PathBuf,
        /// The column's Arrow type in that one.
        second_type: String,
    },
    /// The files behind a table are no longer those that the statement was planned on; planning it again helps.
    #[error("file '{}' of table '{table}' has changed since the statement was planned: {why}", path.display())]
    Changed {
        /// The table, qualified with its schema.
        table: String,
        /// The file that differs.
        path: PathBuf,
        /// How it differs.
        why: String,
    },
    /// Two entries of a mount would get the same table name; the second one has no name to be queried by.
    #[error("'{}' would be table '{table}', a name that '{}' already has", path.display(), taken_by.display())]
    NameTaken {
        /// The table name, qualified with its schema.
        table: String,
        /// The entry that comes second.
        path: PathBuf,
        /// The entry that holds the name.
        taken_by: PathBuf,
    },
    /// A write to a table that only reads files or the server's own state.
    #[error("table '{table}' is read-only: {why}")]
    ReadOnly {
        /// The table, qualified with its schema.
        table: String,
        /// Why it is, and what is possible instead.
        why: String,
    },
    /// Temporary tables that would take more memory than they may.
    #[error("{why}")]
    Full {
        /// How much they would take, and the configuration key that bounds it.
        why: String,
    },
    /// A store does not give or take an object.
    #[error("'{url}': {why}")]
    Object {
        /// The object.
        url: String,
        /// What kind of answer it was.
        refusal: Refusal,
        /// What the service said.
        why: String,
    },
    /// What the lake says.
    #[error(transparent)]
    Lake(#[from] godwit_lake::Error),
    /// A null for a column that holds none.
    #[error("column '{column}' of table '{table}' is NOT NULL, and a row has no value for it")]
    Null {
        /// The table, qualified with its schema.
        table: String,
        /// Its column.
        column: String,
    },
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
