//! What the names of one statement stand for.
//!
//! Every name is looked up once, so that all mentions of a table in a statement see the same snapshot of it.

use std::sync::Arc;

use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{CatalogProviderList, MemoryCatalogProviderList, SchemaProvider};
use datafusion::common::TableReference;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::TableSource;
use godwit_auth::access::Authority;
use godwit_catalog::{
    CATALOG, Catalog, DEFAULT_SCHEMA, FILES, ResolvedTable, SYSTEM, Seen, TEMP, TableKind,
};
use godwit_lake::{Lake, State as LakeState};

use crate::access::{ShownTo, Sight, denied};
use crate::check::Names;
use crate::copy::{FILE, Places};
use crate::parse::Limits;
use crate::{Error, Result};

mod anatomy;
mod defaults;
mod glance;
mod missing;
mod moments;
mod mounts;
mod nearest;
mod readable;
mod resolved;
mod views;

pub(crate) use nearest::hint_of as nearest_hint;
use resolved::Found;
pub(crate) use resolved::Resolved;
pub(crate) use views::{GODWIT, Trail};

pub(crate) const INFORMATION_SCHEMA: &str = "information_schema";

/// What the rows are called that a client uploads while it queries them.
pub(crate) const INPUT: &str = "input";

/// A table of the catalog, as it was when the statement was planned.
#[derive(Clone)]
pub(crate) struct Table {
    pub(crate) schema: String,
    pub(crate) name: String,
    pub(crate) kind: TableKind,
    pub(crate) source: Arc<dyn TableSource>,
    snapshot: u64,
    /// What a view reads.
    inner: Option<Arc<Resolved>>,
}

/// Where a session looks for tables.
#[derive(Clone, Copy)]
pub(crate) struct Lookup<'a> {
    /// Whose statement it is: by whose policies and masks rows are seen.
    pub(crate) caller: &'a Arc<Authority>,
    /// Who has to be allowed to read: the caller, within a view its owner.
    pub(crate) reader: &'a Arc<Authority>,
    /// Whether the rows of what is found are read.
    pub(crate) reads: bool,
    /// The lake as it is now, when what is looked up is of the past.
    pub(crate) present: Option<&'a LakeState>,
    pub(crate) catalog: &'a Catalog,
    /// The session's own, and the lake's.
    pub(crate) seen: &'a Seen,
    pub(crate) state: &'a SessionState,
    /// The session's schema, or that of the view.
    pub(crate) schema: &'a str,
    /// Where older snapshots are.
    pub(crate) lake: &'a Lake,
    /// Where files are that SQL may read.
    pub(crate) places: &'a Places,
    pub(crate) limits: Limits,
    /// The views that are being looked into; none for what a user wrote.
    pub(crate) trail: Option<&'a Trail<'a>>,
    /// How many texts of `vector_types` the names are in.
    pub(crate) nested: usize,
}

impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}@{:x}", self.schema, self.name, self.snapshot)
    }
}

impl Table {
    pub(crate) fn of(schema: &str, name: &str, resolved: ResolvedTable) -> Self {
        Self {
            schema: schema.to_owned(),
            name: name.to_owned(),
            kind: resolved.kind,
            source: provider_as_source(resolved.provider),
            snapshot: resolved.snapshot,
            inner: None,
        }
    }
}

