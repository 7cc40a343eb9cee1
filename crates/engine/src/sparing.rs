//! Queries whose joins do not fit into memory: planned once more, with joins that sort and spill.
//!
//! The join that is quick holds one of its sides in memory and cannot spill it. That it does not fit shows before its first
//! row, so that nothing has been sent when the plan is changed.

use std::sync::Arc;

use datafusion::common::tree_node::TreeNode;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, SessionState};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::joins::{HashJoinExec, SortMergeJoinExec};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{ExecutionPlan, execute_stream};
use futures::{StreamExt, TryStreamExt, stream};

use crate::deep::Deep;
use crate::memory::Share;
use crate::run::physical_plan;
use crate::running::{Gauge, counted};
use crate::yielding::yielding;

/// What it takes to plan a query once more.
pub(crate) struct Again {
    pub(crate) session: SessionState,
    pub(crate) logical: Deep<LogicalPlan>,
    pub(crate) share: Share,
    /// Where its memory is counted.
    pub(crate) gauge: Option<Arc<Gauge>>,
    pub(crate) query_id: String,
}

/// Whether the plan has joins that cannot spill.
///
/// # Errors
/// None of its own.
pub(crate) fn may_not_fit(plan: &Arc<dyn ExecutionPlan>) -> Result<bool> {
    plan.exists(|node| Ok(node.is::<HashJoinExec>()))
}

/// The rows of a query; should it run out of memory before the first of them, those of another plan for it.
pub(crate) fn sparing(rows: SendableRecordBatchStream, again: Again) -> SendableRecordBatchStream {
    let schema = rows.schema();
    let whole = stream::once(Box::pin(first_or_again(rows, again))).try_flatten();
    Box::pin(RecordBatchStreamAdapter::new(schema, whole))
}

async fn first_or_again(
    mut rows: SendableRecordBatchStream,
    again: Again,
) -> Result<SendableRecordBatchStream> {
    let schema = rows.schema();
    match rows.next().await {
        Some(Err(error)) if is_exhausted(&error) => {
            drop(rows);
            again.share.released().await;
            match again.start().await? {
                Some(rows) => Ok(rows),
                None => Err(error),
            }
        }
        first => {
            let all = stream::iter(first).chain(rows);
            Ok(Box::pin(RecordBatchStreamAdapter::new(schema, all)))
        }
    }
}

impl Again {
    /// Starts the query with joins that spill; `None` when none of its joins can be such a one.
    async fn start(self) -> Result<Option<SendableRecordBatchStream>> {
        let mut session = self.session;
        let options = session.config_mut().options_mut();
        options.optimizer.prefer_hash_join = false;
        options.optimizer.repartition_joins = true;
        // The engine takes such joins only where there are several partitions.
        let partitions = &mut options.execution.target_partitions;
        *partitions = (*partitions).max(2);
        let physical = physical_plan(&session, &self.logical).await?;
        if !physical.exists(|node| Ok(node.is::<SortMergeJoinExec>()))? {
            return Ok(None);
        }
        tracing::info!(
            query_id = self.query_id,
            "a join does not fit into memory; the query runs once more with joins that spill"
        );
        let context = counted(self.share.context(&session), self.gauge.as_ref())?;
        execute_stream(yielding(physical)?, context).map(Some)
    }
}

/// Whether it is about memory, under whatever it is wrapped in.
fn is_exhausted(error: &DataFusionError) -> bool {
    matches!(error.find_root(), DataFusionError::ResourcesExhausted(_))
}
