use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{CatalogProvider, SchemaProvider, Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use crate::{Catalog, Error, Seen, TableEntry, TableKind};

/// The catalog as DataFusion's own metadata tables want to see it.
#[derive(Debug)]
pub(crate) struct View {
    catalog: Catalog,
    /// What the session that looks can change; none for the server itself. Whoever lists has looked whether its lake
    /// answers.
    seen: Option<Seen>,
    views: Arc<Views>,
}

/// Stored queries by schema and name.
type Views = BTreeMap<(String, String), Arc<dyn TableProvider>>;

impl View {
    pub(crate) fn new(catalog: Catalog, seen: Option<Seen>, views: Views) -> Self {
        Self {
            catalog,
            seen,
            views: Arc::new(views),
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
        names
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let known = self.schema_names().iter().any(|schema| schema == name);
        known.then(|| {
            Arc::new(SchemaView {
                catalog: self.catalog.clone(),
                seen: self.seen.clone(),
                views: Arc::clone(&self.views),
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
    schema: String,
}

impl SchemaView {
    fn entries(&self) -> Vec<TableEntry> {
        let mut entries = self.catalog.known_tables(&self.schema);
        let seen = self.seen.iter();
        entries.extend(seen.flat_map(|seen| seen.entries_of(&self.schema).unwrap_or_default()));
        entries
    }
}

#[async_trait]
impl SchemaProvider for SchemaView {
    fn table_names(&self) -> Vec<String> {
        self.entries().into_iter().map(|entry| entry.name).collect()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if let Some(view) = self.views.get(&(self.schema.clone(), name.to_owned())) {
            return Ok(Some(Arc::clone(view)));
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
            Ok(found) => found.map(|table| table.provider),
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
