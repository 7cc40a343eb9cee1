use std::sync::Arc;

use datafusion::catalog::TableProvider;

use crate::{Content, Lake, Result, SnapshotId, State, Table};

/// The lake at one moment: a commit, or a transaction's base with its own changes so far. A clone sees the same.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) lake: Lake,
    pub(crate) state: Arc<State>,
    /// What a transaction has changed.
    pub(crate) changed: Arc<std::collections::HashMap<crate::TableId, (Arc<Content>, u64)>>,
}

/// A table with its rows at one moment. What it reads never changes.
#[derive(Debug, Clone)]
pub struct LakeTable {
    pub(crate) lake: Lake,
    pub(crate) table: Arc<Table>,
    pub(crate) content: Arc<Content>,
    pub(crate) version: u64,
}

impl Snapshot {
    /// The commit that it is, or that its transaction began with.
    pub fn id(&self) -> SnapshotId {
        self.state.snapshot
    }

    /// Schemas, tables and views.
    pub fn state(&self) -> &Arc<State> {
        &self.state
    }

    /// A table with its rows.
    pub async fn table(&self, schema: &str, name: &str) -> Result<Option<LakeTable>> {
        let _ = (schema, name);
        unimplemented!()
    }
}

impl LakeTable {
    /// The table.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Its rows.
    pub fn content(&self) -> &Arc<Content> {
        &self.content
    }

    /// Tells this content of the table, columns included, from every other that it or another table has.
    pub fn version(&self) -> u64 {
        self.version
    }

    /// What the planner scans.
    pub fn provider(&self) -> Arc<dyn TableProvider> {
        unimplemented!()
    }

    /// The table with two columns before all others: the number of each row ([`crate::RowNumber`], UInt64, not null) and its row id
    /// (Int64, null where the commit gives it).
    pub fn numbered(&self, number: &str, row_id: &str) -> Arc<dyn TableProvider> {
        let _ = (number, row_id);
        unimplemented!()
    }

    /// The same table with some of its parts only, numbered as in the whole: those from `first` on. For looking at what a
    /// statement has added.
    pub fn since(&self, first: usize) -> Self {
        let _ = first;
        unimplemented!()
    }
}
