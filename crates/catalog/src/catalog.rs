use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use datafusion::catalog::{CatalogProvider, TableProvider};
use datafusion::execution::runtime_env::RuntimeEnv;
use godwit_config::{Config, MountKind};

use crate::mount::{Contents, Mount, State};
use crate::mounts::Mounts;
use crate::provider::{Shown, View};
use crate::shelf::Shelf;
use crate::system::{MOUNTS, MountsTable};
use crate::{DEFAULT_SCHEMA, Error, FILES, Object, Result, SYSTEM, Seen, TEMP};

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
    runtime: Arc<RuntimeEnv>,
    shelf: Arc<Shelf>,
    mounts: RwLock<Mounts>,
    system: RwLock<BTreeMap<String, Arc<dyn TableProvider>>>,
}

impl Catalog {
    /// Lists every mount once. A broken mount is reported in the log, in `system.mounts` and when it is queried, never
    /// here. Files are read through the runtime's store for `file://`.
    pub async fn open(config: &Config, runtime: Arc<RuntimeEnv>) -> Result<Self> {
        let shelf = Shelf::new(config.memory.kept_columns.min(config.memory.limit / 8));
        let none = Mounts::default();
        let (mounts, wrong) = Mounts::open(config, (&runtime, &shelf), &none).await;
        for error in wrong {
            tracing::warn!(%error, "mount cannot be read");
        }
        Ok(Self {
            inner: Arc::new(Inner {
                runtime,
                shelf,
                mounts: RwLock::new(mounts),
                system: RwLock::default(),
            }),
        })
    }

    /// The mounts of another configuration, for [`Self::remount`]. Nobody sees them yet.
    ///
    /// # Errors
    /// What is wrong with those that are new or other ones than before, when one of them cannot be read.
    pub async fn mounts_of(&self, config: &Config) -> std::result::Result<Mounts, Vec<Error>> {
        let held = (&self.inner.runtime, &self.inner.shelf);
        let (mounts, wrong) = Mounts::open(config, held, &self.mounts()).await;
        match wrong.is_empty() {
            true => Ok(mounts),
            false => Err(wrong),
        }
    }