impl Lookup<'_> {
    /// Looks up all names of a statement.
    pub(crate) async fn resolve(&self, names: &Names) -> Resolved {
        if names.reads_schema {
            self.catalog.refresh().await;
        }
        let mut resolved = Resolved::default();
        for reference in &names.tables {
            let found = match self.find(reference).await {
                Ok(Some(table)) => {
                    let full =
                        TableReference::full(CATALOG, table.schema.as_str(), table.name.as_str());
                    resolved.found.insert(full, Found::Table(table.clone()));
                    Found::Table(table)
                }
                Ok(None) => {
                    let is_defined = matches!(reference, TableReference::Bare { table } if names.defined.contains(table.as_ref()));
                    Found::Not(if is_defined {
                        Error::not_found(format!("table '{reference}' does not exist"))
                    } else {
                        self.missing(reference).await
                    })
                }
                Err(error) => Found::Not(error),
            };
            resolved.found.insert(reference.clone(), found);
        }
        resolved
    }

    /// The schemas that an unqualified name is looked for in, in order.
    pub(crate) fn search_path(&self) -> Vec<&str> {
        // A view means the same to every session.
        let mut path = match self.trail {
            None => vec![TEMP],
            Some(_) => Vec::new(),
        };
        for schema in [self.schema, FILES] {
            if !path.contains(&schema) {
                path.push(schema);
            }
        }
        path
    }

    /// Whether a schema's tables are not the lake's: temporary tables, mounts, the server's own.
    pub(crate) fn is_fixed(&self, schema: &str) -> bool {
        let fixed = self.catalog.schema_names();
        schema == INFORMATION_SCHEMA
            || (schema != DEFAULT_SCHEMA && fixed.iter().any(|known| known == schema))
    }

    /// Those that exist for the caller.
    fn schema_names(&self) -> Vec<String> {
        let mut names = self.catalog.schema_names();
        names.extend(self.seen.schema_names().unwrap_or_default());
        names.sort();
        names.dedup();
        let sight = self.sight_of_caller();
        names.retain(|name| sight.sees_schema(name));
        names
    }

    /// What exists for who reads.
    pub(crate) fn sight(&self) -> Sight<'_> {
        Sight::of(self.reader, self.seen)
    }

    /// What exists for who is told about it.
    fn sight_of_caller(&self) -> Sight<'_> {
        Sight::of(self.caller, self.seen)
    }

    async fn find(&self, reference: &TableReference) -> Result<Option<Table>> {
        match reference {
            TableReference::Bare { table } => {
                for schema in self.search_path() {
                    // What is found later is what the name stands for, unless the lake is known to have it.
                    if self.is_away(schema) && !self.may_hide(schema, table) {
                        continue;
                    }
                    if let Some(found) = self.table(schema, table).await? {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            }
            TableReference::Partial { schema, table } => self.table(schema, table).await,
            TableReference::Full {
                catalog,
                schema,
                table,
            } if catalog.as_ref() == CATALOG => self.table(schema, table).await,
            TableReference::Full {
                catalog,
                schema,
                table,
            } if catalog.as_ref() == FILE && self.trail.is_none() => {
                if !self.caller.reads_files() {
                    return Err(may_not_read_files(self.caller));
                }
                let found = self.places.table(schema, table).await?;
                Ok(Some(Table::of(schema, table, found)))
            }
            TableReference::Full { .. } => Ok(None),
        }
    }

    async fn table(&self, schema: &str, name: &str) -> Result<Option<Table>> {
        if schema == TEMP && self.trail.is_some() {
            return Err(Error::invalid(
                "it reads a temporary table, which only one session has",
            ));
        }
        if schema == INFORMATION_SCHEMA {
            let found = self.information_table(name).await?;
            return Ok(found.map(|found| Table::of(schema, name, found)));
        }
        if let Some(found) = self.durable(schema, name).await? {
            return Ok(Some(found));
        }
        if !self.exists(schema, name) {
            return Ok(None);
        }
        let found = self.catalog.table(schema, name).await;
        let mut found = found.map_err(|error| Error::from_catalog(&error))?;
        if let Some(found) = found.as_mut()
            && (schema, name) == (SYSTEM, "mounts")
            && !self.caller.is_admin()
        {
            let all = Arc::clone(&found.provider);
            found.provider = mounts::only_shown(all, self.shown())
                .map_err(|error| Error::from_datafusion(&error, "mounts"))?;
        }
        match found {
            Some(found) => self.readable(Table::of(schema, name, found)).map(Some),
            None => Ok(None),
        }
    }

    /// A table or a view that sessions can change.
    async fn durable(&self, schema: &str, name: &str) -> Result<Option<Table>> {
        if schema == TEMP {
            let found = self.seen.temporary().table(name);
            return Ok(found.map(|found| Table::of(schema, name, found)));
        }
        let lake = match self.seen.lake() {
            Ok(lake) => lake.state(),
            Err(_) if self.is_fixed(schema) && !self.may_hide(schema, name) => {
                return Ok(None);
            }
            Err(away) => return Err(Error::from_catalog(&away)),
        };
        if !self.exists(schema, name) {
            return Ok(None);
        }
        let found = self.seen.table(schema, name).await;
        if let Some(found) = found.map_err(|error| Error::from_catalog(&error))? {
            return self.readable(Table::of(schema, name, found)).map(Some);
        }
        match lake.view(schema, name) {
            Some(view) => {
                self.require_select(schema, name)?;
                self.readable(self.view(view).await?).map(Some)
            }
            None => Ok(None),
        }
    }

    /// What exists for the caller, for those who list it.
    fn shown(&self) -> Arc<ShownTo> {
        let lake = self.seen.lake().ok();
        Arc::new(ShownTo {
            authority: Arc::clone(self.caller),
            lake: lake.map(|lake| Arc::clone(lake.state())),
        })
    }

    /// Whether a lake that does not answer may have what exists for who reads under that name.
    fn may_hide(&self, schema: &str, name: &str) -> bool {
        let sees = |held: &LakeState| Sight::new(self.reader, held).sees(schema, name);
        self.seen.may_hide(schema, name, sees)
    }

    /// Whether a schema's tables are in a lake that does not answer.
    fn is_away(&self, schema: &str) -> bool {
        self.seen.lake().is_err() && !self.is_fixed(schema)
    }

    async fn information_table(&self, name: &str) -> Result<Option<ResolvedTable>> {
        let lake = self.seen.lake();
        lake.map_err(|error| Error::from_catalog(&error))?;
        // A catalog of its own for every session: each sees its temporary tables and no other's.
        let catalogs = MemoryCatalogProviderList::new();
        // Planning them takes time, and the other tables do not look into them.
        let views = match name {
            "columns" | "views" => Box::pin(self.all_views()).await,
            _ => Default::default(),
        };
        let catalog = self.catalog.provider_with(self.seen, views, self.shown());
        catalogs.register_catalog(CATALOG.to_owned(), catalog);
        let schema = InformationSchemaProvider::new(Arc::new(catalogs))
            .with_table_functions(self.state.table_functions().clone());
        let provider = schema
            .table(name)
            .await
            .and_then(|provider| match provider {
                Some(columns) if name == "columns" => {
                    defaults::with_defaults(columns, self.seen).map(Some)
                }
                Some(views) if name == "views" => defaults::only_views(views).map(Some),
                provider => Ok(provider),
            })
            .map_err(|error| Error::from_datafusion(&error, "information_schema"))?;
        Ok(provider.map(|provider| ResolvedTable {
            provider,
            kind: TableKind::SystemTable,
            snapshot: 0,
        }))
    }
}

fn may_not_read_files(caller: &Authority) -> Error {
    denied(
        caller,
        "read files of the server; the role read_server_files may",
    )
}
