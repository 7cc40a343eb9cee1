//! A content as the planner sees it: one scan over all its files, and the rows that are in memory.

mod adapter;
pub(crate) mod assemble;
pub(crate) mod blame;
mod files;
mod memory;
pub(crate) mod stream;

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{Statistics, project_schema};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::union::UnionExec;

use crate::guard::has_subquery;
use crate::{LakeTable, Part};

pub(crate) use files::entry;

/// What a column of a scan is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Output {
    /// The number of the row.
    Number,
    /// Its row id.
    RowId,
    /// A column of the table, by its place.
    Column(usize),
}

/// A table's rows, or those of its last parts, with or without their numbers.
#[derive(Debug)]
pub(crate) struct LakeScan {
    table: LakeTable,
    schema: SchemaRef,
    outputs: Vec<Output>,
}

impl LakeScan {
    pub(crate) fn new(table: LakeTable) -> Self {
        let schema = Arc::clone(&table.table().arrow);
        let outputs = (0..schema.fields().len()).map(Output::Column).collect();
        Self {
            table,
            schema,
            outputs,
        }
    }

    /// With a row's number and row id before all columns, under these names.
    pub(crate) fn numbered(table: LakeTable, number: &str, row_id: &str) -> Self {
        let own = &table.table().arrow;
        let mut fields = vec![
            Arc::new(Field::new(number, DataType::UInt64, false)),
            Arc::new(Field::new(row_id, DataType::Int64, true)),
        ];
        fields.extend(own.fields().iter().cloned());
        let columns = (0..own.fields().len()).map(Output::Column);
        let outputs = [Output::Number, Output::RowId].into_iter().chain(columns);
        Self {
            outputs: outputs.collect(),
            schema: Arc::new(Schema::new(fields)),
            table,
        }
    }

    /// The parts that are read, with their numbers in the whole.
    fn parts(&self) -> impl Iterator<Item = (usize, &Part)> {
        let parts = self.table.content().parts.iter().enumerate();
        parts.skip(self.table.first)
    }

    /// What a scan of some of its columns is made of, and its schema.
    fn project(&self, projection: Option<&Vec<usize>>) -> Result<(Vec<Output>, SchemaRef)> {
        let schema = project_schema(&self.schema, projection)?;
        let outputs = match projection {
            Some(places) => places.iter().map(|&place| self.outputs[place]).collect(),
            None => self.outputs.clone(),
        };
        Ok((outputs, schema))
    }
}

#[async_trait]
impl TableProvider for LakeScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(
        &self,
        filters: &[&Expr],
    ) -> Result<Vec<TableProviderFilterPushDown>> {
        let answer = |filter: &&Expr| {
            if has_subquery(filter) {
                TableProviderFilterPushDown::Unsupported
            } else {
                TableProviderFilterPushDown::Inexact
            }
        };
        Ok(filters.iter().map(answer).collect())
    }

    fn statistics(&self) -> Option<Statistics> {
        let rows: u64 = self.parts().map(|(_, part)| part.live_rows()).sum();
        let rows = usize::try_from(rows).ok()?;
        Some(Statistics {
            num_rows: Precision::Exact(rows),
            ..Statistics::new_unknown(&self.schema)
        })
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let (outputs, schema) = self.project(projection)?;
        let request = files::Request {
            session,
            outputs: &outputs,
            schema: &schema,
            filters,
            limit: limit.filter(|_| filters.is_empty()),
        };
        let mut plans = files::scan(&self.table, self.parts(), &request)?;
        plans.extend(memory::scan(self.parts(), &outputs, &schema)?);
        if plans.is_empty() {
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        UnionExec::try_new(plans)
    }
}
