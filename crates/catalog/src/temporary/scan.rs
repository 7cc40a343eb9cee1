//! Temporary tables as the planner sees them.

use std::sync::Arc;

use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::catalog::streaming::StreamingTable;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Statistics};
use datafusion::error::Result;
use datafusion::execution::TaskContext;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream};
use futures::stream;

use super::TempTable;

/// One content of a table.
#[derive(Debug)]
pub(super) struct TempScan {
    table: Arc<TempTable>,
}

impl TempScan {
    pub(super) fn new(table: Arc<TempTable>) -> Self {
        Self { table }
    }
}

#[async_trait]
impl TableProvider for TempScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.table.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    fn get_column_default(&self, column: &str) -> Option<&Expr> {
        self.table.default_of(column).map(|default| &default.expr)
    }

    fn statistics(&self) -> Option<Statistics> {
        let columns = self.table.schema.fields().iter();
        Some(Statistics {
            num_rows: exact(self.table.rows),
            total_byte_size: Precision::Absent,
            column_statistics: columns.map(|_| ColumnStatistics::new_unknown()).collect(),
        })
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let chunks = self.table.chunks.iter();
        let rows = vec![chunks.map(|chunk| chunk.batch.clone()).collect()];
        let source = MemorySourceConfig::try_new(&rows, self.schema(), projection.cloned())?;
        Ok(
            datafusion_datasource::source::DataSourceExec::from_data_source(
                source.with_limit(limit),
            ),
        )
    }
}

fn exact(rows: u64) -> Precision<usize> {
    usize::try_from(rows).map_or(Precision::Absent, Precision::Exact)
}

/// One content of a table, its rows numbered.
#[derive(Debug)]
pub(super) struct NumberedScan {
    rows: Arc<NumberedRows>,
}

#[derive(Debug)]
struct NumberedRows {
    table: Arc<TempTable>,
    schema: SchemaRef,
}

impl NumberedScan {
    pub(super) fn new(table: Arc<TempTable>, column: &str) -> Self {
        let number = Arc::new(Field::new(column, DataType::UInt64, false));
        let fields = std::iter::once(number).chain(table.schema.fields().iter().cloned());
        let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
        Self {
            rows: Arc::new(NumberedRows { table, schema }),
        }
    }
}

#[async_trait]
impl TableProvider for NumberedScan {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.rows.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows: Arc<dyn PartitionStream> = Arc::clone(&self.rows) as _;
        let stream = StreamingTable::try_new(self.schema(), vec![rows])?;
        stream.scan(session, projection, filters, limit).await
    }
}

/// The batch in slices of at most so many rows.
fn pieces(batch: &RecordBatch, most: usize) -> Vec<RecordBatch> {
    let rows = batch.num_rows();
    let starts = (0..rows).step_by(most);
    let slices = starts.map(|start| batch.slice(start, most.min(rows - start)));
    slices.collect()
}

impl PartitionStream for NumberedRows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// The numbers are made batch by batch, so that they take no memory of the size of the table.
    fn execute(&self, context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let most = context.session_config().batch_size().max(1);
        let chunks = self.table.chunks.clone().into_iter();
        let batches = chunks.flat_map(move |chunk| pieces(&chunk.batch, most));
        let schema = Arc::clone(&self.schema);
        let mut first = 0u64;
        let numbered = batches.map(move |batch| {
            let end = first + batch.num_rows() as u64;
            let numbers: ArrayRef = Arc::new(UInt64Array::from_iter_values(first..end));
            first = end;
            let columns = std::iter::once(numbers).chain(batch.columns().iter().cloned());
            Ok(RecordBatch::try_new(
                Arc::clone(&schema),
                columns.collect(),
            )?)
        });
        Box::pin(RecordBatchStreamAdapter::new(
            Arc::clone(&self.schema),
            stream::iter(numbered),
        ))
    }
}
