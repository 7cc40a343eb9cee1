//! A transaction's changes become a snapshot.
//!
//! What is to be written is the difference between the snapshot that the transaction began with and what it has staged, so
//! nothing depends on the way that led there. Files are safe on disk before the one transaction of the catalog that names
//! them.

mod columns;
mod conflict;
mod definitions;
mod deletes;
mod diff;
mod files;
mod group;
mod inlined;
mod memory;
mod mine;
mod numbers;
mod rows;
mod stats;
mod theirs;
mod values;
mod words;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};

use crate::database::{Dialect, Writing};
use crate::transaction::Inner;
use crate::{Error, Result, SnapshotId, Table};

use deletes::Prepared;
use diff::Definitions;
pub(crate) use group::Committer;
use memory::{KeptTable, Memory};
use numbers::{Newest, Numbers};
use rows::RowChanges;

/// What a transaction changes.
struct Changes {
    definitions: Definitions,
    rows: Vec<RowChanges>,
}

/// A transaction that is ready to be written to the catalog.
struct Ready {
    transaction: Arc<Inner>,
    changes: Changes,
    deletes: Prepared,
    /// The files that it needs.
    kept: HashSet<String>,
}

/// A commit that is written, if the transaction of the catalog that it is in is committed.
struct Made {
    snapshot: SnapshotId,
    newest: Newest,
    words: String,
    /// The tables that got rows, as the catalog says now or, for those that are not written yet, soon will.
    tables: HashMap<i64, KeptTable>,
    /// Rows of tables to which nothing else happened.
    added: Vec<Added>,
}

/// Rows that were added to one that the catalog keeps, all with greater row ids than those before.
pub(crate) struct Added {
    pub(crate) table: Arc<Table>,
    /// The catalog's table that holds them.
    pub(crate) name: String,
    pub(crate) row_ids: Int64Array,
    /// As the transaction had them.
    pub(crate) batch: RecordBatch,
}

/// Commits, or removes what was written for it.
pub(crate) async fn commit(transaction: &Arc<Inner>) -> Result<SnapshotId> {
    let committed = attempt(transaction).await;
    transaction.files.remove_all().await;
    committed
}

/// Commits. The files that are not needed then are still there.
pub(crate) async fn attempt(transaction: &Arc<Inner>) -> Result<SnapshotId> {
    let committed = Box::pin(try_commit(transaction)).await;
    let is_unchanged = |snapshot: &SnapshotId| *snapshot == transaction.base.id();
    if !committed.as_ref().is_ok_and(is_unchanged) {
        transaction.lake.inner.counts.commit(&committed);
    }
    if committed.as_ref().is_err_and(Error::is_in_doubt) {
        transaction.files.keep(|_| true);
    }
    committed
}

async fn try_commit(transaction: &Arc<Inner>) -> Result<SnapshotId> {
    match ready(transaction).await? {
        Some(ready) => transaction.lake.inner.committer.commit(ready).await,
        None => Ok(transaction.base.id()),
    }
}

/// Makes all that the catalog will name safe on disk. `None` when nothing is changed.
async fn ready(transaction: &Arc<Inner>) -> Result<Option<Ready>> {
    let staged = transaction.staged().clone();
    let base = &transaction.base;
    let definitions = Definitions::between(&base.state, &staged.state);
    let rows = rows::changes(base, &staged).await?;
    if definitions.is_empty() && rows.is_empty() {
        return Ok(None);
    }
    let changes = Changes { definitions, rows };
    let deletes = deletes::prepare(transaction, &changes.rows).await?;
    let new = changes.rows.iter().flat_map(RowChanges::paths);
    let kept: HashSet<String> = deletes.paths().chain(new).map(str::to_owned).collect();
    let lake = &transaction.lake.inner;
    if !kept.is_empty() {
        lake.storage
            .sync_all(kept.iter().cloned().collect())
            .await?;
    }
    Ok(Some(Ready {
        transaction: Arc::clone(transaction),
        changes,
        deletes,
        kept,
    }))
}

impl Ready {
    /// Whether nothing but rows changes, so that what is known of other things stays as it is.
    fn is_plain(&self) -> bool {
        self.changes.definitions.is_empty() && !self.transaction.compacts()
    }

    /// The catalog has named what is needed of it.
    fn keep_files(&self) {
        self.transaction.files.keep(|path| self.kept.contains(path));
    }

    /// Writes it. Statistics of tables are left to whoever has the memory, if `defers`.
    async fn write(&self, writing: &mut Writing, memory: &Memory, defers: bool) -> Result<Made> {
        let lake = &self.transaction.lake.inner;
        let newest = match memory.newest() {
            Some(newest) => newest,
            None => Newest::read(writing).await?,
        };
        let mut commit = Commit {
            numbers: Numbers::after(newest),
            writing,
            memory,
            dialect: lake.database.dialect(),
            inlines: lake.options.inline_rows > 0,
            defers,
            tables: HashMap::new(),
            added: Vec::new(),
        };
        let (changes, deletes) = (&self.changes, &self.deletes);
        conflict::check(&mut commit, self.transaction.base.id(), changes).await?;
        commit.definitions(&changes.definitions).await?;
        for (rows, deletes) in changes.rows.iter().zip(&deletes.tables) {
            commit.rows(rows, deletes).await?;
        }
        let words = match self.transaction.compacts() {
            true => {
                commit.recount(changes).await?;
                words::of_compaction(changes)
            }
            false => words::of(changes, deletes, &commit.numbers),
        };
        let newest = commit.snapshot(changes, &words).await?;
        let mut made = Made {
            snapshot: newest.id(),
            newest,
            words,
            tables: commit.tables,
            added: commit.added,
        };
        if !self.is_plain() {
            made.tables.clear();
            made.added.clear();
        }
        Ok(made)
    }
}

/// A commit while its rows are written.
struct Commit<'a> {
    numbers: Numbers,
    writing: &'a mut Writing,
    /// What need not be asked.
    memory: &'a Memory,
    dialect: Dialect,
    /// Whether few rows are kept in the catalog.
    inlines: bool,
    /// Whether the statistics of tables are written later.
    defers: bool,
    /// Tables that it adds rows to.
    tables: HashMap<i64, KeptTable>,
    added: Vec<Added>,
}
