//! Rows of files that were decoded before, as a source of the engine.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::Session;
use datafusion::common::Statistics;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::source::{DataSource, DataSourceExec};
use datafusion::error::Result;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::projection::ProjectionExprs;
use datafusion::physical_expr::{EquivalenceProperties, Partitioning, PhysicalExpr};
use datafusion::physical_plan::coop::cooperative;
use datafusion::physical_plan::execution_plan::SchedulingType;
use datafusion::physical_plan::memory::MemoryStream;
use datafusion::physical_plan::{DisplayFormatType, ExecutionPlan};
use futures::TryStreamExt;

/// How many rows are decoded at once.
const BATCH_ROWS: usize = 64 << 10;
/// What a value without a fixed width is taken for, in bytes.
const TEXT: usize = 32;

/// What the configuration of a session holds whose queries look up a few rows: what they read is worth being kept decoded.
/// Queries that go through much of a table would only take the room from each other.
#[derive(Debug)]
pub struct Lookup;

/// How many plans are held that read the same rows.
const HELD: usize = 64;

/// Decoded rows, and what the footers said about them.
#[derive(Debug)]
pub(crate) struct Kept {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    statistics: Arc<Statistics>,
    bytes: usize,
    /// Plans that read them, which would keep them; none once they are kept no longer.
    held: Mutex<Option<VecDeque<Arc<dyn ExecutionPlan>>>>,
}

/// A scan of them.
#[derive(Debug, Clone)]
struct KeptSource {
    rows: Arc<Kept>,
    fetch: Option<usize>,
}

impl Kept {
    /// What a scan gives, unless that takes more bytes than this.
    ///
    /// # Errors
    /// Those of the scan.
    pub(super) async fn read(
        scan: &Arc<dyn ExecutionPlan>,
        statistics: Arc<Statistics>,
        session: &dyn Session,
        most: usize,
    ) -> Result<Option<Self>> {
        let schema = scan.schema();
        let rows = statistics.num_rows.get_value();
        let expected = rows.map(|rows| rows.saturating_mul(width(&schema)));
        if expected.is_none_or(|bytes| bytes > most) {
            return Ok(None);
        }
        let context = Arc::new(TaskContext::new(
            None,
            session.session_id().to_owned(),
            session.config().clone().with_batch_size(BATCH_ROWS),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            HashMap::new(),
            Arc::clone(session.runtime_env()),
        ));
        let (mut batches, mut bytes) = (Vec::new(), 0);
        for partition in 0..scan.properties().partitioning.partition_count() {
            let mut rows = scan.execute(partition, Arc::clone(&context))?;
            while let Some(batch) = rows.try_next().await? {
                bytes += batch.get_array_memory_size();
                if bytes > most || batch.schema().fields() != schema.fields() {
                    return Ok(None);
                }
                batches.push(batch);
            }
        }
        Ok(Some(Self {
            schema,
            batches,
            statistics,
            bytes,
            held: Mutex::new(Some(VecDeque::new())),
        }))
    }

    /// How much memory they take.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// They are kept no longer, nor are plans that read them.
    pub(crate) fn release(&self) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let plans = held.take();
        drop(held);
        drop(plans);
    }

    fn hold(&self, plan: &Arc<dyn ExecutionPlan>) -> Option<Weak<dyn ExecutionPlan>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let plans = held.as_mut()?;
        let first = (plans.len() >= HELD).then(|| plans.pop_front());
        plans.push_back(Arc::clone(plan));
        drop(held);
        drop(first);
        Some(Arc::downgrade(plan))
    }

    /// A scan of them that may end after so many rows.
    pub(super) fn scan(self: Arc<Self>, fetch: Option<usize>) -> Arc<dyn ExecutionPlan> {
        DataSourceExec::from_data_source(KeptSource { rows: self, fetch })
    }

    #[cfg(test)]
    pub(crate) fn of_size(bytes: usize) -> Self {
        let schema = Schema::empty();
        Self {
            statistics: Arc::new(Statistics::new_unknown(&schema)),
            schema: Arc::new(schema),
            batches: Vec::new(),
            bytes,
            held: Mutex::new(Some(VecDeque::new())),
        }
    }
}

/// Keeps a plan whose rows all come from one scan of decoded files for as long as these are kept; `None` for any other plan.
pub fn hold(plan: &Arc<dyn ExecutionPlan>) -> Option<Weak<dyn ExecutionPlan>> {
    let mut node = plan;
    while let [input] = node.children()[..] {
        node = input;
    }
    let scan = node.downcast_ref::<DataSourceExec>()?;
    let source = scan.data_source().downcast_ref::<KeptSource>()?;
    source.rows.hold(plan)
}

/// What a row takes, in bytes: an estimate.
fn width(schema: &Schema) -> usize {
    let fields = schema.fields().iter();
    let widths = fields.map(|field| field.data_type().primitive_width().unwrap_or(TEXT));
    widths.sum::<usize>().max(1)
}

impl DataSource for KeptSource {
    fn open(&self, _: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (batches, schema) = (self.rows.batches.clone(), Arc::clone(&self.rows.schema));
        let rows = MemoryStream::try_new(batches, schema, None)?;
        Ok(Box::pin(cooperative(rows.with_fetch(self.fetch))))
    }

    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "decoded before, bytes={}", self.rows.bytes)
    }

    fn output_partitioning(&self) -> Partitioning {
        Partitioning::UnknownPartitioning(1)
    }

    fn eq_properties(&self) -> EquivalenceProperties {
        EquivalenceProperties::new(Arc::clone(&self.rows.schema))
    }

    fn scheduling_type(&self) -> SchedulingType {
        SchedulingType::Cooperative
    }

    fn partition_statistics(&self, _: Option<usize>) -> Result<Arc<Statistics>> {
        Ok(Arc::clone(&self.rows.statistics))
    }

    fn with_fetch(&self, fetch: Option<usize>) -> Option<Arc<dyn DataSource>> {
        let rows = Arc::clone(&self.rows);
        Some(Arc::new(Self { rows, fetch }))
    }

    fn fetch(&self) -> Option<usize> {
        self.fetch
    }

    fn try_swapping_with_projection(
        &self,
        _: &ProjectionExprs,
    ) -> Result<Option<Arc<dyn DataSource>>> {
        Ok(None)
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
}
