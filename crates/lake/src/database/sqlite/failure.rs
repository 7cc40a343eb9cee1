use std::path::Path;

use rusqlite::ErrorCode;

use crate::Error;

/// What an error of SQLite means for the lake.
pub(super) fn failed(file: &Path, why: &rusqlite::Error) -> Error {
    let message = format!("the catalog {}: {why}", file.display());
    match why.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => Error::full(message),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::conflict(format!(
            "{message}; another process has been writing to it for ten seconds"
        )),
        Some(ErrorCode::ConstraintViolation) => Error::conflict(message),
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::SchemaChanged) => {
            Error::broken(message)
        }
        Some(
            ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::SystemIoFailure
            | ErrorCode::PermissionDenied
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::AuthorizationForStatementDenied
            | ErrorCode::NoLargeFileSupport
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::OperationAborted,
        ) => Error::unavailable(message),
        _ if lacks(&why.to_string()) => Error::broken(message),
        _ if matches!(why, rusqlite::Error::Utf8Error(..)) => Error::broken(message),
        _ => Error::internal(message),
    }
}

/// Whether the disk, not the statement, was the reason.
pub(super) fn is_io(why: &rusqlite::Error) -> bool {
    why.sqlite_error_code() == Some(ErrorCode::SystemIoFailure)
}

/// Whether somebody else has a lock.
pub(super) fn is_busy(why: &rusqlite::Error) -> bool {
    let code = why.sqlite_error_code();
    matches!(
        code,
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked)
    )
}

/// SQLite has no code of its own for a table or column that is not there.
fn lacks(message: &str) -> bool {
    message.contains("no such table") || message.contains("no such column")
}
