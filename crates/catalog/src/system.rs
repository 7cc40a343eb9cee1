use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int64Builder, RecordBatch, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::{Session, TableProvider};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use godwit_config::MountKind;

use crate::Catalog;
use crate::mount::{Contents, Mount, State};

/// Name of the table of mounts in the schema `system`.
pub(crate) const MOUNTS: &str = "mounts";

/// `system.mounts`: a row for each mount, with all that is wrong with it.
#[derive(Debug)]
pub(crate) struct MountsTable {
    catalog: Catalog,
    schema: SchemaRef,
}

impl MountsTable {
    pub(crate) fn new(catalog: Catalog) -> Self {
        let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
        let schema = Schema::new(vec![
            text("name", false),
            text("path", false),
            text("kind", false),
            text("format", true),
            text("schema", false),
            Field::new("tables", DataType::Int64, false),
            text("error", true),
        ]);
        Self {
            catalog,
            schema: Arc::new(schema),
        }
    }

    async fn rows(&self) -> Result<RecordBatch> {
        let mut texts: [StringBuilder; 6] = Default::default();
        let mut tables = Int64Builder::new();
        for (mount, state) in self.catalog.listed().await {
            let errors = errors(&mount, &state).await;
            let formats: Vec<_> = state.formats.iter().copied().collect();
            let [name, path, kind, format, schema, error] = &mut texts;
            name.append_value(&mount.name);
            path.append_value(mount.config.path.to_string_lossy());
            kind.append_value(kind_of(&mount, &state));
            format.append_option((!formats.is_empty()).then(|| formats.join(", ")));
            schema.append_value(state.schema(&mount));
            tables.append_value(i64::try_from(state.tables().len()).unwrap_or(i64::MAX));
            error.append_option((!errors.is_empty()).then(|| errors.join("\n")));
        }
        let mut columns: Vec<ArrayRef> = texts
            .iter_mut()
            .map(|text| Arc::new(text.finish()) as _)
            .collect();
        columns.insert(5, Arc::new(tables.finish()));
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// What it became or, until that is known, what the operator asked for.
fn kind_of(mount: &Mount, state: &State) -> &'static str {
    match (&state.contents, mount.config.kind) {
        (Contents::Table(_), _) | (_, MountKind::Table) => "table",
        (Contents::Schema(_), _) | (_, MountKind::Schema) => "schema",
        (Contents::Unreadable(_) | Contents::Empty, MountKind::Auto) => "auto",
    }
}

/// All that is wrong with a mount. Looks into the files of every table.
async fn errors(mount: &Mount, state: &State) -> Vec<String> {
    let mut errors = state.notes.clone();
    if let Contents::Unreadable(error) = &state.contents {
        errors.push(error.to_string());
    }
    for table in state.tables() {
        if let Err(error) = Box::pin(mount.resolve(table)).await {
            errors.push(error.to_string());
        }
    }
    errors
}

#[async_trait]
impl TableProvider for MountsTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = vec![vec![self.rows().await?]];
        Ok(MemorySourceConfig::try_new_exec(
            &rows,
            Arc::clone(&self.schema),
            projection.cloned(),
        )?)
    }
}
