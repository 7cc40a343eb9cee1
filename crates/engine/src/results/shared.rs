use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use arrow::datatypes::SchemaRef;
use godwit_protocol::StatementId;
use tokio::sync::watch;

use super::KeptState;
use super::file::{Chunk, ResultFile};
use crate::plan::Plan;
use crate::progress::Progress;
use crate::runtime::Task;
use crate::{Error, Result, Statement};

/// A kept result, as its writer, its readers and those who wait for it share it.
pub(super) struct Shared {
    pub(super) id: StatementId,
    pub(super) user: String,
    pub(super) sql: Arc<str>,
    pub(super) schema: SchemaRef,
    pub(super) ordered: bool,
    pub(super) parts: u32,
    pub(super) max_batch_rows: Option<usize>,
    pub(super) progress: Arc<Progress>,
    written: watch::Sender<Written>,
    life: Mutex<Life>,
}

/// What has been written.
#[derive(Default)]
pub(super) struct Written {
    /// There from the first row until the result has failed.
    pub(super) file: Option<Arc<ResultFile>>,
    pub(super) chunks: Vec<Chunk>,
    pub(super) rows: u64,
    bytes: u64,
    /// How it ended, once it has.
    pub(super) end: Option<Result<()>>,
}

struct Life {
    /// The query and its writer, while they run.
    task: Option<Task<()>>,
    /// When somebody last asked for the result, or its query ended.
    touched: Instant,
    readers: usize,
    /// How many have come so far.
    came: u64,
    /// The parts that somebody has read to their end.
    read: Vec<bool>,
}

impl Shared {
    pub(super) fn new(statement: &Statement, plan: &Plan, parts: u32) -> Self {
        Self {
            ordered: statement.ordered(),
            ..Self::of(
                (statement.id, Arc::clone(&statement.sql)),
                statement.user(),
                Arc::clone(&statement.schema),
                plan.state.wanted_batch_rows(),
                parts,
            )
        }
    }

    /// The rows that a change returns, in one part.
    pub(super) fn of_change(
        named: (StatementId, Arc<str>),
        user: &str,
        schema: SchemaRef,
        max_batch_rows: Option<usize>,
    ) -> Self {
        Self::of(named, user, schema, max_batch_rows, 1)
    }

    fn of(
        (id, sql): (StatementId, Arc<str>),
        user: &str,
        schema: SchemaRef,
        max_batch_rows: Option<usize>,
        parts: u32,
    ) -> Self {
        let life = Life {
            task: None,
            touched: Instant::now(),
            readers: 0,
            came: 0,
            read: vec![false; parts as usize],
        };
        Self {
            id,
            user: user.to_owned(),
            sql,
            schema,
            ordered: false,
            parts,
            max_batch_rows,
            progress: Arc::default(),
            written: watch::Sender::new(Written::default()),
            life: Mutex::new(life),
        }
    }

    /// Gives it the task that writes it. Dropping that ends the query.
    pub(super) fn attach(&self, task: Task<()>) {
        let ended = self.written.borrow().end.is_some();
        if !ended {
            self.life().task = Some(task);
        }
    }

    /// The rows are in this file.
    pub(super) fn open(&self, file: &Arc<ResultFile>) {
        self.written.send_if_modified(|written| {
            if written.end.is_none() {
                written.file = Some(Arc::clone(file));
            }
            false
        });
    }

    /// More rows are there.
    pub(super) fn add(&self, chunk: Chunk) {
        self.written.send_modify(|written| {
            written.chunks.push(chunk);
            written.rows += chunk.rows;
            written.bytes += chunk.bytes;
        });
    }

    /// The query has ended; the first who says so is right. What failed has no rows.
    pub(super) fn end(&self, outcome: Result<()>) -> bool {
        let mut dropped = None;
        let is_first = self.written.send_if_modified(|written| {
            if written.end.is_some() {
                return false;
            }
            dropped = written.fail_if(outcome.is_err());
            written.end = Some(outcome);
            true
        });
        if is_first {
            self.progress.close();
            self.touch();
        }
        is_first
    }

