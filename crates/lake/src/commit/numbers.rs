use std::collections::{HashMap, HashSet};

use chrono::Utc;

use super::{Changes, Commit};
use crate::database::Writing;
use crate::{Error, Result, SchemaId, SnapshotId, Table, TableId, ViewId, layout};

/// The newest snapshot, and the next numbers after it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Newest {
    snapshot: i64,
    schema_version: i64,
    next_catalog: i64,
    next_file: i64,
}

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

impl Newest {
    pub(super) async fn read(writing: &mut Writing) -> Result<Self> {
        let newest = "SELECT snapshot_id, schema_version, next_catalog_id, next_file_id FROM ducklake_snapshot \
                      ORDER BY snapshot_id DESC LIMIT 1";
        let rows = writing.query(newest, &[]).await?;
        let row = rows.first();
        let row = row.ok_or_else(|| Error::broken("the catalog has no snapshot"))?;
        Ok(Self {
            snapshot: row.int(0)?,
            schema_version: row.int(1)?,
            next_catalog: row.int(2)?,
            next_file: row.int(3)?,
        })
    }

    pub(super) fn id(self) -> SnapshotId {
        SnapshotId(self.snapshot)
    }
}

impl Numbers {
    pub(super) fn after(newest: Newest) -> Self {
        Self {
            snapshot: newest.snapshot + 1,
            newest: newest.id(),
            schema_version: newest.schema_version + 1,
            is_new_version: false,
            next_catalog: newest.next_catalog,
            next_file: newest.next_file,
            schemas: HashMap::new(),
            tables: HashMap::new(),
            views: HashMap::new(),
            versioned: HashSet::new(),
        }
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
    pub(super) async fn snapshot(&mut self, changes: &Changes, words: &str) -> Result<Newest> {
        let numbers = &self.numbers;
        let is_new_version = numbers.is_new_version || !changes.definitions.is_empty();
        let newest = Newest {
            snapshot: numbers.snapshot,
            schema_version: numbers.schema_version - i64::from(!is_new_version),
            next_catalog: numbers.next_catalog,
            next_file: numbers.next_file,
        };
        let sql = format!(
            "INSERT INTO ducklake_snapshot(snapshot_id, snapshot_time, schema_version, next_catalog_id, next_file_id) \
             VALUES ($1, {}, $3, $4, $5)",
            self.dialect.timestamp(2),
        );
        let parameters = [
            newest.snapshot.into(),
            layout::time(Utc::now()).into(),
            newest.schema_version.into(),
            newest.next_catalog.into(),
            newest.next_file.into(),
        ];
        self.writing.execute(&sql, &parameters).await?;
        let sql =
            "INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made) VALUES ($1, $2)";
        let parameters = [newest.snapshot.into(), words.into()];
        self.writing.execute(sql, &parameters).await?;
        Ok(newest)
    }
}