    /// Looks names up in these mounts from now on; whether they are others than before. What was resolved keeps its files.
    pub fn remount(&self, mounts: Mounts) -> bool {
        let mut held = self
            .inner
            .mounts
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *held, mounts);
        !held.are_same_as(&before)
    }

    /// Whether there is a mount of that name.
    pub fn is_mount(&self, name: &str) -> bool {
        self.mounts().get(name).is_some()
    }

    /// Those of this moment.
    fn mounts(&self) -> Mounts {
        let mounts = self.inner.mounts.read();
        mounts.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A file as a table, without being mounted.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn file(
        config: &godwit_config::Mount,
        runtime: Arc<RuntimeEnv>,
    ) -> Result<ResolvedTable> {
        let mount = Mount::new("copy", config, runtime, &Shelf::new(0));
        let state = mount.current().await;
        match &state.contents {
            Contents::Table(table) => Box::pin(mount.resolve(table)).await,
            Contents::Unreadable(error) => Err(error.clone()),
            Contents::Schema(_) | Contents::Empty => Err(Error::File {
                path: config.path.clone(),
                why: "there are no rows in it".to_owned(),
            }),
        }
    }

    /// An object as a table; all but the path is taken from the mount.
    ///
    /// # Errors
    /// When it cannot be read.
    pub async fn object(
        object: Object,
        config: &godwit_config::Mount,
        runtime: Arc<RuntimeEnv>,
    ) -> Result<ResolvedTable> {
        Box::pin(object.table(config, runtime)).await
    }

    /// Lists every mount again. Names that are asked for through [`Self::schema_names`] and [`Self::provider`]
    /// come from the last listing, so call this before answering a question about names.
    pub async fn refresh(&self) {
        self.mounts().listed().await;
    }

    /// Every schema as of the last listing, sorted.
    pub fn schema_names(&self) -> Vec<String> {
        let mut names: Vec<_> = [FILES, DEFAULT_SCHEMA, SYSTEM, TEMP]
            .map(str::to_owned)
            .into();
        let mounts = self.mounts();
        let schemas = mounts
            .iter()
            .map(|mount| mount.known().schema(mount).to_owned());
        names.extend(schemas.filter(|schema| schema != FILES));
        names.sort();
        names
    }

    /// The tables of a schema, by a new listing, sorted by name; none when there is no such schema.
    pub async fn table_names(&self, schema: &str) -> Vec<TableEntry> {
        match schema {
            FILES => self.refresh().await,
            _ => {
                if let Some(mount) = self.mounts().get(schema) {
                    mount.current().await;
                }
            }
        }
        self.known_tables(schema)
    }

    /// A table as it is now. `None` when there is no such name; an error when there is, but what is behind it
    /// cannot be read.
    pub async fn table(&self, schema: &str, name: &str) -> Result<Option<ResolvedTable>> {
        if schema == SYSTEM {
            return Ok(self.system_table(name));
        }
        let mount = if schema == FILES { name } else { schema };
        let mounts = self.mounts();
        let Some(mount) = mounts.get(mount) else {
            return Ok(None);
        };
        let state = mount.current().await;
        let table = match &state.contents {
            Contents::Table(table) if schema == FILES => Some(table),
            Contents::Schema(tables) if schema != FILES => tables.get(name),
            // Nothing tells which of the two it would have been, so both names lead to the reason.
            Contents::Unreadable(error) if mount.config.kind == MountKind::Auto => {
                return Err(error.clone());
            }
            Contents::Unreadable(error) if state.schema(mount) == schema => {
                return Err(error.clone());
            }
            Contents::Table(_)
            | Contents::Schema(_)
            | Contents::Unreadable(_)
            | Contents::Empty => None,
        };
        match table {
            Some(table) => Box::pin(mount.resolve(table)).await.map(Some),
            None => Ok(None),
        }
    }

    /// What tells the content of a mounted table from others, if its files are those of the last listing: these are looked
    /// at here, where that is known to be quick. `None` says nothing.
    pub fn glance(&self, schema: &str, name: &str) -> Option<u64> {
        let mount = if schema == FILES { name } else { schema };
        let state = self.mounts().get(mount)?.glance()?;
        let table = match &state.contents {
            Contents::Table(table) if schema == FILES => table,
            Contents::Schema(tables) if schema != FILES => tables.get(name)?,
            _ => return None,
        };
        table.known_snapshot()
    }

    /// The same tables for `information_schema`: names as of the last listing, a broken table without columns.
    pub fn provider(&self) -> Arc<dyn CatalogProvider> {
        Arc::new(View::whole(self.clone()))
    }

    /// What is shown of this, and of the tables that one session can change and its views, by schema and name.
    pub fn provider_with(
        &self,
        seen: &Seen,
        views: BTreeMap<(String, String), Arc<dyn TableProvider>>,
        shown: Arc<dyn Shown>,
    ) -> Arc<dyn CatalogProvider> {
        Arc::new(View::new(self.clone(), seen.clone(), views, shown))
    }

    /// Adds a table to the schema `system`, in place of one of the same name.
    pub fn register_system_table(&self, name: &str, table: Arc<dyn TableProvider>) {
        self.inner
            .system
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), table);
    }

    /// The tables of a schema as of the last listing, sorted by name.
    pub(crate) fn known_tables(&self, schema: &str) -> Vec<TableEntry> {
        let entry = |kind| {
            move |name| TableEntry {
                schema: schema.to_owned(),
                name,
                kind,
            }
        };
        if schema == SYSTEM {
            let system = self
                .inner
                .system
                .read()
                .unwrap_or_else(PoisonError::into_inner);
            let mut names: Vec<_> = system.keys().cloned().collect();
            names.push(MOUNTS.to_owned());
            names.sort();
            names.dedup();
            return names
                .into_iter()
                .map(entry(TableKind::SystemTable))
                .collect();
        }
        let mounts = self.mounts();
        let known = mounts.iter().map(|mount| (mount, mount.known()));
        let in_schema = known.filter(|(mount, state)| state.schema(mount) == schema);
        in_schema
            .flat_map(|(mount, state)| state.table_names(mount))
            .map(entry(TableKind::Table))
            .collect()
    }

    /// The mounts as they are found in `system.mounts`.
    pub(crate) async fn listed(&self) -> Vec<(Arc<Mount>, Arc<State>)> {
        self.mounts().listed().await
    }

    fn system_table(&self, name: &str) -> Option<ResolvedTable> {
        let system = self
            .inner
            .system
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        let provider = match system.get(name) {
            Some(provider) => Arc::clone(provider),
            None if name == MOUNTS => Arc::new(MountsTable::new(self.clone())),
            None => return None,
        };
        Some(ResolvedTable {
            provider,
            kind: TableKind::SystemTable,
            snapshot: 0,
        })
    }
}
