//! Statements that have ended: the newest in memory, to be shown, and in files, so that a next start still knows them.
//!
//! Whoever ends a statement hands it over and goes on; one thread writes. What is lost when the disk is full or slow is
//! said in the log, and shown until the next start all the same.

use std::collections::VecDeque;
use std::fmt;
use std::path::Path;
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chrono::Utc;
use godwit_config::Config;

use crate::{Error, Result};

mod entry;
mod files;

pub(crate) use entry::{Entry, Known};
use files::Files;

/// How many ends may wait to be written.
const WAITING: usize = 4096;

/// What of the past is kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    /// `history.max_rows`
    pub(crate) max_rows: usize,
    /// `history.max_age`
    pub(crate) max_age: Duration,
    /// `history.max_bytes`
    pub(crate) max_bytes: u64,
}

/// The statements that have ended. A clone is cheap and is the same history.
#[derive(Clone)]
pub(crate) struct History {
    shared: Arc<Shared>,
}

struct Shared {
    bounds: Bounds,
    /// Oldest first.
    kept: Mutex<Kept>,
    writer: Mutex<Option<Writer>>,
}

#[derive(Default)]
struct Kept {
    entries: VecDeque<Arc<Entry>>,
    bytes: u64,
    /// Whether it was said that entries do not reach the file, since one last did.
    told: bool,
}

struct Writer {
    queue: SyncSender<Arc<Entry>>,
    thread: JoinHandle<()>,
}

impl Bounds {
    fn new(config: &Config) -> Self {
        Self {
            max_rows: config.history.max_rows,
            max_age: config.history.max_age,
            max_bytes: config.history.max_bytes,
        }
    }

    /// The earliest time that is still shown, in microseconds since 1970.
    fn oldest(self) -> i64 {
        let age = i64::try_from(self.max_age.as_micros()).unwrap_or(i64::MAX);
        Utc::now().timestamp_micros().saturating_sub(age)
    }
}

impl History {
    /// Reads what was kept before, and starts the thread that writes. Where `history.max_rows` is 0 nothing is kept.
    ///
    /// # Errors
    /// When the directory `history` of the data directory cannot be used.
    pub(crate) fn start(config: &Config) -> Result<Self> {
        let bounds = Bounds::new(config);
        let history = Self {
            shared: Arc::new(Shared {
                bounds,
                kept: Mutex::default(),
                writer: Mutex::default(),
            }),
        };
        if bounds.max_rows > 0 {
            history.open(&config.data_dir.join("history"))?;
        }
        Ok(history)
    }

    fn open(&self, dir: &Path) -> Result<()> {
        let failed = |error: std::io::Error| {
            let dir = dir.display();
            Error::invalid(format!(
                "the directory '{dir}' of the history of statements cannot be used: {error}"
            ))
        };
        let (mut files, entries) = Files::open(dir, self.shared.bounds).map_err(failed)?;
        for entry in entries {
            self.keep(Arc::new(entry));
        }
        let (queue, ended) = sync_channel::<Arc<Entry>>(WAITING);
        let thread = thread::Builder::new()
            .name("godwit-history".to_owned())
            .spawn(move || files.write_all(&ended))
            .map_err(failed)?;
        *self.shared.writer() = Some(Writer { queue, thread });
        Ok(())
    }

    /// Keeps a statement that has ended. Waits for nothing.
    pub(crate) fn add(&self, entry: Entry) {
        if self.shared.bounds.max_rows == 0 {
            return;
        }
        let entry = Arc::new(entry);
        self.keep(Arc::clone(&entry));
        let full = match self.shared.writer().as_ref() {
            Some(writer) => matches!(writer.queue.try_send(entry), Err(TrySendError::Full(_))),
            None => false,
        };
        let before = std::mem::replace(&mut self.shared.kept().told, full);
        if full && !before {
            tracing::warn!("the history of statements is not written as quickly as it grows");
        }
    }

    fn keep(&self, entry: Arc<Entry>) {
        let bounds = self.shared.bounds;
        let oldest = bounds.oldest();
        let mut dropped = Vec::new();
        let mut kept = self.shared.kept();
        kept.bytes += entry.size();
        kept.entries.push_back(entry);
        while let Some(first) = kept.entries.front() {
            let is_over = kept.entries.len() > bounds.max_rows || kept.bytes > bounds.max_bytes;
            if !is_over && first.ended_at() >= oldest {
                break;
            }
            kept.bytes -= first.size();
            dropped.extend(kept.entries.pop_front());
        }
        drop(kept);
    }

    /// The statements of a user, or of all, newest first.
    pub(crate) fn of_user(&self, user: Option<&str>) -> Vec<Arc<Entry>> {
        let oldest = self.shared.bounds.oldest();
        let kept = self.shared.kept();
        let seen = kept.entries.iter().rev().filter(|entry| {
            entry.ended_at() >= oldest && user.is_none_or(|user| entry.known.user == user)
        });
        seen.cloned().collect()
    }

    /// Writes what is left. What ends later is kept in memory only. Blocks.
    pub(crate) fn close(&self) {
        let writer = self.shared.writer().take();
        if let Some(Writer { queue, thread }) = writer {
            drop(queue);
            // A thread that panicked has logged it.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("History")
            .field("bounds", &self.shared.bounds)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
