use std::error::Error as StdError;

use tokio_postgres::Error as Failure;
use tokio_postgres::error::SqlState;

use super::Server;
use crate::Error;

/// What an error of PostgreSQL means for the lake.
pub(super) fn failed(server: &Server, why: &Failure) -> Error {
    let message = format!("the catalog {}: {}", server.name(), chain(why));
    let Some(code) = why.code() else {
        return if is_ours(why) {
            Error::internal(message)
        } else {
            Error::unavailable(message)
        };
    };
    let message = format!("{message} (SQLSTATE {})", code.code());
    match code.code().get(..2).unwrap_or_default() {
        _ if *code == SqlState::DISK_FULL || *code == SqlState::OUT_OF_MEMORY => {
            Error::full(message)
        }
        // Two commits at once: the primary keys of the catalog let one of them through.
        _ if *code == SqlState::UNIQUE_VIOLATION => Error::conflict(message),
        _ if *code == SqlState::LOCK_NOT_AVAILABLE => Error::conflict(format!(
            "{message}; another process has been writing to it for ten seconds"
        )),
        _ if *code == SqlState::DUPLICATE_TABLE => Error::conflict(message),
        "40" => Error::conflict(message),
        _ if *code == SqlState::UNDEFINED_TABLE || *code == SqlState::UNDEFINED_COLUMN => {
            Error::broken(message)
        }
        "XX" => Error::broken(message),
        "08" | "25" | "28" | "3D" | "3F" | "53" | "55" | "57" | "58" => Error::unavailable(message),
        _ if *code == SqlState::INSUFFICIENT_PRIVILEGE => Error::unavailable(message),
        _ => Error::internal(message),
    }
}

/// Whether the connection is gone, and with it a transaction that was not committed.
pub(super) fn is_lost(why: &Failure) -> bool {
    match why.code() {
        Some(code) => {
            let shut = [
                &SqlState::ADMIN_SHUTDOWN,
                &SqlState::CRASH_SHUTDOWN,
                &SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
            ];
            code.code().starts_with("08") || shut.contains(&code)
        }
        None => why.is_closed() || !is_ours(why),
    }
}

/// An error with its causes, as one text. The server's own words come instead of `db error`.
pub(super) fn chain(why: &Failure) -> String {
    if let Some(said) = why.as_db_error() {
        let detail = said.detail().map(|detail| format!(": {detail}"));
        return format!("{}{}", said.message(), detail.unwrap_or_default());
    }
    let mut text = why.to_string();
    let mut cause = why.source();
    while let Some(why) = cause {
        text = format!("{text}: {why}");
        cause = why.source();
    }
    if text.contains("invalid peer certificate") {
        text.push_str("; add sslmode=disable to lake.catalog to go without TLS, or name the file of its authority in SSL_CERT_FILE");
    }
    text
}

/// Whether a statement and its values, not the connection, did not go together.
fn is_ours(why: &Failure) -> bool {
    let text = why.to_string();
    text.starts_with("error serializing")
        || text.starts_with("error deserializing")
        || text.starts_with("expected ")
}
