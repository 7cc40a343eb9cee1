//! The lake at one moment.

pub(crate) mod cache;
pub(crate) mod changes;
pub(crate) mod find;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use datafusion::catalog::TableProvider;

use crate::scan::LakeScan;
use crate::transaction;
use crate::{Content, Lake, Result, SnapshotId, State, Table, TableId};

/// The bit that the versions of contents have which are not committed.
const STAGED: u64 = 1 << 63;

/// The version of a committed content, made of what it consists of.
pub(crate) fn committed_version(hash: u64) -> u64 {
    hash & !STAGED
}

/// A version that no other content has, for one that a transaction makes.
pub(crate) fn staged_version() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    STAGED | NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The lake at one moment: a commit, or a transaction's base with its own changes so far. A clone sees the same.
#[derive(Debug, Clone)]
pub struct Snapshot {
    pub(crate) lake: Lake,
    pub(crate) state: Arc<State>,
    /// What a transaction has changed.
    pub(crate) changed: Arc<HashMap<TableId, (Arc<Content>, u64)>>,
    /// Tables of which a transaction has changed the columns and not the rows: as they are in the catalog, with the version
    /// that their rows have in the new columns.
    pub(crate) altered: Arc<HashMap<TableId, (Arc<Table>, u64)>>,
}

/// A table with its rows at one moment. What it reads never changes.
#[derive(Debug, Clone)]
pub struct LakeTable {
    pub(crate) lake: Lake,
    pub(crate) table: Arc<Table>,
    pub(crate) content: Arc<Content>,
    pub(crate) version: u64,
    /// The first part that is scanned.
    pub(crate) first: usize,
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
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`]; [`crate::Error::Broken`]; [`crate::Error::Unsupported`] for files that cannot be read.
    pub async fn table(&self, schema: &str, name: &str) -> Result<Option<LakeTable>> {
        let Some(table) = self.state.table(schema, name) else {
            return Ok(None);
        };
        let (changed, altered) = (self.changed.get(&table.id), self.altered.get(&table.id));
        let (content, version) = match (changed, altered) {
            (Some((content, version)), _) => (Arc::clone(content), *version),
            (None, Some((before, version))) => {
                let loaded = cache::content_at(&self.lake, before, self.id()).await?;
                let content = transaction::reshape(&loaded.content, before, table)?;
                (Arc::new(content), *version)
            }
            (None, None) => {
                let loaded = cache::content_at(&self.lake, table, self.id()).await?;
                (Arc::clone(&loaded.content), loaded.version)
            }
        };
        Ok(Some(LakeTable::new(&self.lake, table, content, version)))
    }
}

impl LakeTable {
    pub(crate) fn new(
        lake: &Lake,
        table: &Arc<Table>,
        content: Arc<Content>,
        version: u64,
    ) -> Self {
        Self {
            lake: lake.clone(),
            table: Arc::clone(table),
            content,
            version,
            first: 0,
        }
    }

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
        Arc::new(LakeScan::new(self.clone()))
    }

    /// The table with two columns before all others: the number of each row ([`crate::RowNumber`], UInt64, not null) and its row id
    /// (Int64, null where the commit gives it).
    pub fn numbered(&self, number: &str, row_id: &str) -> Arc<dyn TableProvider> {
        Arc::new(LakeScan::numbered(self.clone(), number, row_id))
    }

    /// The same table with some of its parts only, numbered as in the whole: those from `first` on. For looking at what a
    /// statement has added.
    pub fn since(&self, first: usize) -> Self {
        Self {
            first,
            ..self.clone()
        }
    }
}
