//! The commits of this process: what they did is known without asking the catalog.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use super::{Cache, Kept, Loaded};
use crate::commit::Added;
use crate::database::Dialect;
use crate::snapshot::changes;
use crate::{SnapshotId, TableId};

/// How many commits are remembered.
const COMMITS: usize = 1024;

/// How many contents of a table that commits made are kept, for those that have begun to read an older one.
const MADE: usize = 16;

/// The newest commits of this process, one after the other.
#[derive(Debug, Default)]
pub(super) struct Commits(VecDeque<(SnapshotId, String)>);

impl Commits {
    fn push(&mut self, snapshot: SnapshotId, words: String) {
        // Somebody else's came between.
        let newest = self.0.back();
        if newest.is_some_and(|(newest, _)| newest.0 + 1 != snapshot.0) {
            self.0.clear();
        }
        self.0.push_back((snapshot, words));
        if self.0.len() > COMMITS {
            self.0.pop_front();
        }
    }

    /// Whether all commits after one and up to another leave a table as it is; `None` when not all are known.
    pub(super) fn leave(&self, table: TableId, from: SnapshotId, to: SnapshotId) -> Option<bool> {
        let ((first, _), (last, _)) = (self.0.front()?, self.0.back()?);
        if to > *last {
            return None;
        }
        let skipped = usize::try_from(from.0 + 1 - first.0).ok()?;
        let count = usize::try_from(to.0 - from.0).ok()?;
        let mut between = self.0.iter().skip(skipped).take(count);
        Some(between.all(|(_, words)| !changes::concern(words, table)))
    }
}

/// Commits are being made. Whoever sees them before they are told of waits for that rather than reads.
pub(crate) struct Telling<'a>(&'a watch::Sender<bool>);

impl Drop for Telling<'_> {
    fn drop(&mut self) {
        self.0.send_replace(false);
    }
}

impl Cache {
    /// Commits become visible from now on, and are told of before the answer is dropped.
    pub(crate) fn telling(&self) -> Telling<'_> {
        self.telling.send_replace(true);
        Telling(&self.telling)
    }

    /// Waits until nothing is about to be told.
    pub(super) async fn told(&self) {
        if *self.telling.borrow() {
            // The sender is here, so the wait ends.
            let _ = self
                .telling
                .subscribe()
                .wait_for(|is_telling| !is_telling)
                .await;
        }
    }

    /// A commit has happened, and these are its words.
    pub(crate) fn committed(&self, snapshot: SnapshotId, words: String) {
        self.kept(|kept| kept.commits.push(snapshot, words));
    }

    /// Commits, one after the other, have added rows to a table and done nothing else.
    pub(crate) fn added(&self, added: &[(SnapshotId, Added)], dialect: Dialect) {
        let ends = added.first().zip(added.last());
        let Some(((first, Added { table, .. }), (last, _))) = ends else {
            return;
        };
        let (id, first, last) = (table.id, *first, *last);
        let Some(before) = self.kept(|kept| kept.known_before(id, first)) else {
            return;
        };
        // What cannot be made is read when it is wanted.
        if let Ok(Some(next)) = before.with_added(added, dialect) {
            self.kept(|kept| {
                kept.keep_entry(id, last, Arc::new(next), true);
                kept.thin_out(id);
            });
        }
    }
}

impl Kept {
    /// The content of a table right before a snapshot, if that is known.
    fn known_before(&mut self, table: TableId, snapshot: SnapshotId) -> Option<Arc<Loaded>> {
        let (known, loaded) = self.before(table, snapshot)?;
        let right_before = SnapshotId(snapshot.0 - 1);
        if known != right_before {
            let is_same = self.commits.leave(table, known, right_before)?;
            is_same.then(|| self.extend(table, known, right_before))?;
        }
        Some(loaded)
    }

    /// Keeps only the newest contents of a table that commits have made.
    fn thin_out(&mut self, table: TableId) {
        let Some(entries) = self.contents.get(&table) else {
            return;
        };
        let made = entries.iter().filter(|entry| entry.is_made);
        let mut made: Vec<_> = made.map(|entry| (entry.to, entry.used)).collect();
        made.sort_unstable();
        let many = made.len().saturating_sub(MADE);
        for (_, used) in made.into_iter().take(many) {
            self.forget(used);
        }
    }
}
