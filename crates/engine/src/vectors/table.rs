use std::fmt;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::internal_datafusion_err;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, SessionState, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, reset_plan_states};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt, stream};

use super::chunks::Chunks;
use super::column::examine;
use super::report::{Finding, SCHEMA, batch};
use crate::deep::Deep;
use crate::leaf::childless;
use crate::yielding::yielding;

/// After how many findings they are passed on, so that the query gives way.
const PASSED_ON: usize = 256;

/// What a query's columns are made of, as a table: one row for each column of each chunk, in that order.
///
/// To whoever plans a query over it, it is a leaf: no predicate or limit comes into the query that is looked at.
#[derive(Debug)]
pub(crate) struct Anatomy {
    plan: Deep<LogicalPlan>,
    /// What the columns of the plan are called.
    columns: SchemaRef,
    rows: usize,
}

impl Anatomy {
    /// Of a planned query, in chunks of so many rows; `columns` is the schema of its result.
    pub(crate) fn new(plan: Deep<LogicalPlan>, columns: SchemaRef, rows: usize) -> Self {
        Self {
            plan,
            columns,
            rows,
        }
    }
}

#[async_trait]
impl TableProvider for Anatomy {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn table_type(&self) -> TableType {
        TableType::View
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let session = state.as_any().downcast_ref::<SessionState>();
        let mut session = session
            .ok_or_else(|| internal_datafusion_err!("a session of another kind"))?
            .clone();
        // The rows of several workers would come in another order each time.
        let options = session.config_mut().options_mut();
        options.execution.target_partitions = 1;
        let plan = LogicalPlan::clone(&self.plan);
        let behind = session.create_physical_plan(&plan).await?;
        let columns = self.columns.fields().iter();
        let columns = columns.map(|field| (field.name().clone(), field.data_type().to_string()));
        let of = Of {
            behind: yielding(behind)?,
            columns: columns.collect(),
            rows: self.rows,
            projection: projection.cloned(),
        };
        Ok(Arc::new(AnatomyExec::new(of)?))
    }
}

/// What is looked at, and what of the findings is wanted.
#[derive(Debug, Clone)]
struct Of {
    behind: Arc<dyn ExecutionPlan>,
    columns: Arc<[(String, String)]>,
    rows: usize,
    projection: Option<Vec<usize>>,
}

/// Runs the query and looks at its chunks.
#[derive(Debug)]
struct AnatomyExec {
    of: Of,
    properties: Arc<PlanProperties>,
}

impl AnatomyExec {
    fn new(of: Of) -> Result<Self> {
        let schema = match &of.projection {
            Some(columns) => Arc::new(SCHEMA.project(columns)?),
            None => Arc::clone(&SCHEMA),
        };
        Ok(Self {
            properties: Arc::new(PlanProperties::new(
                EquivalenceProperties::new(schema),
                Partitioning::UnknownPartitioning(1),
                EmissionType::Incremental,
                Boundedness::Bounded,
            )),
            of,
        })
    }
}

impl DisplayAs for AnatomyExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnatomyExec: rows={}", self.of.rows)
    }
}

impl ExecutionPlan for AnatomyExec {
    fn name(&self) -> &'static str {
        "AnatomyExec"
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

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let of = Of {
            behind: reset_plan_states(Arc::clone(&self.of.behind))?,
            ..self.of.clone()
        };
        Ok(Arc::new(Self::new(of)?))
    }

    fn execute(&self, _: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let looking = Looking::new(self.of.clone(), &context);
        let rows = stream::try_unfold(looking, |mut looking| async move {
            let rows = looking.next().await?;
            Ok(rows.map(|rows| (rows, looking)))
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// The way through the rows of the query.
struct Looking {
    of: Of,
    rows: BoxStream<'static, Result<RecordBatch>>,
    chunks: Chunks,
    memory: MemoryReservation,
    chunk: u64,
    first_row: u64,
}

impl Looking {
    fn new(of: Of, context: &Arc<TaskContext>) -> Self {
        let (behind, with) = (Arc::clone(&of.behind), Arc::clone(context));
        let partitions = behind.output_partitioning().partition_count();
        // One after the other: a union has a partition for each of its sides.
        let rows = stream::iter(0..partitions)
            .map(move |partition| behind.execute(partition, Arc::clone(&with)))
            .try_flatten();
        Self {
            rows: rows.boxed(),
            chunks: Chunks::new(of.rows),
            memory: MemoryConsumer::new("vector_types").register(context.memory_pool()),
            of,
            chunk: 0,
            first_row: 0,
        }
    }

    /// The next rows of the table.
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let mut found = Vec::new();
        while found.len() < PASSED_ON {
            if self.look(&mut found)? {
                continue;
            }
            // Findings never wait for rows.
            if self.chunks.is_ended() || !found.is_empty() {
                break;
            }
            match self.rows.try_next().await? {
                Some(rows) => self.chunks.push(rows),
                None => self.chunks.end(),
            }
        }
        if found.is_empty() {
            return Ok(None);
        }
        let batch = batch(&found, &self.of.columns)?;
        Ok(Some(match &self.of.projection {
            Some(columns) => batch.project(columns)?,
            None => batch,
        }))
    }

    /// Looks at the next chunk; false when it is not there yet.
    fn look(&mut self, found: &mut Vec<Finding>) -> Result<bool> {
        let Some((columns, rows)) = self.chunks.next()? else {
            return Ok(false);
        };
        for (index, column) in columns.iter().enumerate() {
            // The column, what its rows are compared by, and its distinct values.
            let held = column.to_data().get_slice_memory_size()?;
            self.memory.try_resize(held.saturating_mul(3))?;
            found.push(Finding {
                chunk: self.chunk,
                first_row: self.first_row,
                index,
                column: examine(column).map_err(DataFusionError::from)?,
            });
        }
        self.memory.free();
        self.chunk += 1;
        self.first_row += rows as u64;
        Ok(true)
    }
}
