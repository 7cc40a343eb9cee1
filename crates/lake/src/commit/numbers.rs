use std::collections::{HashMap, HashSet};

use chrono::Utc;

use super::{Changes, Commit};
use crate::database::Writing;
use crate::{Error, Result, SchemaId, SnapshotId, Table, TableId, ViewId, layout};

/// The numbers that a commit gives out, from those of the newest snapshot on.
#[derive(Debug)]
pub(super) struct Numbers {
    /// The snapshot that it makes.
    pub(super) snapshot: i64,
    /// The newest one before it.
    pub(super) newest: SnapshotId,
    /// The schema version that it has when schemas, tables or views change.
    pub(super) schema_version: i64,
    /// Whether it has that schema version.
    pub(super) is_new_version: bool,
    next_catalog: i64,
    next_file: i64,
    schemas: HashMap<SchemaId, i64>,
    tables: HashMap<TableId, i64>,
    views: HashMap<ViewId, i64>,
    /// Tables that have the new schema version.
    versioned: HashSet<TableId>,
}

impl Numbers {
    pub(super) async fn next(writing: &mut Writing) -> Result<Self> {
        let newest = "SELECT snapshot_id, schema_version, next_catalog_id, next_file_id FROM ducklake_snapshot \
                      ORDER BY snapshot_id DESC LIMIT 1";
        let rows = writing.query(newest, &[]).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| Error::broken("the catalog has no snapshot"))?;
        let newest = row.int(0)?;
        Ok(Self {
            snapshot: newest + 1,
            newest: SnapshotId(newest),
            schema_version: row.int(1)? + 1,
            is_new_version: false,
            next_catalog: row.int(2)?,
            next_file: row.int(3)?,
            schemas: HashMap::new(),
            tables: HashMap::new(),
            views: HashMap::new(),
            versioned: HashSet::new(),
        })
    }

    /// The number of a file, data or deletes.
    pub(super) fn file(&mut self) -> i64 {
        self.next_file += 1;
        self.next_file - 1
    }

    pub(super) fn new_schema(&mut self, staged: SchemaId) -> i64 {
        let id = self.catalog();
        self.schemas.insert(staged, id);
        id
    }

    pub(super) fn new_table(&mut self, staged: TableId) -> i64 {
        let id = self.catalog();
        self.tables.insert(staged, id);
        id
    }

    pub(super) fn new_view(&mut self, staged: ViewId) -> i64 {
        let id = self.catalog();
        self.views.insert(staged, id);
        id
    }

    fn catalog(&mut self) -> i64 {
        self.next_catalog += 1;
        self.next_catalog - 1
    }

    /// The number that the catalog has for a schema.
    pub(super) fn schema(&self, id: SchemaId) -> i64 {
        self.schemas.get(&id).copied().unwrap_or(id.0)
    }

    /// The number that the catalog has for a table.
    pub(super) fn table(&self, id: TableId) -> i64 {
        self.tables.get(&id).copied().unwrap_or(id.0)
    }
}

impl Numbers {
    /// A table has other columns from this commit on.
    pub(super) fn set_version(&mut self, table: TableId) {
        self.versioned.insert(table);
    }

    /// The schema version that a table has its columns since.
    pub(super) fn version_of(&self, table: &Table) -> i64 {
        match self.versioned.contains(&table.id) {
            true => self.schema_version,
            false => table.schema_version,
        }
    }
}

impl Commit<'_> {
    /// The snapshot itself, when all that it has is written.
    pub(super) async fn snapshot(&mut self, changes: &Changes, words: &str) -> Result<SnapshotId> {
        let numbers = &self.numbers;
        let is_new_version = numbers.is_new_version || !changes.definitions.is_empty();
        let sql = format!(
            "INSERT INTO ducklake_snapshot(snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id) \
             VALUES ({}, {}, {}, {}, {})",
            numbers.snapshot,
            self.database.dialect().timestamp(1),
            numbers.schema_version - i64::from(!is_new_version),
            numbers.next_catalog,
            numbers.next_file
        );
        let now = layout::time(Utc::now());
        self.writing.execute(&sql, &[now.into()]).await?;
        let sql = format!(
            "INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made) VALUES ({}, $1)",
            numbers.snapshot
        );
        self.writing.execute(&sql, &[words.into()]).await?;
        Ok(SnapshotId(numbers.snapshot))
    }
}
