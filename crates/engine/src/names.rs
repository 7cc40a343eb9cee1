//! What the names of one statement stand for.
//!
//! Every name is looked up once, so that all mentions of a table in a statement see the same snapshot of it.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeSet, HashMap};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use datafusion::catalog::information_schema::InformationSchemaProvider;
use datafusion::catalog::{
    CatalogProviderList, MemoryCatalogProviderList, SchemaProvider, TableProvider,
};
use datafusion::common::TableReference;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::provider_as_source;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, TableSource};
use godwit_catalog::{
    CATALOG, Catalog, DEFAULT_SCHEMA, FILES, ResolvedTable, Seen, TEMP, TableKind,
};
use godwit_lake::Lake;

use crate::check::Names;
use crate::copy::{FILE, Places};
use crate::parse::Limits;
use crate::{Error, Result};

mod defaults;
mod missing;
mod moments;
mod nearest;
mod views;

pub(crate) use views::{GODWIT, Trail};

pub(crate) const INFORMATION_SCHEMA: &str = "information_schema";

/// What the rows are called that a client uploads while it queries them.
pub(crate) const INPUT: &str = "input";

/// The names of a statement with what was found for them.
#[derive(Debug, Default)]
pub(crate) struct Resolved {
    found: HashMap<TableReference, Found>,
}

/// What one name stands for.
#[derive(Debug, Clone)]
enum Found {
    Table(Table),
    /// Why there is none. Reported only if the planner asks for it: the name may be a common table expression's.
    Not(Error),
}

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

    fn schema_names(&self) -> Vec<String> {
        let mut names = self.catalog.schema_names();
        names.extend(self.seen.schema_names().unwrap_or_default());
        names.sort();
        names.dedup();
        names
    }

    async fn find(&self, reference: &TableReference) -> Result<Option<Table>> {
        match reference {
            TableReference::Bare { table } => {
                for schema in self.search_path() {
                    // What is found later is what the name stands for, unless the lake is known to have it.
                    if self.is_away(schema) && !self.seen.may_hide(schema, table) {
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
        let found = if schema == INFORMATION_SCHEMA {
            self.information_table(name).await?
        } else if let Some(found) = self.durable(schema, name).await? {
            return Ok(Some(found));
        } else {
            let found = self.catalog.table(schema, name).await;
            found.map_err(|error| Error::from_catalog(&error))?
        };
        Ok(found.map(|found| Table::of(schema, name, found)))
    }

    /// A table or a view that sessions can change.
    async fn durable(&self, schema: &str, name: &str) -> Result<Option<Table>> {
        if schema == TEMP {
            let found = self.seen.temporary().table(name);
            return Ok(found.map(|found| Table::of(schema, name, found)));
        }
        let lake = match self.seen.lake() {
            Ok(lake) => lake.state(),
            Err(_) if self.is_fixed(schema) && !self.seen.may_hide(schema, name) => {
                return Ok(None);
            }
            Err(away) => return Err(Error::from_catalog(&away)),
        };
        let found = self.seen.table(schema, name).await;
        if let Some(found) = found.map_err(|error| Error::from_catalog(&error))? {
            return Ok(Some(Table::of(schema, name, found)));
        }
        match lake.view(schema, name) {
            Some(view) => self.view(view).await.map(Some),
            None => Ok(None),
        }
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
        let catalog = self.catalog.provider_with(self.seen, views);
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

impl Resolved {
    /// Makes the unqualified name [`INPUT`] stand for this, whatever it stood for.
    pub(crate) fn set_input(&mut self, provider: Arc<dyn TableProvider>) {
        let table = Table {
            schema: TEMP.to_owned(),
            name: INPUT.to_owned(),
            kind: TableKind::Temporary,
            source: provider_as_source(provider),
            snapshot: 0,
            inner: None,
        };
        self.found
            .insert(TableReference::bare(INPUT), Found::Table(table));
    }

    /// What the planner scans for a name.
    pub(crate) fn get(&self, reference: &TableReference) -> Result<&Table> {
        match self.found.get(reference) {
            Some(Found::Table(table)) => Ok(table),
            Some(Found::Not(error)) => Err(error.clone()),
            None => Err(Error::not_found(format!(
                "table '{reference}' does not exist"
            ))),
        }
    }

    /// Adds what the names of another part of the same statement stand for.
    pub(crate) fn add(&mut self, other: Self) {
        for (reference, found) in other.found {
            self.found.entry(reference).or_insert(found);
        }
    }

    /// Adds a table that no catalog has.
    pub(crate) fn insert(&mut self, reference: TableReference, table: Table) {
        self.found.insert(reference, Found::Table(table));
    }

    /// Whether some name stands for a temporary table.
    pub(crate) fn is_temporary(&self) -> bool {
        let is_temporary = |found: &Found| matches!(found, Found::Table(table) if table.kind == TableKind::Temporary);
        self.found.values().any(is_temporary)
    }

    /// One number for the contents of all tables that a plan scans.
    pub(crate) fn snapshot_of(&self, plan: &LogicalPlan) -> u64 {
        let scanned = self.scanned(plan);
        if scanned.is_empty() {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        scanned.hash(&mut hasher);
        hasher.finish()
    }

    /// Whether a plan scans this table.
    pub(crate) fn reads(&self, plan: &LogicalPlan, schema: &str, name: &str) -> bool {
        let mut scanned = self.scanned(plan).into_iter();
        scanned.any(|(of, table, _)| of == schema && table == name)
    }

    /// Schema, name and snapshot of all tables that a plan scans; none when it cannot be walked.
    fn scanned(&self, plan: &LogicalPlan) -> BTreeSet<(&str, &str, u64)> {
        let mut sources = HashMap::new();
        self.add_sources(&mut sources);
        let mut scanned = BTreeSet::new();
        let walked = plan.apply_with_subqueries(|node| {
            if let LogicalPlan::TableScan(scan) = node
                && let Some(table) = sources.get(&address(&scan.source))
            {
                scanned.insert((table.schema.as_str(), table.name.as_str(), table.snapshot));
            }
            Ok(TreeNodeRecursion::Continue)
        });
        if walked.is_err() {
            scanned.clear();
        }
        scanned
    }

    /// The tables, by what is scanned for them: a name means something else within a view.
    fn add_sources<'a>(&'a self, sources: &mut HashMap<*const (), &'a Table>) {
        for table in self.tables() {
            sources.insert(address(&table.source), table);
            if let Some(inner) = &table.inner {
                inner.add_sources(sources);
            }
        }
    }

    /// What the names stand for.
    fn tables(&self) -> impl Iterator<Item = &Table> {
        self.found.values().filter_map(|found| match found {
            Found::Table(table) => Some(table),
            Found::Not(_) => None,
        })
    }

    /// Whether every name stands for the same content as it did in `before`.
    pub(crate) fn is_same_as(&self, before: &Self) -> bool {
        let content = |found: &Found| match found {
            Found::Table(table) => Some((table.schema.clone(), table.name.clone(), table.snapshot)),
            Found::Not(_) => None,
        };
        self.found.len() == before.found.len()
            && self
                .found
                .iter()
                .all(|(name, found)| before.found.get(name).map(content) == Some(content(found)))
    }
}

fn address(source: &Arc<dyn TableSource>) -> *const () {
    Arc::as_ptr(source).cast()
}
