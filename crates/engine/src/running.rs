//! The queries that run at this moment, and the record of how each ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use tokio::sync::Notify;
use tokio::task::AbortHandle;

use crate::{Error, Result};

/// How much of a statement's text a log line shows.
const SHOWN_SQL: usize = 200;

/// All running queries of a server.
#[derive(Debug, Default)]
pub(crate) struct Running {
    queries: Mutex<Queries>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Queries {
    closed: bool,
    next: u64,
    running: HashMap<u64, Query>,
}

#[derive(Debug)]
struct Query {
    user: Arc<str>,
    sql: Arc<str>,
    id: String,
    started: Instant,
    abort: Option<AbortHandle>,
}

/// A running query, as those see it who list them.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) sql: Arc<str>,
    pub(crate) started: Instant,
}

/// Registers a query for as long as it lives; dropping it records how the query ended.
#[derive(Debug)]
pub(crate) struct Record {
    running: Arc<Running>,
    key: u64,
    rows: u64,
    bytes: u64,
    end: End,
}

/// How a query ended. Until it says otherwise, it was cancelled.
#[derive(Debug, Clone)]
enum End {
    Cancelled,
    Finished,
    Failed(String),
}

impl Running {
    /// Registers a query.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`].
    pub(crate) fn begin(
        self: &Arc<Self>,
        id: String,
        user: &str,
        sql: &Arc<str>,
    ) -> Result<Record> {
        let mut queries = self.lock();
        if queries.closed {
            return Err(Error::ShuttingDown);
        }
        let key = queries.next;
        queries.next += 1;
        let query = Query {
            user: user.into(),
            sql: Arc::clone(sql),
            id,
            started: Instant::now(),
            abort: None,
        };
        queries.running.insert(key, query);
        Ok(Record {
            running: Arc::clone(self),
            key,
            rows: 0,
            bytes: 0,
            end: End::Cancelled,
        })
    }

    /// Whether new work is taken.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`].
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.lock().closed {
            Err(Error::ShuttingDown)
        } else {
            Ok(())
        }
    }

    /// Lets [`Self::cancel_all`] reach a query.
    pub(crate) fn attach(&self, key: u64, abort: AbortHandle) {
        if let Some(query) = self.lock().running.get_mut(&key) {
            query.abort = Some(abort);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().running.len()
    }

    /// The running queries of a user, or of all.
    pub(crate) fn of_user(&self, user: Option<&str>) -> Vec<Seen> {
        let queries = self.lock();
        let of_user = queries
            .running
            .values()
            .filter(|query| user.is_none_or(|user| query.user.as_ref() == user));
        of_user
            .map(|query| Seen {
                id: query.id.clone(),
                user: query.user.as_ref().into(),
                sql: Arc::clone(&query.sql),
                started: query.started,
            })
            .collect()
    }

    /// Takes no new queries from now on.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    pub(crate) fn cancel_all(&self) {
        for query in self.lock().running.values() {
            query.abort.iter().for_each(AbortHandle::abort);
        }
    }

    /// Waits until no query runs.
    pub(crate) async fn idle(&self) {
        loop {
            let changed = self.changed.notified();
            if self.len() == 0 {
                return;
            }
            changed.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queries> {
        self.queries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Record {
    pub(crate) fn key(&self) -> u64 {
        self.key
    }

    pub(crate) fn count(&mut self, rows: usize, bytes: usize) {
        self.rows += rows as u64;
        self.bytes += bytes as u64;
    }

    pub(crate) fn finish(&mut self) {
        self.end = End::Finished;
    }

    pub(crate) fn fail(&mut self, error: &Error) {
        self.end = match error {
            Error::Cancelled => End::Cancelled,
            other => End::Failed(other.to_string()),
        };
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let Some(query) = self.running.lock().running.remove(&self.key) else {
            return;
        };
        self.running.changed.notify_waiters();
        let (rows, bytes) = (self.rows, self.bytes);
        let milliseconds = u64::try_from(query.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let Query { id, user, sql, .. } = query;
        match &self.end {
            End::Finished => {
                tracing::info!(query_id = id, %user, rows, bytes, milliseconds, "query finished")
            }
            End::Cancelled => {
                tracing::info!(query_id = id, %user, rows, bytes, milliseconds, "query cancelled")
            }
            End::Failed(error) => {
                tracing::info!(query_id = id, %user, rows, bytes, milliseconds, error, "query failed");
            }
        }
        // What a statement says may be private; it is shown to those who ask for it.
        tracing::debug!(
            query_id = id,
            sql = sql.chars().take(SHOWN_SQL).collect::<String>(),
            "query text"
        );
    }
}
