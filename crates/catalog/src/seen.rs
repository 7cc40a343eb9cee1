//! What one statement sees besides mounts and system tables: the temporary tables of its session, and the lake at one moment.

use std::hash::{DefaultHasher, Hash, Hasher};

use godwit_lake::{LakeTable, Snapshot};

use crate::{ResolvedTable, Result, TEMP, TableEntry, TableKind, TempTables};

/// The tables that a session can change, as one statement sees them. A clone is cheap and sees the same.
#[derive(Debug, Clone)]
pub struct Seen {
    temporary: TempTables,
    lake: Snapshot,
}

impl Seen {
    /// The temporary tables of a session, with the newest snapshot of the lake or that of the session's transaction.
    pub fn new(temporary: TempTables, lake: Snapshot) -> Self {
        Self { temporary, lake }
    }

    /// The session's temporary tables.
    pub fn temporary(&self) -> &TempTables {
        &self.temporary
    }

    /// The lake at one moment.
    pub fn lake(&self) -> &Snapshot {
        &self.lake
    }

    /// Whether the lake has this schema.
    pub fn has_schema(&self, name: &str) -> bool {
        self.lake.state().schemas.contains_key(name)
    }

    /// The lake's schemas, sorted.
    pub fn schema_names(&self) -> Vec<String> {
        self.lake.state().schemas.keys().cloned().collect()
    }

    /// A temporary or durable table as the statement finds it. `None` for views and when there is no such table.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn table(&self, schema: &str, name: &str) -> Result<Option<ResolvedTable>> {
        if schema == TEMP {
            return Ok(self.temporary.table(name));
        }
        Ok(self
            .durable(schema, name)
            .await?
            .map(|table| ResolvedTable {
                snapshot: version(&table),
                provider: table.provider(),
                kind: TableKind::Table,
            }))
    }

    /// A durable table.
    ///
    /// # Errors
    /// When the lake cannot be read.
    pub async fn durable(&self, schema: &str, name: &str) -> Result<Option<LakeTable>> {
        Ok(self.lake.table(schema, name).await?)
    }

    /// Temporary tables, durable tables and views of a schema, sorted by name.
    pub fn entries_of(&self, schema: &str) -> Vec<TableEntry> {
        if schema == TEMP {
            return self.temporary.entries();
        }
        let Some(found) = self.lake.state().schemas.get(schema) else {
            return Vec::new();
        };
        let entry = |kind| {
            move |name: &String| TableEntry {
                schema: schema.to_owned(),
                name: name.clone(),
                kind,
            }
        };
        let tables = found.tables.keys().map(entry(TableKind::Table));
        let views = found.views.keys().map(entry(TableKind::View));
        let mut entries: Vec<_> = tables.chain(views).collect();
        entries.sort();
        entries
    }

    /// The same of all schemas.
    pub fn entries(&self) -> Vec<TableEntry> {
        let mut entries = self.temporary.entries();
        for schema in self.lake.state().schemas.keys() {
            entries.extend(self.entries_of(schema));
        }
        entries
    }
}

fn version(table: &LakeTable) -> u64 {
    let mut hasher = DefaultHasher::new();
    (table.table().id, table.version()).hash(&mut hasher);
    hasher.finish()
}
