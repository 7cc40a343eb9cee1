//! Short reads without another thread.

use std::path::PathBuf;
use std::sync::{Mutex, TryLockError};
use std::time::Duration;

use rusqlite::Connection;

use super::{pool, statement};
use crate::database::Row;

/// A connection for reads of a few pages that are nearly always in memory: handing these to another thread would take many times
/// as long as they do. It never waits for a lock.
#[derive(Debug)]
pub(super) struct Glance {
    file: PathBuf,
    connection: Mutex<Option<Connection>>,
}

impl Glance {
    pub(super) fn new(file: PathBuf) -> Self {
        Self {
            file,
            connection: Mutex::default(),
        }
    }

    /// The rows; `None` when that is not possible at once, or not at all.
    pub(super) fn query(&self, sql: &str) -> Option<Vec<Row>> {
        let mut held = match self.connection.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(held)) => held.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let connection = match held.take() {
            Some(connection) => connection,
            None => pool::open(&self.file, Duration::ZERO).ok()?,
        };
        // One that has failed is not used again.
        let rows = statement::query(&connection, sql, &[]).ok()?;
        *held = Some(connection);
        Some(rows)
    }
}
