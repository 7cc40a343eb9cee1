//! The queries that run at this moment, and the record of how each ended.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use godwit_audit::Statement;
use tokio::sync::Notify;
use tokio::task::AbortHandle;
use tracing::{Span, field};

use crate::audit::{End, Facts, Watch, Watched};
use crate::operators::is_traced;
use crate::{Error, Result};

mod gauge;
mod live;

pub(crate) use gauge::{Gauge, counted};
pub(crate) use live::{Killer, Live, Phase, Times};

/// How much of a statement's text a log line shows.
const SHOWN_SQL: usize = 200;

/// All running queries of a server.
#[derive(Debug)]
pub(crate) struct Running {
    queries: Mutex<Queries>,
    changed: Notify,
    watch: Watch,
}

#[derive(Debug, Default)]
struct Queries {
    closed: bool,
    next: u64,
    running: HashMap<u64, Query>,
}

#[derive(Debug)]
struct Query {
    statement: Arc<Statement>,
    live: Arc<Live>,
    abort: Option<AbortHandle>,
}

/// A running query, as those see it who list them.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) statement: Arc<Statement>,
    pub(crate) live: Arc<Live>,
}

/// Registers a query for as long as it lives; dropping it records how the query ended.
#[derive(Debug)]
pub(crate) struct Record {
    running: Arc<Running>,
    key: u64,
    watched: Watched,
    /// Whether it is of the planning of a statement, which is no run of it.
    plans: bool,
    /// What a collector of traces gets; it lasts as long as the record. The work is to be done within it.
    span: Span,
}

impl Running {
    pub(crate) fn new(watch: Watch) -> Self {
        Self {
            queries: Mutex::default(),
            changed: Notify::new(),
            watch,
        }
    }

    pub(crate) fn watch(&self) -> &Watch {
        &self.watch
    }

    /// Registers a query.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`]; [`Error::Unavailable`] when it cannot be noted that it runs.
    pub(crate) fn begin(self: &Arc<Self>, facts: Facts<'_>) -> Result<Record> {
        self.watch.check()?;
        self.check_open()?;
        let watched = self.watch.begin(facts);
        let mut queries = self.lock();
        if queries.closed {
            return Err(Error::ShuttingDown);
        }
        Ok(self.record(&mut queries, watched, false))
    }

    /// Registers a statement that is being planned: it is noted when it comes to nothing.
    pub(crate) fn plan(self: &Arc<Self>, facts: Facts<'_>) -> Record {
        let watched = self.watch.plan(facts);
        watched.live.enter(Phase::Planning);
        self.record(&mut self.lock(), watched, true)
    }

