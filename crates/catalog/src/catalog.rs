use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::catalog::{CatalogProvider, TableProvider};
use datafusion::execution::runtime_env::RuntimeEnv;

use crate::provider::View;
use crate::{DEFAULT_SCHEMA, FILES, Result, SYSTEM, TEMP};

/// All tables of a server. A clone is cheap and sees the same tables.
#[derive(Debug, Clone)]
pub struct Catalog {
    inner: Arc<Inner>,
}

/// What a table is to those who list tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TableKind {
    /// Rows that live in files or in the lake.
    Table,
    /// A stored query.
    View,
    /// One of the server's own tables.
    SystemTable,
    /// Rows that live as long as their session.
    Temporary,
}

/// A table's name and kind. A broken table has one too.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TableEntry {
    /// The schema it is in.
    pub schema: String,
    /// Its name in that schema.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
}

/// A table as it is at this moment. The provider keeps reading what it was resolved to.
#[derive(Debug, Clone)]
pub struct ResolvedTable {
    /// What the planner scans; pinned to the files that were listed.
    pub provider: Arc<dyn TableProvider>,
    /// What it is.
    pub kind: TableKind,
    /// Tells one content from another: equal while path, size and modification time of every file are. Zero for
    /// tables whose content has no versions.
    pub snapshot: u64,
}

#[derive(Debug)]
struct Inner {
    system: RwLock<BTreeMap<String, Arc<dyn TableProvider>>>,
}

impl Catalog {
    /// Lists every mount once. A broken mount is reported in `system.mounts` and when it is queried, never here.
    pub async fn open(config: &godwit_config::Config, runtime: Arc<RuntimeEnv>) -> Result<Self> {
        let _ = (config, runtime);
        Ok(Self {
            inner: Arc::new(Inner {
                system: RwLock::default(),
            }),
        })
    }

    /// Lists every mount again. Names that are asked for through [`Self::schema_names`] and [`Self::provider`]
    /// come from the last listing, so call this before answering a question about names.
    pub async fn refresh(&self) {}

    /// Every schema as of the last listing, sorted.
    pub fn schema_names(&self) -> Vec<String> {
        let mut names = vec![
            FILES.to_owned(),
            DEFAULT_SCHEMA.to_owned(),
            SYSTEM.to_owned(),
            TEMP.to_owned(),
        ];
        names.sort();
        names
    }

    /// The tables of a schema, by a new listing, sorted by name; none when there is no such schema.
    pub async fn table_names(&self, schema: &str) -> Vec<TableEntry> {
        self.known_tables(schema)
    }

    /// A table as it is now. `None` when there is no such name; an error when there is, but what is behind it
    /// cannot be read.
    pub async fn table(&self, schema: &str, name: &str) -> Result<Option<ResolvedTable>> {
        if schema != SYSTEM {
            return Ok(None);
        }
        let system = self
            .inner
            .system
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        Ok(system.get(name).map(|provider| ResolvedTable {
            provider: Arc::clone(provider),
            kind: TableKind::SystemTable,
            snapshot: 0,
        }))
    }

    /// The same tables for `information_schema`: names as of the last listing, a broken table without columns.
    pub fn provider(&self) -> Arc<dyn CatalogProvider> {
        Arc::new(View::new(self.clone()))
    }

    /// Adds a table to the schema `system`, in place of one of the same name.
    pub fn register_system_table(&self, name: &str, table: Arc<dyn TableProvider>) {
        self.inner
            .system
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), table);
    }

    /// The tables of a schema as of the last listing.
    pub(crate) fn known_tables(&self, schema: &str) -> Vec<TableEntry> {
        if schema != SYSTEM {
            return Vec::new();
        }
        let system = self
            .inner
            .system
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        system
            .keys()
            .map(|name| TableEntry {
                schema: SYSTEM.to_owned(),
                name: name.clone(),
                kind: TableKind::SystemTable,
            })
            .collect()
    }
}
