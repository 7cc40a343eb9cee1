use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::{Error, Result};

/// How long a call waits for a lock that another process has.
const BUSY: Duration = Duration::from_secs(10);

/// How many prepared statements a connection keeps.
const STATEMENTS: usize = 128;

/// Connections that nobody uses right now, and how many there may be.
#[derive(Debug)]
pub(super) struct Pool {
    file: PathBuf,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
    /// How many leases there have been.
    turns: AtomicU64,
}

/// The right to one connection. It goes back without a transaction.
#[derive(Debug)]
pub(super) struct Lease {
    pool: Arc<Pool>,
    connection: Option<Connection>,
    permit: Option<OwnedSemaphorePermit>,
    turn: u64,
}

impl Pool {
    pub(super) fn new(file: &Path, most: usize) -> Arc<Self> {
        Arc::new(Self {
            file: file.to_owned(),
            idle: Mutex::default(),
            permits: Arc::new(Semaphore::new(most)),
            turns: AtomicU64::new(0),
        })
    }

    pub(super) async fn lease(self: &Arc<Self>) -> Result<Lease> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        Ok(Lease {
            pool: Arc::clone(self),
            connection: self.take(),
            permit: Some(permit.map_err(Error::internal)?),
            turn: self.turns.fetch_add(1, Ordering::Relaxed),
        })
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.pop()
    }

    fn give(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(connection);
    }
}

/// Never makes the file: one that was taken away is an error, not an empty database.
pub(super) fn open(file: &Path, busy: Duration) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(busy)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    connection.pragma_update(None, "synchronous", "FULL")?;
    Ok(connection)
}

impl Lease {
    /// Numbers the leases of a pool from zero.
    pub(super) fn turn(&self) -> u64 {
        self.turn
    }

    /// Blocks where it has to be opened.
    pub(super) fn connection(&mut self) -> rusqlite::Result<&Connection> {
        match &mut self.connection {
            Some(connection) => Ok(connection),
            none => Ok(none.insert(open(&self.pool.file, BUSY)?)),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        if connection.is_autocommit() {
            return self.pool.give(connection);
        }
        let (pool, permit) = (Arc::clone(&self.pool), self.permit.take());
        let end = move || {
            // A connection that cannot even roll back is closed, which does.
            if connection.execute_batch("ROLLBACK").is_ok() {
                pool.give(connection);
            }
            drop(permit);
        };
        match Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(end)),
            Err(_) => end(),
        }
    }
}