    /// Stops the query, or drops the rows that it left. `false` when there are none any more.
    pub(super) fn cancel(&self) -> bool {
        let task = self.life().task.take();
        let mut dropped = None;
        let had = self.written.send_if_modified(|written| {
            let had = !matches!(written.end, Some(Err(_)));
            dropped = written.fail_if(true);
            if had {
                written.end = Some(Err(Error::Cancelled));
            }
            had
        });
        drop(task);
        self.progress.close();
        had
    }

    pub(super) fn state(&self) -> KeptState {
        let written = self.written.borrow();
        match &written.end {
            None => KeptState::Running,
            Some(Ok(())) => KeptState::Finished {
                rows: written.rows,
                bytes: written.bytes,
            },
            Some(Err(error)) => KeptState::Failed(error.clone()),
        }
    }

    pub(super) fn has_failed(&self) -> bool {
        matches!(self.written.borrow().end, Some(Err(_)))
    }

    pub(super) fn progress(&self) -> Option<f64> {
        match self.written.borrow().end {
            Some(Ok(())) => Some(1.0),
            _ => self.progress.fraction(),
        }
    }

    /// What is written now and later.
    pub(super) fn watch(&self) -> watch::Receiver<Written> {
        self.written.subscribe()
    }

    pub(super) async fn ended(&self) {
        let mut written = self.watch();
        // The sender is in this value, so that it cannot go before the end.
        let _ = written.wait_for(|written| written.end.is_some()).await;
    }

    /// Somebody asks for it.
    pub(super) fn touch(&self) {
        self.life().touched = Instant::now();
    }

    /// When it is forgotten: not while it is read.
    pub(super) fn expires(&self, ttl: Duration) -> Instant {
        let life = self.life();
        let since = if life.readers > 0 {
            Instant::now()
        } else {
            life.touched
        };
        since + ttl
    }

    pub(super) fn is_read(&self) -> bool {
        self.life().readers > 0
    }

    pub(super) fn reader_came(&self) {
        let mut life = self.life();
        life.readers += 1;
        life.came += 1;
    }

    pub(super) fn reader_went(&self) {
        let mut life = self.life();
        life.readers = life.readers.saturating_sub(1);
        life.touched = Instant::now();
    }

    /// When its query still runs and its last reader has gone: how many had come. Nobody may be interested any more.
    pub(super) fn left_by(&self) -> Option<u64> {
        let runs = self.written.borrow().end.is_none();
        let life = self.life();
        (runs && life.readers == 0).then_some(life.came)
    }

    /// Whether every part was read to its end, and nobody reads one again.
    pub(super) fn is_done(&self) -> bool {
        let life = self.life();
        life.readers == 0 && life.read.iter().all(|read| *read)
    }

    /// Drops the rows; who holds it still finds none.
    pub(super) fn discard(&self) {
        let mut dropped = None;
        self.written.send_modify(|written| {
            dropped = written.fail_if(true);
            written.end = Some(Err(gone()));
        });
    }

    /// A part was read to its end.
    pub(super) fn was_read(&self, part: u32) {
        if let Some(read) = self.life().read.get_mut(part as usize) {
            *read = true;
        }
    }

    fn life(&self) -> MutexGuard<'_, Life> {
        self.life.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is said of a result that is not there any more.
pub(super) fn gone() -> Error {
    Error::not_found(
        "the result is gone: it was read to its end, or nobody asked for it for too long (results.ttl); \
         run the statement again",
    )
}

impl Written {
    /// What there is to drop outside of the lock when it has failed.
    fn fail_if(&mut self, failed: bool) -> Option<(Option<Arc<ResultFile>>, Vec<Chunk>)> {
        failed.then(|| (self.file.take(), std::mem::take(&mut self.chunks)))
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}
