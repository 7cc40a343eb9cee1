//! What one statement sees besides mounts and system tables: the temporary tables of its session, and the lake at one moment.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use godwit_lake::{LakeTable, Snapshot, SnapshotId, State};

use crate::{ResolvedTable, Result, TEMP, TableEntry, TableKind, TempTables};

/// The tables that a session can change, as one statement sees them. A clone is cheap and sees the same.
#[derive(Debug, Clone)]
pub struct Seen {
    temporary: TempTables,
    lake: Durable,
    /// Whether the lake is seen as it was committed last, with nothing beside.
    is_newest: bool,
}

#[derive(Debug, Clone)]
enum Durable {
    There(Snapshot),
    /// The lake does not answer. What it held when it last did, if it ever has.
    Away {
        why: godwit_lake::Error,
        held: Option<Arc<State>>,
    },
}

impl Seen {
    /// The temporary tables of a session, with the newest snapshot of the lake or that of the session's transaction.
    pub fn new(temporary: TempTables, lake: Snapshot) -> Self {
        let lake = Durable::There(lake);
        Self {
            temporary,
            lake,
            is_newest: false,
        }
    }

    /// The same of the newest commit, outside any transaction.
    pub fn newest(temporary: TempTables, lake: Snapshot) -> Self {
        Self {
            is_newest: true,
            ..Self::new(temporary, lake)
        }
    }

    /// The same while the lake does not answer: only what needs it fails, for this reason. `held` is what it held when it
    /// last answered.
    pub fn without_lake(
        temporary: TempTables,
        why: godwit_lake::Error,
        held: Option<Arc<State>>,
    ) -> Self {
        let lake = Durable::Away { why, held };
        Self {
            temporary,
            lake,
            is_newest: false,
        }
    }

    /// The same lake with other temporary tables.
    #[must_use]
    pub fn with_temporary(&self, temporary: TempTables) -> Self {
        Self {
            temporary,
            ..self.clone()
        }
    }

    /// The commit that is seen, if it is the newest one and no transaction adds to it.
    pub fn commit(&self) -> Option<SnapshotId> {
        match &self.lake {
            Durable::There(lake) if self.is_newest => Some(lake.id()),
            Durable::There(_) | Durable::Away { .. } => None,
        }
    }

    /// The session's temporary tables.
    pub fn temporary(&self) -> &TempTables {
        &self.temporary
    }

    /// The lake at one moment.
    ///
    /// # Errors
    /// Why it does not answer.
    pub fn lake(&self) -> Result<&Snapshot> {
        match &self.lake {
            Durable::There(lake) => Ok(lake),
            Durable::Away { why, .. } => Err(why.clone().into()),
        }
    }

    /// Whether the lake does not answer, and may have had a table or view of that name when it last did, of which who asks
    /// may know: `sees` says so, by what it held.
    pub fn may_hide(&self, schema: &str, name: &str, sees: impl FnOnce(&State) -> bool) -> bool {
        let had = |held: &Arc<State>| {
            let had = held.table(schema, name).is_some() || held.view(schema, name).is_some();
            had && sees(held)
        };
        match &self.lake {
            Durable::There(_) => false,
            Durable::Away { held, .. } => held.as_ref().is_none_or(had),
        }
    }

    /// The lake's schemas, sorted.
    ///
    /// # Errors
    /// As [`Self::lake`].
    pub fn schema_names(&self) -> Result<Vec<String>> {
        Ok(self.lake()?.state().schemas.keys().cloned().collect())
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
        Ok(self.lake()?.table(schema, name).await?)
    }

    /// Temporary tables, durable tables and views of a schema, sorted by name.
    ///
    /// # Errors
    /// As [`Self::lake`].
    pub fn entries_of(&self, schema: &str) -> Result<Vec<TableEntry>> {
        if schema == TEMP {
            return Ok(self.temporary.entries());
        }
        let Some(found) = self.lake()?.state().schemas.get(schema) else {
            return Ok(Vec::new());
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
        Ok(entries)
    }

    /// The same of all schemas.
    ///
    /// # Errors
    /// As [`Self::lake`].
    pub fn entries(&self) -> Result<Vec<TableEntry>> {
        let mut entries = self.temporary.entries();
        for schema in self.lake()?.state().schemas.keys() {
            entries.extend(self.entries_of(schema)?);
        }
        Ok(entries)
    }
}

fn version(table: &LakeTable) -> u64 {
    let mut hasher = DefaultHasher::new();
    (table.table().id, table.version()).hash(&mut hasher);
    hasher.finish()
}
