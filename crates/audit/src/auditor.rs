use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use godwit_config::{Audit, OnFailure};

use crate::files::{Files, Limits};
use crate::queue::Queue;
use crate::read::Reader;
use crate::writer::Writer;
use crate::{Error, Event, Result};

/// How long a reader waits for events on their way to the file.
const READ_OWN: Duration = Duration::from_secs(1);

/// Takes events and has them written. A clone is cheap and is the same auditor; with the last one goes the thread that
/// writes, after the last event.
#[derive(Debug, Clone)]
pub struct Auditor {
    /// `None` where `audit.enabled` is false.
    inner: Option<Arc<Inner>>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    refuses: bool,
    /// How much of the newest files readers read, in bytes.
    table_bytes: u64,
    thread: Mutex<Option<JoinHandle<()>>>,
}

/// What the auditor and its thread share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) queue: Queue,
    pub(crate) dir: PathBuf,
    /// Held to write while files get other names.
    pub(crate) names: RwLock<()>,
    failing: AtomicBool,
    lost: AtomicU64,
    /// Whether it was logged that events get lost, since the last time that one was written.
    told: AtomicBool,
}

impl Auditor {
    /// Opens the directory, `audit` in the data directory unless `audit.path` names another, and starts the thread.
    ///
    /// # Errors
    /// [`Error::Storage`] when the directory cannot be made, locked or written, or the system gives no thread.
    pub fn start(config: &Audit, data_dir: &Path) -> Result<Self> {
        if !config.enabled {
            return Ok(Self::off());
        }
        let dir = config.path.clone();
        let dir = dir.unwrap_or_else(|| data_dir.join("audit"));
        let limits = Limits {
            max_bytes: config.max_file_bytes,
            max_age: config.max_file_age,
            keep: config.keep_files,
        };
        let files = Files::open(&dir, limits)?;
        let shared = Arc::new(Shared {
            queue: Queue::new(config.queue_events),
            dir,
            names: RwLock::default(),
            failing: AtomicBool::new(false),
            lost: AtomicU64::new(0),
            told: AtomicBool::new(false),
        });
        let writer = Writer::new(Arc::clone(&shared), files, config.flush_interval);
        let thread = thread::Builder::new()
            .name("godwit-audit".to_owned())
            .spawn(move || writer.run())
            .map_err(|why| Error::storage(&shared.dir, why))?;
        let inner = Inner {
            shared,
            refuses: config.on_failure == OnFailure::Refuse,
            table_bytes: config.table_bytes,
            thread: Mutex::new(Some(thread)),
        };
        Ok(Self {
            inner: Some(Arc::new(inner)),
        })
    }

    /// An auditor that takes no notice of anything.
    #[must_use]
    pub fn off() -> Self {
        Self { inner: None }
    }

    /// Whether something may be begun: where nothing is to happen unseen, not while events cannot be written.
    ///
    /// # Errors
    /// [`Error::Refused`].
    pub fn check(&self) -> Result<()> {
        match &self.inner {
            Some(inner) if inner.refuses && inner.shared.is_stuck() => Err(Error::Refused),
            _ => Ok(()),
        }
    }

    /// Notes what happened. It never waits: where there is no room the event is lost, which is logged and counted, and
    /// noted in the file as soon as that can be written. Where `audit.on_failure` is `refuse` there always is room, and
    /// [`Self::check`] keeps more from beginning.
    pub fn record(&self, event: Event) {
        let Some(inner) = &self.inner else {
            return;
        };
        let shared = &inner.shared;
        if shared.queue.push(event, inner.refuses).is_ok() {
            return;
        }
        shared.lost.fetch_add(1, Ordering::Relaxed);
        if !shared.told.swap(true, Ordering::Relaxed) {
            let dir = shared.dir.display();
            tracing::error!(directory = %dir, "events of the audit log are lost, since they cannot be written (audit.on_failure, audit.queue_events)");
        }
    }

    /// Waits until all that was noted before is in the file: whether it was, in that time. Blocks.
    pub fn wait_written(&self, limit: Duration) -> bool {
        let inner = self.inner.as_ref();
        inner.is_none_or(|inner| inner.shared.queue.wait_written(limit))
    }

    /// How many events are not written yet.
    #[must_use]
    pub fn waiting(&self) -> u64 {
        let inner = self.inner.as_ref();
        inner.map_or(0, |inner| inner.shared.queue.waiting())
    }

    /// How many events were lost since the start.
    #[must_use]
    pub fn lost(&self) -> u64 {
        let inner = self.inner.as_ref();
        inner.map_or(0, |inner| inner.shared.lost.load(Ordering::Relaxed))
    }

    /// The newest events, newest first, those of one user or of all, within `audit.table_bytes`. Blocks for file access,
    /// as does the reader.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn read(&self, user: Option<String>) -> Result<Reader> {
        let Some(inner) = &self.inner else {
            return Ok(Reader::empty());
        };
        let shared = &inner.shared;
        // What the reader's own caller did before is to be there, but a full disk is no reason to show nothing.
        let _ = shared.queue.wait_written(READ_OWN);
        let names = shared.names.read();
        let _names = names.unwrap_or_else(PoisonError::into_inner);
        Reader::open(&shared.dir, inner.table_bytes, user)
    }

    /// Writes what is left and ends the thread. What happens later is not noted. Blocks.
    pub fn close(&self) {
        if let Some(inner) = &self.inner {
            inner.close();
        }
    }
}

impl Inner {
    fn close(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock();
        let thread = thread.unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A thread that panicked has logged it.
            let _ = thread.join();
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    pub(crate) fn fail(&self, failing: bool) {
        self.failing.store(failing, Ordering::Relaxed);
        if !failing {
            self.told.store(false, Ordering::Relaxed);
        }
    }

    fn is_stuck(&self) -> bool {
        self.failing.load(Ordering::Relaxed) || self.queue.is_full()
    }
}

#[cfg(test)]
mod tests;
