//! The transactions of this process that have not ended.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::Inner;
use crate::{SnapshotId, TableId};

/// Knows them for as long as somebody holds them.
#[derive(Debug, Default)]
pub(crate) struct Running {
    transactions: Mutex<Vec<Weak<Inner>>>,
}

impl Running {
    pub(super) fn add(&self, transaction: &Arc<Inner>) {
        let mut all = self
            .transactions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.retain(|known| known.strong_count() > 0);
        all.push(Arc::downgrade(transaction));
    }

    fn all(&self) -> Vec<Arc<Inner>> {
        let all = self
            .transactions
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all.iter().filter_map(Weak::upgrade).collect()
    }

    /// Snapshots that they began with.
    pub(crate) fn bases(&self) -> HashSet<SnapshotId> {
        self.all().iter().map(|inner| inner.base.id()).collect()
    }

    /// Files that they wrote and that no snapshot knows yet.
    pub(crate) fn files(&self) -> HashSet<String> {
        let all = self.all();
        all.iter().flat_map(|inner| inner.files.paths()).collect()
    }

    /// Whether one of them, other than this one, has changed rows of a table.
    pub(crate) fn is_changing(&self, table: TableId, other_than: &Arc<Inner>) -> bool {
        let all = self.all();
        let mut others = all.iter().filter(|inner| !Arc::ptr_eq(inner, other_than));
        others.any(|inner| inner.staged().rows.contains_key(&table))
    }
}
