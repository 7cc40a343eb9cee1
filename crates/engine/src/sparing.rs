//! Queries that run out of memory before their first row, when nothing has been sent yet: they run once more, with joins that
//! sort and spill in place of those that cannot and a part of the memory for each operator, and at last with all the memory
//! that they may have.

use std::sync::Arc;

use arrow::array::RecordBatch;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, SortMergeJoinExec,
};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties, execute_stream};
use futures::{StreamExt, TryStreamExt, stream};

use crate::deep::Deep;
use crate::memory::Share;
use crate::operators::traced;
use crate::plan::Plan;
use crate::run::physical_plan;
use crate::running::{Gauge, counted};
use crate::session::Caller;
use crate::yielding::yielding;

/// What it takes to run a query once more.
pub(crate) struct Again {
    pub(crate) plan: Plan,
    pub(crate) caller: Arc<Caller>,
    pub(crate) logical: Deep<LogicalPlan>,
    /// Whether it has joins that cannot spill.
    pub(crate) may_spill_joins: bool,
    pub(crate) share: Share,
    /// Where its memory is counted.
    pub(crate) gauge: Option<Arc<Gauge>>,
    pub(crate) query_id: String,
}

/// A query that was started, and what came first of it.
struct Started {
    first: Option<Result<RecordBatch>>,
    rest: SendableRecordBatchStream,
}

/// Whether the plan has joins that cannot spill.
///
/// # Errors
/// None of its own.
pub(crate) fn has_quick_joins(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    plan.exists(|node| Ok(node.is::<HashJoinExec>()))
}

/// Whether the plan has operators that hold rows, which may be more than there is memory for.
///
/// # Errors
/// None of its own.
pub(crate) fn holds_rows(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    plan.exists(|node| {
        Ok(node.is::<SortExec>()
            || node.is::<AggregateExec>()
            || node.is::<HashJoinExec>()
            || node.is::<SortMergeJoinExec>()
            || node.is::<NestedLoopJoinExec>()
            || node.is::<CrossJoinExec>())
    })
}

/// How many operators of the plan hold rows that they can spill, in all of its partitions.
fn spillers(plan: &Arc<dyn ExecutionPlan>) -> Result<usize> {
    let mut count = 0;
    plan.apply(|node| {
        let is_sort = |sort: &SortExec| sort.fetch().is_none();
        let has_groups = |aggregate: &AggregateExec| !aggregate.group_expr().is_empty();
        if node.downcast_ref().is_some_and(is_sort) || node.downcast_ref().is_some_and(has_groups) {
            count += node.output_partitioning().partition_count();
        }
        Ok(TreeNodeRecursion::Continue)
    })?;
    Ok(count)
}

/// The rows of a query; should it run out of memory before the first of them, those of the next run that does not.
pub(crate) fn sparing(rows: SendableRecordBatchStream, again: Again) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let whole = stream::once(Box::pin(first_or_again(rows, again))).try_flatten();
    Box::pin(RecordBatchStreamAdapter::new(schema, whole))
}

async fn first_or_again(
    rows: SendableRecordBatchStream,
    again: Again,
) -> Result<SendableRecordBatchStream> {
    let mut started = Started::new(rows).await;
    let mut spills_joins = false;
    if started.is_exhausted() {
        started.end(&again.share).await;
        again.share.divide();
        let joins = match again.may_spill_joins {
            true => again.with_joins_that_spill().await?,
            false => None,
        };
        spills_joins = joins.is_some();
        let rows = match joins {
            Some(rows) => rows,
            None => again.divided().await?,
        };
        started = Started::new(rows).await;
    }
    if started.is_exhausted() && again.share.is_starved() {
        started.end(&again.share).await;
        if let Some(rows) = again.with_all_memory(spills_joins).await? {
            started = Started::new(rows).await;
            again.share.leave();
        }
    }
    Ok(started.into_rows())
}

impl Started {
    async fn new(mut rest: SendableRecordBatchStream) -> Self {
        let first = rest.next().await;
        Self { first, rest }
    }

    /// Whether it came to its end because of memory, under whatever that is wrapped in.
    fn is_exhausted(&self) -> bool {
        matches!(&self.first, Some(Err(error))
            if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)))
    }

    /// Waits until it has given its memory back.
    async fn end(&mut self, share: &Share) {
        let schema = self.rest.schema();
        self.rest = Box::pin(RecordBatchStreamAdapter::new(schema, stream::empty()));
        share.released().await;
    }

    fn into_rows(self) -> SendableRecordBatchStream {
        let schema = self.rest.schema();
        let all = stream::iter(self.first).chain(self.rest);
        Box::pin(RecordBatchStreamAdapter::new(schema, all))
    }
}

impl Again {
    /// Starts the query with joins that spill; `None` when none of its joins can be such a one.
    async fn with_joins_that_spill(&self) -> Result<Option<SendableRecordBatchStream>> {
        let session = self.session(true);
        let physical = physical_plan(&session, &self.logical).await?;
        if !physical.exists(|node| Ok(node.is::<SortMergeJoinExec>()))? {
            return Ok(None);
        }
        tracing::info!(
            query_id = self.query_id,
            "a join does not fit into memory; the query runs once more with joins that spill"
        );
        self.start(&session, physical).map(Some)
    }

    /// Starts the query as it was, but for its memory.
    async fn divided(&self) -> Result<SendableRecordBatchStream> {
        tracing::info!(
            query_id = self.query_id,
            "a query does not fit into memory; it runs once more with a part of it for each operator"
        );
        let session = self.session(false);
        let physical = physical_plan(&session, &self.logical).await?;
        self.start(&session, physical)
    }

    /// Starts the query when all that it may have is certain to it; `None` when that took too long.
    async fn with_all_memory(
        &self,
        spills_joins: bool,
    ) -> Result<Option<SendableRecordBatchStream>> {
        tracing::info!(
            query_id = self.query_id,
            "others have the memory that the query needs; it waits for its turn and runs once more"
        );
        if !self.share.becomes_certain().await {
            return Ok(None);
        }
        let session = self.session(spills_joins);
        let physical = physical_plan(&session, &self.logical).await?;
        self.start(&session, physical).map(Some)
    }

    fn session(&self, spills_joins: bool) -> SessionState {
        let mut session = self
            .plan
            .session_for(&self.caller, &self.share)
            .into_owned();
        if spills_joins {
            let options = session.config_mut().options_mut();
            options.optimizer.prefer_hash_join = false;
            options.optimizer.repartition_joins = true;
            // The engine takes such joins only where there are several partitions.
            let partitions = &mut options.execution.target_partitions;
            *partitions = (*partitions).max(2);
        }
        session
    }

    fn start(
        &self,
        session: &SessionState,
        physical: Arc<dyn ExecutionPlan>,
    ) -> Result<SendableRecordBatchStream> {
        self.share.expect(spillers(&physical)?);
        let context = counted(self.share.context(session), self.gauge.as_ref())?;
        execute_stream(traced(yielding(physical)?)?, context)
    }
}
