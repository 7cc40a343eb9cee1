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
mod inlined;
mod mine;
mod numbers;
mod rows;
mod stats;
mod theirs;
mod values;
mod words;

use std::collections::HashSet;

use crate::database::{Database, Writing};
use crate::transaction::Inner;
use crate::{Result, SnapshotId};

use deletes::Prepared;
use diff::Definitions;
use numbers::Numbers;
use rows::RowChanges;

/// What a transaction changes.
struct Changes {
    definitions: Definitions,
    rows: Vec<RowChanges>,
}

/// Commits, or removes what was written for it.
pub(crate) async fn commit(transaction: &Inner) -> Result<SnapshotId> {
    let committed = attempt(transaction).await;
    transaction.files.remove_all().await;
    committed
}

/// Commits. The files that are not needed then are still there.
pub(crate) async fn attempt(transaction: &Inner) -> Result<SnapshotId> {
    let committed = Box::pin(try_commit(transaction)).await;
    let is_unchanged = |snapshot: &SnapshotId| *snapshot == transaction.base.id();
    if !committed.as_ref().is_ok_and(is_unchanged) {
        transaction.lake.inner.counts.commit(&committed);
    }
    if committed.as_ref().is_err_and(|error| error.is_in_doubt()) {
        transaction.files.keep(|_| true);
    }
    committed
}

async fn try_commit(transaction: &Inner) -> Result<SnapshotId> {
    let staged = transaction.staged().clone();
    let base = &transaction.base;
    let definitions = Definitions::between(&base.state, &staged.state);
    let rows = rows::changes(base, &staged).await?;
    if definitions.is_empty() && rows.is_empty() {
        return Ok(base.id());
    }
    let changes = Changes { definitions, rows };
    let deletes = deletes::prepare(transaction, &changes.rows).await?;
    let mut kept: HashSet<String> = deletes.paths().map(str::to_owned).collect();
    kept.extend(
        changes
            .rows
            .iter()
            .flat_map(RowChanges::paths)
            .map(str::to_owned),
    );
    let storage = &transaction.lake.inner.storage;
    storage.sync_all(kept.iter().cloned().collect()).await?;
    let snapshot = write(transaction, &changes, &deletes).await;
    if snapshot.is_ok() {
        transaction.files.keep(|path| kept.contains(path));
    }
    snapshot
}

/// The one transaction of the catalog.
async fn write(transaction: &Inner, changes: &Changes, deletes: &Prepared) -> Result<SnapshotId> {
    let database: &Database = &transaction.lake.inner.database;
    let mut writing = database.write().await?;
    let mut commit = Commit {
        numbers: Numbers::next(&mut writing).await?,
        writing,
        database,
        inlines: transaction.lake.inner.options.inline_rows > 0,
    };
    conflict::check(&mut commit, transaction.base.id(), changes).await?;
    commit.definitions(&changes.definitions).await?;
    for (rows, deletes) in changes.rows.iter().zip(&deletes.tables) {
        commit.rows(rows, deletes).await?;
    }
    let words = match transaction.compacts() {
        true => {
            commit.recount(changes).await?;
            words::of_compaction(changes)
        }
        false => words::of(changes, deletes, &commit.numbers),
    };
    let snapshot = commit.snapshot(changes, &words).await?;
    commit.writing.commit().await?;
    Ok(snapshot)
}

/// A commit while its rows are written.
struct Commit<'a> {
    numbers: Numbers,
    writing: Writing,
    database: &'a Database,
    /// Whether few rows are kept in the catalog.
    inlines: bool,
}
