//! Points at which a running query can be cancelled.
//!
//! A task is cancelled where it waits. Joins can work for minutes without waiting for anything: their rows are filtered
//! away further up, or by the join itself. So joins get an operator above them that gives way every few milliseconds,
//! and those that compare every pair of rows get their probe side in small pieces, because what they do with one piece
//! cannot be interrupted.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{RecordBatchStream, SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec,
};
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{
    ChildrenPropertiesMode, DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties,
    ReplaceChildrenOptions,
};
use futures::{Stream, StreamExt};

/// How long a query works before it gives way.
const SLICE: Duration = Duration::from_millis(10);

/// Rows of the probe side that a nested loop join compares with all others in one go.
const PROBE_ROWS: usize = 32;

/// The plan with points to give way.
///
/// # Errors
/// When the engine does not take an operator back with the children it had.
pub(crate) fn yielding(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if node.is::<NestedLoopJoinExec>() {
            let mut children: Vec<_> = node.children().into_iter().map(Arc::clone).collect();
            if let Some(probe) = children.pop() {
                children.push(Arc::new(YieldExec::new(probe, PROBE_ROWS)));
            }
            let node = node.replace_children(children, recompute())?;
            return Ok(Transformed::yes(
                Arc::new(YieldExec::new(node, usize::MAX)) as _
            ));
        }
        let multiplies = node.is::<CrossJoinExec>()
            || node.is::<HashJoinExec>()
            || node.is::<SortMergeJoinExec>()
            || node.is::<UnnestExec>();
        Ok(if multiplies {
            Transformed::yes(Arc::new(YieldExec::new(node, usize::MAX)) as _)
        } else {
            Transformed::no(node)
        })
    })
    .map(|transformed| transformed.data)
}

/// Passes batches on, cut to a number of rows, and gives way when it has worked for a while.
#[derive(Debug)]
struct YieldExec {
    input: Arc<dyn ExecutionPlan>,
    max_rows: usize,
    properties: Arc<PlanProperties>,
}

impl YieldExec {
    fn new(input: Arc<dyn ExecutionPlan>, max_rows: usize) -> Self {
        let properties = Arc::clone(input.properties());
        Self {
            input,
            max_rows,
            properties,
        }
    }
}

impl DisplayAs for YieldExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("YieldExec")
    }
}

impl ExecutionPlan for YieldExec {
    fn name(&self) -> &'static str {
        "YieldExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        mut children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.pop()) {
            (Some(input), None) => Ok(Arc::new(Self::new(input, self.max_rows))),
            _ => Err(DataFusionError::Internal(
                "YieldExec has one child".to_owned(),
            )),
        }
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.replace_children(children, recompute())
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        Ok(Box::pin(Yielding {
            input: self.input.execute(partition, context)?,
            max_rows: self.max_rows,
            rest: None,
            since: Instant::now(),
        }))
    }
}

fn recompute() -> ReplaceChildrenOptions {
    ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute)
}

struct Yielding {
    input: SendableRecordBatchStream,
    max_rows: usize,
    rest: Option<RecordBatch>,
    /// When the task last gave way here.
    since: Instant,
}

impl Yielding {
    fn cut(&mut self, batch: RecordBatch) -> RecordBatch {
        let rows = batch.num_rows();
        if rows <= self.max_rows {
            return batch;
        }
        self.rest = Some(batch.slice(self.max_rows, rows - self.max_rows));
        batch.slice(0, self.max_rows)
    }
}

impl Stream for Yielding {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.since.elapsed() >= SLICE {
            self.since = Instant::now();
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if let Some(rest) = self.rest.take() {
            return Poll::Ready(Some(Ok(self.cut(rest))));
        }
        let next = self.input.poll_next_unpin(context);
        if next.is_pending() {
            self.since = Instant::now();
        }
        next.map(|item| item.map(|batch| batch.map(|batch| self.cut(batch))))
    }
}

impl RecordBatchStream for Yielding {
    fn schema(&self) -> SchemaRef {
        self.input.schema()
    }
}
