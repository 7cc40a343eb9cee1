//! What the lake has done since it was opened, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::{Error, Lake, Result};

/// What was done since the lake was opened, by this process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Figures {
    /// Transactions that committed a change.
    pub committed: u64,
    /// Transactions that were refused because another one committed first.
    pub conflicts: u64,
    /// Transactions that failed to commit otherwise.
    pub failed: u64,
    /// Small files that were joined.
    pub compacted_files: u64,
    /// Files that no snapshot needs and that were removed.
    pub removed_files: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    committed: AtomicU64,
    conflicts: AtomicU64,
    failed: AtomicU64,
    compacted_files: AtomicU64,
    removed_files: AtomicU64,
}

impl Lake {
    /// What was done since the lake was opened.
    #[must_use]
    pub fn figures(&self) -> Figures {
        let counts = &self.inner.counts;
        Figures {
            committed: counts.committed.load(Ordering::Relaxed),
            conflicts: counts.conflicts.load(Ordering::Relaxed),
            failed: counts.failed.load(Ordering::Relaxed),
            compacted_files: counts.compacted_files.load(Ordering::Relaxed),
            removed_files: counts.removed_files.load(Ordering::Relaxed),
        }
    }
}

impl Counts {
    pub(crate) fn commit<T>(&self, outcome: &Result<T>) {
        let count = match outcome {
            Ok(_) => &self.committed,
            Err(Error::Conflict { .. }) => &self.conflicts,
            Err(_) => &self.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn compacted(&self, files: u64) {
        self.compacted_files.fetch_add(files, Ordering::Relaxed);
    }

    pub(crate) fn removed(&self, files: u64) {
        self.removed_files.fetch_add(files, Ordering::Relaxed);
    }
}
