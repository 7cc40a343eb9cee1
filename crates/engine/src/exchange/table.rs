use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Statistics;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PhysicalExpr, PlanProperties,
    ReplaceChildrenOptions, StatisticsArgs,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use super::compact::{compact, cut};
use crate::Error;
use crate::leaf::childless;

/// A guess at what comes, in rows and bytes, so that a join keeps the rows of its other side and lets these pass.
const MANY_ROWS: usize = 1_000_000_000;
const MANY_BYTES: usize = 100_000_000_000;

/// The rows that a client is uploading, as a table that can be read once.
#[derive(Debug)]
pub(super) struct InputTable {
    rows: Arc<Rows>,
    schema: SchemaRef,
    scanned: AtomicBool,
}

/// The stream, until somebody takes it.
struct Rows(Mutex<Option<BoxStream<'static, crate::Result<RecordBatch>>>>);

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rows(…)")
    }
}

impl InputTable {
    pub(super) fn new(
        schema: SchemaRef,
        rows: BoxStream<'static, crate::Result<RecordBatch>>,
    ) -> Self {
        Self {
            rows: Arc::new(Rows(Mutex::new(Some(rows)))),
            schema,
            scanned: AtomicBool::new(false),
        }
    }
}

#[async_trait]
impl TableProvider for InputTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    /// Called once for each place of the optimized plan that reads the table, before any of them runs.
    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.scanned.swap(true, Ordering::SeqCst) {
            return Err(read_twice());
        }
        let schema = match projection {
            Some(columns) => Arc::new(self.schema.project(columns)?),
            None => Arc::clone(&self.schema),
        };
        Ok(Arc::new(InputExec {
            rows: Arc::clone(&self.rows),
            projection: projection.cloned(),
            properties: Arc::new(PlanProperties::new(
                EquivalenceProperties::new(schema),
                Partitioning::UnknownPartitioning(1),
                EmissionType::Incremental,
                Boundedness::Bounded,
            )),
        }))
    }
}

fn read_twice() -> DataFusionError {
    let text = "the statement reads the table input more than once; it is a stream that is still arriving and can be \
                read once, so read it in one place, or upload it into a table first";
    DataFusionError::External(Box::new(Error::invalid(text)))
}

/// Reads the upload.
#[derive(Debug)]
pub(super) struct InputExec {
    rows: Arc<Rows>,
    projection: Option<Vec<usize>>,
    properties: Arc<PlanProperties>,
}

impl DisplayAs for InputExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fields = self.properties.eq_properties.schema().fields().iter();
        let names: Vec<_> = fields.map(|field| field.name().as_str()).collect();
        write!(f, "InputExec: projection=[{}]", names.join(", "))
    }
}

impl ExecutionPlan for InputExec {
    fn name(&self) -> &'static str {
        "InputExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        childless(self, &children)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        childless(self, &children)
    }

    fn statistics_from_inputs(
        &self,
        _: &[Arc<Statistics>],
        _: &StatisticsArgs,
    ) -> Result<Arc<Statistics>> {
        let mut statistics = Statistics::new_unknown(self.schema().as_ref());
        statistics.num_rows = Precision::Inexact(MANY_ROWS);
        statistics.total_byte_size = Precision::Inexact(MANY_BYTES);
        Ok(Arc::new(statistics))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let taken = self
            .rows
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let rows = taken.ok_or_else(read_twice)?;
        let max_rows = context.session_config().batch_size();
        let projection = self.projection.clone();
        let wanted = move |batch: RecordBatch| match &projection {
            Some(columns) => Ok(batch.project(columns)?),
            None => Ok(batch),
        };
        let parts = rows
            .map_err(|error| DataFusionError::External(Box::new(error)))
            .map(move |batch| batch.and_then(&wanted))
            .map_ok(move |batch| {
                stream::iter(cut(batch, max_rows).map(|part| Ok(compact(&part)?)))
            });
        let schema = self.schema();
        Ok(Box::pin(RecordBatchStreamAdapter::new(
            schema,
            parts.try_flatten(),
        )))
    }
}
