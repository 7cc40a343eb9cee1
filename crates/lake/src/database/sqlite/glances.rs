//! Reads that are made on the thread that asks, since they wait for nothing.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

use super::pool::open;
use super::statement;
use crate::database::Row;

/// Connections that wait for no lock.
#[derive(Debug)]
pub(super) struct Glances {
    file: PathBuf,
    most: usize,
    idle: Mutex<Vec<Connection>>,
}

impl Glances {
    pub(super) fn new(file: &Path, most: usize) -> Self {
        Self {
            file: file.to_owned(),
            most,
            idle: Mutex::default(),
        }
    }

    /// `None` when there is no connection, or somebody has the lock, or whatever goes wrong: who then reads in the usual way
    /// is told.
    pub(super) fn query(&self, sql: &str) -> Option<Vec<Row>> {
        let connection = self.idle().pop()?;
        let rows = statement::query(&connection, sql, &[]).ok();
        if rows.is_some() {
            self.give(connection);
        }
        rows
    }

    /// Opens one more, unless there are enough that nobody uses. Blocks.
    pub(super) fn grow(&self) {
        if self.idle().len() >= self.most {
            return;
        }
        if let Ok(connection) = open(&self.file, Duration::ZERO) {
            self.give(connection);
        }
    }

    fn give(&self, connection: Connection) {
        let mut idle = self.idle();
        if idle.len() < self.most {
            idle.push(connection);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
