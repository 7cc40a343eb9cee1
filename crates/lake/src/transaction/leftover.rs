//! What is left of a transaction that lost to another.

use std::sync::Arc;

use super::{Inner, Transaction};
use crate::{Content, Error, LakeTable, Part, Result, Rows, SnapshotId, Table};

/// The rows of a transaction that was not committed because another one was first, and that only added rows to one table.
/// Their files are written and need not be written again. Dropped, they are removed.
#[derive(Debug)]
pub struct Leftover {
    /// Holds on to the files.
    transaction: Arc<Inner>,
    table: Arc<Table>,
    added: Vec<Part>,
}

impl Transaction {
    /// As [`Transaction::commit`]; but what is left of a transaction that lost is given back where it can be added again.
    ///
    /// # Errors
    /// As [`Transaction::commit`].
    pub async fn commit_or_keep(self) -> Result<SnapshotId, (Error, Option<Leftover>)> {
        self.inner.end().map_err(|error| (error, None))?;
        let inner = Arc::clone(&self.inner);
        drop(self);
        let attempt = async move {
            let error = match crate::commit::attempt(&inner).await {
                Ok(snapshot) => {
                    inner.files.remove_all().await;
                    return Ok(snapshot);
                }
                Err(error) => error,
            };
            let left = match error {
                Error::Conflict { .. } => left(&inner).await,
                _ => None,
            };
            if left.is_none() {
                inner.files.remove_all().await;
            }
            Err((error, left))
        };
        let attempted = tokio::spawn(attempt).await;
        attempted.map_err(|error| (Error::internal(error), None))?
    }
}

impl Leftover {
    /// Adds the rows in another transaction. The table as it was before; `None` when it is not the one any more that they
    /// were written for.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Broken`].
    pub async fn stage(self, transaction: &Transaction) -> Result<Option<LakeTable>> {
        let snapshot = transaction.snapshot();
        let now = snapshot.state().table_of(self.table.id);
        let is_same = |now: &&Arc<Table>| {
            now.schema_version == self.table.schema_version && now.read_only.is_none()
        };
        let Some(now) = now.filter(is_same) else {
            return Ok(None);
        };
        let Some(table) = snapshot.table(&now.schema, &now.name).await? else {
            return Ok(None);
        };
        let mut parts = table.content.parts.clone();
        parts.extend(self.added);
        let inner = &transaction.inner;
        inner.files.adopt(&self.transaction.files);
        inner.stage(self.table.id, snapshot.state(), Content { parts })?;
        Ok(Some(table))
    }
}

/// The rows that a transaction added to a table, if it did nothing else.
async fn left(transaction: &Arc<Inner>) -> Option<Leftover> {
    let staged = transaction.staged().clone();
    let base = &transaction.base;
    let only = match staged.rows.len() {
        1 => staged.rows.iter().next(),
        _ => None,
    };
    let (id, (content, _)) = only.filter(|_| Arc::ptr_eq(&staged.state, &base.state))?;
    let table = base.state.table_of(*id)?;
    let before = base.table(&table.schema, &table.name).await.ok()??;
    let before = before.content.parts.iter();
    let before: Vec<_> = before.filter(|part| part.live_rows() > 0).collect();
    let (kept, added) = content.parts.split_at_checked(before.len())?;
    let is_kept = kept.iter().zip(before).all(|(kept, before)| {
        is_same(&kept.rows, &before.rows)
            && match (&kept.deleted, &before.deleted) {
                (Some(kept), Some(before)) => Arc::ptr_eq(kept, before),
                (None, None) => true,
                _ => false,
            }
    });
    is_kept.then(|| Leftover {
        transaction: Arc::clone(transaction),
        table: Arc::clone(table),
        added: added.to_vec(),
    })
}

fn is_same(one: &Rows, other: &Rows) -> bool {
    match (one, other) {
        (Rows::File(one), Rows::File(other)) => Arc::ptr_eq(one, other),
        (Rows::Inlined(one), Rows::Inlined(other)) => Arc::ptr_eq(one, other),
        _ => false,
    }
}
