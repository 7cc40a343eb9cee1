mod columns;
mod kept;
mod pin;
mod statistics;
mod unit;

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::datatypes::{FieldRef, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{DFSchemaRef, Statistics, project_schema};
use datafusion::datasource::listing::helpers::expr_applicable_for_cols;
use datafusion::error::Result;
use datafusion::logical_expr::dml::{InsertOp, MergeIntoClause};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;
use godwit_lake::guard::has_subquery;

use crate::infer::Facts;
use crate::partition::TableFiles;
use crate::shelf::Shelf;
use crate::{Error, blame};
pub(crate) use kept::Kept;
pub use kept::{Lookup, hold};
use pin::Pins;
use unit::{Request, Unit};

/// A table over files, pinned to those that were listed when it was resolved.
#[derive(Debug)]
pub(crate) struct FileTable {
    /// Qualified with its schema.
    name: String,
    schema: SchemaRef,
    partition_columns: Vec<FieldRef>,
    units: Vec<Unit>,
    /// How many rows all files have, where each of them says so.
    rows: Option<u64>,
    pins: Arc<Pins>,
}

impl FileTable {
    /// Puts files together that have been looked into; `facts` are theirs, in the same order.
    pub(crate) fn new(
        name: &str,
        files: &TableFiles,
        facts: &[Arc<Facts>],
        shelf: &Arc<Shelf>,
    ) -> crate::Result<Self> {
        let columns = columns::merge(files, facts)?;
        let units = unit::cut(files, facts, &columns, shelf).map_err(|error| {
            let path = files
                .files
                .first()
                .map(|first| first.file.path.clone())
                .unwrap_or_default();
            blame::unreadable(&path, &error)
        })?;
        let schema = Schema::new(
            columns
                .iter()
                .chain(&files.columns)
                .cloned()
                .collect::<Vec<_>>(),
        );
        Ok(Self {
            name: name.to_owned(),
            schema: Arc::new(schema),
            partition_columns: files.columns.clone(),
            units,
            rows: facts.iter().map(|facts| facts.rows).sum(),
            pins: Arc::new(Pins::new(name, files.files.iter().map(|file| &file.file))),
        })
    }

    /// Whether folders alone decide a filter, so that it need not be looked at again.
    fn decided_by_partitions(&self, filter: &Expr) -> bool {
        let names: Vec<_> = self
            .partition_columns
            .iter()
            .map(|column| column.name().as_str())
            .collect();
        !names.is_empty() && expr_applicable_for_cols(&names, filter) && !has_subquery(filter)
    }
}

/// The refusal of a write to mounted files.
pub(crate) fn read_only(table: &str) -> Error {
    let why =
        "mounted files are only read; change the files themselves, and the next query sees it";
    Error::ReadOnly {
        table: table.to_owned(),
        why: why.to_owned(),
    }
}

#[async_trait]
impl TableProvider for FileTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (partition_filters, others): (Vec<_>, Vec<_>) = filters
            .iter()
            .cloned()
            .partition(|filter| self.decided_by_partitions(filter));
        let request = Request {
            session,
            table_schema: &self.schema,
            projection,
            partition_filters: &partition_filters,
            limit,
            limit_cuts_files: others.is_empty(),
            pins: &self.pins,
        };
        let mut plans = Vec::with_capacity(self.units.len());
        for unit in &self.units {
            plans.extend(unit.scan(&request).await?);
        }
        if plans.is_empty() {
            return Ok(Arc::new(EmptyExec::new(project_schema(
                &self.schema,
                projection,
            )?)));
        }
        UnionExec::try_new(plans)
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| {
            if self.decided_by_partitions(filter) {
                TableProviderFilterPushDown::Exact
            } else if has_subquery(filter) {
                TableProviderFilterPushDown::Unsupported
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(answer).collect())
    }

    /// The number of rows, where it is certain: from the footers that the table is pinned to.
    fn statistics(&self) -> Option<Statistics> {
        let rows = usize::try_from(self.rows?).ok()?;
        Some(Statistics {
            num_rows: Precision::Exact(rows),
            ..Statistics::new_unknown(&self.schema)
        })
    }

    async fn insert_into(
        &self,
        _: &dyn Session,
        _: Arc<dyn ExecutionPlan>,
        _: InsertOp,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(read_only(&self.name).into())
    }

    async fn delete_from(&self, _: &dyn Session, _: Vec<Expr>) -> Result<Arc<dyn ExecutionPlan>> {
        Err(read_only(&self.name).into())
    }

    async fn update(
        &self,
        _: &dyn Session,
        _: Vec<(String, Expr)>,
        _: Vec<Expr>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(read_only(&self.name).into())
    }

    async fn truncate(&self, _: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        Err(read_only(&self.name).into())
    }

    async fn merge_into(
        &self,
        _: &dyn Session,
        _: Arc<dyn ExecutionPlan>,
        _: DFSchemaRef,
        _: Expr,
        _: Vec<MergeIntoClause>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Err(read_only(&self.name).into())
    }
}