    fn record(self: &Arc<Self>, queries: &mut Queries, watched: Watched, plans: bool) -> Record {
        let key = queries.next;
        queries.next += 1;
        let span = span(&watched.statement.query_id, plans);
        let query = Query {
            statement: Arc::clone(&watched.statement),
            live: Arc::clone(&watched.live),
            abort: None,
        };
        queries.running.insert(key, query);
        Record {
            running: Arc::clone(self),
            key,
            watched,
            plans,
            span,
        }
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

    /// Lets [`Self::cancel_all`] and [`Self::kill`] reach a query.
    pub(crate) fn attach(&self, key: u64, abort: AbortHandle) {
        if let Some(query) = self.lock().running.get_mut(&key) {
            if query.live.killer().is_some() {
                abort.abort();
            }
            query.abort = Some(abort);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().running.len()
    }

    /// How many wait, are being planned, and run.
    pub(crate) fn phases(&self) -> [u64; 3] {
        let mut counts = [0; 3];
        let queries = self.lock();
        let run = |query: &&Query| !query.live.has_ended();
        for query in queries.running.values().filter(run) {
            let [queued, planning, executing] = &mut counts;
            *match query.live.phase() {
                Phase::Queued => queued,
                Phase::Planning => planning,
                Phase::Executing | Phase::Sending => executing,
            } += 1;
        }
        counts
    }

    /// The running queries of a user, or of all.
    pub(crate) fn of_user(&self, user: Option<&str>) -> Vec<Seen> {
        let queries = self.lock();
        let of_user = queries.running.values().filter(|query| {
            let is_seen = user.is_none_or(|user| query.statement.user.as_ref() == user);
            is_seen && !query.live.has_ended()
        });
        of_user
            .map(|query| Seen {
                statement: Arc::clone(&query.statement),
                live: Arc::clone(&query.live),
            })
            .collect()
    }

    /// Takes no new queries from now on.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
    }

    /// Ends the statements that there is somebody for who ends them; those that are ended.
    pub(crate) fn kill(&self, by: impl Fn(&Statement) -> Option<Killer>) -> Vec<u64> {
        let queries = self.lock();
        let killed = queries.running.iter().filter_map(|(key, query)| {
            query.live.kill(by(&query.statement)?);
            query.abort.iter().for_each(AbortHandle::abort);
            Some(*key)
        });
        killed.collect()
    }

    /// Waits until none of these runs any more.
    pub(crate) async fn gone(&self, keys: &[u64]) {
        loop {
            let changed = self.changed.notified();
            let is_there = |key| self.lock().running.contains_key(key);
            if !keys.iter().any(is_there) {
                return;
            }
            changed.await;
        }
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

/// Below the span of the call that it is begun in; none where that is not traced.
fn span(query_id: &str, plans: bool) -> Span {
    if !is_traced() {
        Span::none()
    } else if plans {
        tracing::info_span!(target: "godwit_trace", "plan", query_id)
    } else {
        tracing::info_span!(
            target: "godwit_trace",
            "execute",
            query_id,
            rows = field::Empty,
            bytes = field::Empty,
            peak_memory_bytes = field::Empty,
            spilled_bytes = field::Empty,
        )
    }
}

impl Record {
    pub(crate) fn key(&self) -> u64 {
        self.key
    }

    pub(crate) fn query_id(&self) -> &str {
        &self.watched.statement.query_id
    }

    pub(crate) fn live(&self) -> &Arc<Live> {
        &self.watched.live
    }

    /// What the work is to be done within, so that its operators have their place in a trace.
    pub(crate) fn span(&self) -> Span {
        self.span.clone()
    }

    pub(crate) fn count(&self, rows: usize, bytes: usize) {
        self.live().count(rows as u64, bytes as u64);
    }

    /// How planning went, whose success is nothing to be noted.
    ///
    /// # Errors
    /// The error that it is given, as it may be shown.
    pub(crate) fn planned<T>(mut self, outcome: Result<T>) -> Result<T> {
        if outcome.is_ok() {
            self.watched.hush();
        }
        self.watched.settle(outcome)
    }

    /// Tells the collector what the statement has given and taken.
    fn note_figures(&self) {
        if self.plans || self.span.is_disabled() {
            return;
        }
        let live = self.live();
        // Only signed numbers come through as numbers.
        let note = |name: &str, figure: u64| {
            self.span.record(name, figure.cast_signed());
        };
        note("rows", live.rows());
        note("bytes", live.bytes());
        note("spilled_bytes", live.spilled());
        if let Some(peak) = live.peak_memory() {
            note("peak_memory_bytes", peak);
        }
    }

    fn log(&self, statement: &Statement) {
        let live = self.live();
        let (rows, bytes) = (live.rows(), live.bytes());
        let milliseconds = live.milliseconds();
        let Statement {
            query_id: id,
            user,
            sql,
            ..
        } = statement;
        match (&self.watched.end, live.killer()) {
            (End::Finished, _) => {
                tracing::debug!(query_id = %id, %user, rows, bytes, milliseconds, "query finished");
            }
            (End::Cancelled, Some(_)) => {
                tracing::info!(query_id = %id, %user, rows, bytes, milliseconds, "query killed");
            }
            (End::Cancelled, None) => {
                tracing::info!(query_id = %id, %user, rows, bytes, milliseconds, "query cancelled");
            }
            (End::Failed { code, message }, _) => {
                let error = message.as_deref().unwrap_or(code);
                tracing::info!(query_id = %id, %user, rows, bytes, milliseconds, error, "query failed");
            }
        }
        // What a statement says may be private; it is shown to those who ask for it.
        tracing::debug!(
            query_id = %id,
            sql = sql.chars().take(SHOWN_SQL).collect::<String>(),
            "query text"
        );
    }

    /// Notes that it has come to its end, before its caller can know.
    pub(crate) fn finish(&mut self) {
        self.watched.end = End::Finished;
        self.watched.tell();
    }

    /// Notes why it failed, before its caller can know; the error comes back as it may be shown.
    pub(crate) fn fail(&mut self, error: Error) -> Error {
        let error = self.watched.fail(error);
        self.watched.tell();
        error
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        // Before it is gone from the list: a server that stops waits for that, and then for nothing more to be noted.
        self.watched.tell();
        self.live().close();
        self.note_figures();
        let Some(query) = self.running.lock().running.remove(&self.key) else {
            return;
        };
        self.running.changed.notify_waiters();
        if !self.plans {
            self.log(&query.statement);
        }
    }
}
