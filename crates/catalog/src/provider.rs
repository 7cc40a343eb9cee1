use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{CatalogProvider, SchemaProvider, Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::{Catalog, Error, Seen, TableEntry, TableKind};

/// What of the catalog is there for whoever looks.
pub trait Shown: std::fmt::Debug + Send + Sync {
    /// Whether a schema is.
    fn schema(&self, schema: &str) -> bool;

    /// Whether a table or view is.
    fn table(&self, schema: &str, table: &str) -> bool;

    /// The columns of a table or view that are; `None` when all are.
    fn columns(&self, schema: &str, table: &str) -> Option<BTreeSet<String>>;
}

/// The catalog as DataFusion's own metadata tables want to see it.
#[derive(Debug)]
pub(crate) struct View {
    catalog: Catalog,
    /// What the session that looks can change; none for the server itself. Whoever lists has looked whether its lake
    /// answers.
    seen: Option<Seen>,
    views: Arc<Views>,
    /// What of it is shown; everything when nobody says.
    shown: Option<Arc<dyn Shown>>,
}

/// Stored queries by schema and name.
type Views = BTreeMap<(String, String), Arc<dyn TableProvider>>;

impl View {
    /// All that the server itself knows.
    pub(crate) fn whole(catalog: Catalog) -> Self {
        Self {
            catalog,
            seen: None,
            views: Arc::default(),
            shown: None,
        }
    }

    pub(crate) fn new(catalog: Catalog, seen: Seen, views: Views, shown: Arc<dyn Shown>) -> Self {
        Self {
            catalog,
            seen: Some(seen),
            views: Arc::new(views),
            shown: Some(shown),
        }
    }
}

impl CatalogProvider for View {
    fn schema_names(&self) -> Vec<String> {
        let mut names = self.catalog.schema_names();
        let seen = self.seen.iter();
        names.extend(seen.flat_map(|seen| seen.schema_names().unwrap_or_default()));
        names.sort();
        names.dedup();
        if let Some(shown) = &self.shown {
            names.retain(|name| shown.schema(name));
        }
        names
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let known = self.schema_names().iter().any(|schema| schema == name);
        known.then(|| {
            Arc::new(SchemaView {
                catalog: self.catalog.clone(),
                seen: self.seen.clone(),
                views: Arc::clone(&self.views),
                shown: self.shown.clone(),
                schema: name.to_owned(),
            }) as _
        })
    }
}

#[derive(Debug)]
struct SchemaView {
    catalog: Catalog,
    seen: Option<Seen>,
    views: Arc<Views>,
    shown: Option<Arc<dyn Shown>>,
    schema: String,
}

impl SchemaView {
    fn entries(&self) -> Vec<TableEntry> {
        let mut entries = self.catalog.known_tables(&self.schema);
        let seen = self.seen.iter();
        entries.extend(seen.flat_map(|seen| seen.entries_of(&self.schema).unwrap_or_default()));
        if let Some(shown) = &self.shown {
            entries.retain(|entry| shown.table(&self.schema, &entry.name));
        }
        entries
    }

    /// The table with those of its columns that are shown.
    fn of_shown(&self, name: &str, table: Arc<dyn TableProvider>) -> Arc<dyn TableProvider> {
        let columns = self
            .shown
            .as_ref()
            .map(|shown| shown.columns(&self.schema, name));
        let Some(Some(columns)) = columns else {
            return table;
        };
        let schema = table.schema();
        let fields = schema.fields().iter();
        let fields = fields
            .filter(|field| columns.contains(field.name()))
            .cloned();
        Arc::new(Partial {
            schema: Arc::new(Schema::new(fields.collect::<Vec<_>>())),
            table,
        })
    }
}

#[async_trait]
impl SchemaProvider for SchemaView {
    fn table_names(&self) -> Vec<String> {
        self.entries().into_iter().map(|entry| entry.name).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if !self.table_exist(name) {
            return Ok(None);
        }
        if let Some(view) = self.views.get(&(self.schema.clone(), name.to_owned())) {
            return Ok(Some(self.of_shown(name, Arc::clone(view))));
        }
        let found = match &self.seen {
            Some(seen) => seen.table(&self.schema, name).await,
            None => Ok(None),
        };
        let found = match found {
            Ok(None) => self.catalog.table(&self.schema, name).await,
            found => found,
        };
        Ok(match found {
            Ok(found) => found.map(|table| self.of_shown(name, table.provider)),
            Err(error) => Some(Arc::new(BrokenTable {
                schema: Arc::new(Schema::empty()),
                error,
            })),
        })
    }

    /// Answered without looking into any file: listing the tables must stay cheap.
    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        let entry = self.entries().into_iter().find(|entry| entry.name == name);
        Ok(entry.map(|entry| match entry.kind {
            TableKind::Table | TableKind::SystemTable => TableType::Base,
            TableKind::View => TableType::View,
            TableKind::Temporary => TableType::Temporary,
        }))
    }

    fn table_exist(&self, name: &str) -> bool {
        self.table_names().iter().any(|known| known == name)
    }
}

/// Stands for a table of which not all columns are shown. It is looked at and not read.
#[derive(Debug)]
struct Partial {
    schema: SchemaRef,
    table: Arc<dyn TableProvider>,
}

#[async_trait]
impl TableProvider for Partial {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        self.table.table_type()
    }

    fn get_table_definition(&self) -> Option<&str> {
        self.table.get_table_definition()
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        datafusion::common::internal_err!("what metadata shows of a table was read as its rows")
    }
}

/// Stands for a table that cannot be read, so that the metadata of the others can: one error would end the whole walk.
#[derive(Debug)]
struct BrokenTable {
    schema: SchemaRef,
    error: Error,
}

#[async_trait]
impl TableProvider for BrokenTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        _: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(self.error.clone().into())
    }
}
