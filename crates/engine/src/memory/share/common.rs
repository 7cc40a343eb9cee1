//! What queries have of the server's memory in common: each takes from it as it needs, as long as there is some.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::{Mutex, MutexGuard};

/// What is common, in bytes, and who may take of it.
#[derive(Debug)]
pub(super) struct Common {
    size: usize,
    taken: AtomicUsize,
    /// How many queries have begun.
    begun: AtomicU64,
    /// Had by the one query that waits for all it may have; the next come after it.
    turn: Mutex<()>,
    /// Queries that began after so many take nothing, because an earlier one waits.
    open_to: AtomicU64,
}

/// The turn of a query that waits. Those that begin later cannot take what it waits for.
pub(super) struct Turn<'a> {
    common: &'a Common,
    _turn: MutexGuard<'a, ()>,
}

impl Common {
    pub(super) fn new(size: usize) -> Self {
        Self {
            size,
            taken: AtomicUsize::new(0),
            begun: AtomicU64::new(0),
            turn: Mutex::default(),
            open_to: AtomicU64::new(u64::MAX),
        }
    }

    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The number of a query that begins.
    pub(super) fn begin(&self) -> u64 {
        self.begun.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn free(&self) -> usize {
        self.size.saturating_sub(self.taken.load(Ordering::Relaxed))
    }

    /// What the query of this number finds free.
    pub(super) fn free_for(&self, number: u64) -> usize {
        match number <= self.open_to.load(Ordering::Relaxed) {
            true => self.free(),
            false => 0,
        }
    }

    /// Waits for the turn to wait.
    pub(super) async fn turn(&self) -> Turn<'_> {
        let turn = self.turn.lock().await;
        let begun = self.begun.load(Ordering::Relaxed);
        self.open_to.store(begun, Ordering::Relaxed);
        Turn {
            common: self,
            _turn: turn,
        }
    }

    /// Takes so much if it is free; whether it was.
    pub(super) fn try_take(&self, bytes: usize) -> bool {
        let more = |taken: usize| Some(taken + bytes).filter(|taken| *taken <= self.size);
        self.taken
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .is_ok()
    }

    pub(super) fn take(&self, bytes: usize) {
        self.taken.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn give(&self, bytes: usize) {
        self.taken.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.common.open_to.store(u64::MAX, Ordering::Relaxed);
    }
}
