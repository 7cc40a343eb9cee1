//! Changes that are to be committed together.

mod alter;
mod define;
mod definition;
mod files;
mod leftover;
mod name;
mod reshape;
mod running;
mod staged;
mod table;
mod widen;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{Content, Error, Lake, Result, Snapshot, SnapshotId, State, TableId, TableWriter};

pub use definition::{Commented, Definition, NewColumn, NewTable};
pub(crate) use files::Files;
pub use leftover::Leftover;
pub(crate) use name::INLINED_COLUMNS;
pub(crate) use reshape::{content as reshape, rounded_columns};
pub(crate) use running::Running;
pub(crate) use staged::Staged;

/// Changes that are to be committed together. It sees the lake as it was at its beginning, with its own changes.
/// A clone is the same transaction. One statement at a time may change it; whoever owns it sees to that.
///
/// When the last clone is dropped without a commit, it is rolled back.
#[derive(Debug, Clone)]
pub struct Transaction {
    pub(crate) inner: Arc<Inner>,
}

/// A mark to go back to.
#[derive(Debug, Clone)]
pub struct Savepoint {
    staged: Staged,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) lake: Lake,
    /// The commit that it began with.
    pub(crate) base: Snapshot,
    staged: Mutex<Staged>,
    /// Files that it wrote.
    pub(crate) files: Files,
    /// Whether it was committed or rolled back.
    ended: AtomicBool,
    /// Whether it only puts rows into other files.
    compacts: AtomicBool,
}

impl Transaction {
    /// Begins on a snapshot, the newest one.
    pub(crate) fn new(lake: Lake, base: Snapshot) -> Self {
        let inner = Inner {
            staged: Mutex::new(Staged::new(Arc::clone(&base.state))),
            files: Files::new(lake.clone()),
            ended: AtomicBool::new(false),
            compacts: AtomicBool::new(false),
            lake,
            base,
        };
        let inner = Arc::new(inner);
        inner.lake.inner.running.add(&inner);
        Self { inner }
    }

    /// The commit that it began with.
    pub fn base(&self) -> SnapshotId {
        self.inner.base.id()
    }

    /// The lake as the transaction sees it now.
    pub fn snapshot(&self) -> Snapshot {
        self.inner.snapshot()
    }

    /// Whether it has changed anything.
    pub fn is_changed(&self) -> bool {
        let staged = self.inner.staged();
        !Arc::ptr_eq(&staged.state, &self.inner.base.state) || !staged.rows.is_empty()
    }

    /// Makes a table without rows.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`]; [`Error::NotFound`] for the schema; [`Error::Unsupported`] for a type that the lake cannot
    /// keep, by name.
    pub fn create_table(&self, table: NewTable) -> Result<TableId> {
        self.inner.change(|staged| staged.create_table(table))
    }

    /// Changes what there is.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::AlreadyExists`], [`Error::Invalid`], [`Error::Unsupported`].
    pub fn define(&self, definition: Definition) -> Result<()> {
        self.inner.change(|staged| staged.define(definition))
    }

    /// Begins to change the rows of a table.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Unavailable`] when the catalog cannot be read.
    pub async fn write(&self, table: TableId) -> Result<TableWriter> {
        self.inner.check_open()?;
        TableWriter::begin(Arc::clone(&self.inner), table).await
    }

    /// A mark to go back to.
    pub fn savepoint(&self) -> Savepoint {
        Savepoint {
            staged: self.inner.staged().clone(),
        }
    }

    /// Takes back what was changed since the mark. The files go when the transaction ends: somebody may still be reading
    /// them.
    pub fn rollback_to(&self, savepoint: &Savepoint) {
        *self.inner.staged() = savepoint.staged.clone();
    }

    /// Makes all changes durable at once. Without changes no snapshot is made, and the answer is the one it began with.
    /// Once begun it goes on to its end, even when the future is dropped.
    ///
    /// # Errors
    /// [`Error::Conflict`] when another transaction committed first; [`Error::Unavailable`]. When the error leaves open
    /// whether it was committed, [`Error::is_in_doubt`] says so.
    pub async fn commit(self) -> Result<SnapshotId> {
        self.inner.end()?;
        let inner = Arc::clone(&self.inner);
        drop(self);
        let committing = tokio::spawn(async move { crate::commit::commit(&inner).await });
        committing.await.map_err(Error::internal)?
    }

    /// Forgets all changes and removes their files.
    pub async fn rollback(self) {
        if self.inner.end().is_ok() {
            self.inner.files.remove_all().await;
        }
    }
}

impl Inner {
    /// From now on its commit says that rows were put into other files, and nothing else happened to them.
    pub(crate) fn set_compacts(&self) {
        self.compacts.store(true, Ordering::Release);
    }

    pub(crate) fn compacts(&self) -> bool {
        self.compacts.load(Ordering::Acquire)
    }

    /// What it has changed so far.
    pub(crate) fn staged(&self) -> MutexGuard<'_, Staged> {
        self.staged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lake with its changes.
    pub(crate) fn snapshot(&self) -> Snapshot {
        let staged = self.staged();
        Snapshot {
            lake: self.lake.clone(),
            state: Arc::clone(&staged.state),
            changed: Arc::clone(&staged.rows),
            altered: Arc::clone(&staged.altered),
        }
    }

    /// Changes what is staged as a whole or not at all.
    fn change<T>(&self, change: impl FnOnce(&mut Staged) -> Result<T>) -> Result<T> {
        self.check_open()?;
        let mut staged = self.staged();
        let mut next = staged.clone();
        let made = change(&mut next)?;
        *staged = next;
        Ok(made)
    }

    /// Puts new rows in the place of those that a statement began with.
    pub(crate) fn stage(&self, table: TableId, began: &Arc<State>, content: Content) -> Result<()> {
        self.change(|staged| {
            if !Arc::ptr_eq(&staged.state, began) {
                return Err(Error::invalid(
                    "tables were changed while a statement of the same transaction was writing rows",
                ));
            }
            staged.set_rows(table, content);
            Ok(())
        })
    }

    fn check_open(&self) -> Result<()> {
        if self.ended.load(Ordering::Acquire) {
            return Err(ended());
        }
        Ok(())
    }

    fn end(&self) -> Result<()> {
        if self.ended.swap(true, Ordering::AcqRel) {
            return Err(ended());
        }
        Ok(())
    }
}

fn ended() -> Error {
    Error::invalid("the transaction has ended")
}
