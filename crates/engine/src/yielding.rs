//! Points at which a running query can be cancelled.
//!
//! A task is cancelled where it waits. Joins can work for minutes without waiting for anything: their rows are filtered
//! away further up, or by the join itself. So joins get an operator above them that gives way every few milliseconds,
//! and those that compare every pair of rows get their probe side in pieces, because what they do with one piece cannot
//! be interrupted. How large a piece may be shows in the time that the last one took.

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

/// The plan with points to give way.
///
/// # Errors
/// When the engine does not take an operator back with the children it had.
pub(crate) fn yielding(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        if node.is::<NestedLoopJoinExec>() {
            let mut children: Vec<_> = node.children().into_iter().map(Arc::clone).collect();
            if let Some(probe) = children.pop() {
                children.push(Arc::new(YieldExec::new(probe, Pieces::Timed)));
            }
            let node = node.replace_children(children, recompute())?;
            return Ok(Transformed::yes(
                Arc::new(YieldExec::new(node, Pieces::Whole)) as _,
            ));
        }
        let multiplies = node.is::<CrossJoinExec>()
            || node.is::<HashJoinExec>()
            || node.is::<SortMergeJoinExec>()
            || node.is::<UnnestExec>();
        Ok(if multiplies {
            Transformed::yes(Arc::new(YieldExec::new(node, Pieces::Whole)) as _)
        } else {
            Transformed::no(node)
        })
    })
    .map(|transformed| transformed.data)
}

/// In what pieces batches are passed on.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Pieces {
    Whole,
    /// As many rows as keep the operator above busy for about [`SLICE`].
    Timed,
}

/// Passes batches on, and gives way when the task has worked for a while.
#[derive(Debug)]
struct YieldExec {
    input: Arc<dyn ExecutionPlan>,
    pieces: Pieces,
    properties: Arc<PlanProperties>,
}

impl YieldExec {
    fn new(input: Arc<dyn ExecutionPlan>, pieces: Pieces) -> Self {
        let properties = Arc::clone(input.properties());
        Self {
            input,
            pieces,
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
            (Some(input), None) => Ok(Arc::new(Self::new(input, self.pieces))),
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
            pieces: self.pieces,
            rows: 1,
            given: None,
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
    pieces: Pieces,
    /// Rows of the next piece.
    rows: usize,
    /// When the last piece was passed on.
    given: Option<Instant>,
    rest: Option<RecordBatch>,
    /// When the task last gave way here.
    since: Instant,
}

impl Yielding {
    /// Learns from the time since the last piece, most of which the operator above worked on it.
    fn pace(&mut self) {
        let Some(given) = self.given.take() else {
            return;
        };
        let worked = given.elapsed();
        if worked > SLICE {
            self.rows = (self.rows / 2).max(1);
        } else if worked < SLICE / 4 {
            self.rows = self.rows.saturating_mul(2);
        }
    }

    fn cut(&mut self, batch: RecordBatch) -> RecordBatch {
        if self.pieces == Pieces::Whole {
            return batch;
        }
        self.given = Some(Instant::now());
        let rows = batch.num_rows();
        if rows <= self.rows {
            return batch;
        }
        self.rest = Some(batch.slice(self.rows, rows - self.rows));
        batch.slice(0, self.rows)
    }
}

impl Stream for Yielding {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.pace();
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
