//! Plans that only hand on a few rows that are there: they are run where they are asked for, without being planned again.

use std::sync::Arc;

use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::source_as_provider;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, LogicalPlan, TableScan, TableType};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::Planned;
use crate::total;

/// How many rows, and columns of them, are few.
const ROWS: u64 = 1000;
const COLUMNS: usize = 64;

/// How many steps such a plan has at most.
const STEPS: usize = 8;

impl Planned {
    /// How it runs, if that was kept, ready to be run once more.
    ///
    /// # Errors
    /// When an operator cannot be made ready.
    pub(crate) fn tiny(&self) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let physical = self.settled.tiny.get();
        physical
            .map(|plan| reset_plan_states(Arc::clone(plan)))
            .transpose()
    }

    /// Whether it takes next to nothing to run it.
    pub(crate) fn is_tiny(&self) -> bool {
        self.settled.tiny.get().is_some()
    }

    /// Keeps how it runs if that takes next to nothing.
    pub(crate) fn keep_if_tiny(&self, logical: &LogicalPlan, physical: &Arc<dyn ExecutionPlan>) {
        let is_tiny = self.is_settled()
            && self.parameters.fields().is_empty()
            && self.schema.fields().len() <= COLUMNS
            && self.resolved.is_plain()
            && hands_on(logical, STEPS)
            && runs_alone(physical);
        if is_tiny {
            // Whoever was first kept the same.
            let _ = self.settled.tiny.set(Arc::clone(physical));
        }
    }
}

/// Whether a plan computes nothing.
fn hands_on(plan: &LogicalPlan, steps: usize) -> bool {
    let Some(steps) = steps.checked_sub(1) else {
        return false;
    };
    match plan {
        LogicalPlan::EmptyRelation(_) => true,
        LogicalPlan::Values(values) => {
            let mut exprs = values.values.iter().flatten();
            values.values.len() as u64 <= ROWS && exprs.all(is_there)
        }
        LogicalPlan::TableScan(scan) => is_small(scan),
        LogicalPlan::Projection(projection) => {
            projection.expr.iter().all(is_there) && hands_on(&projection.input, steps)
        }
        LogicalPlan::SubqueryAlias(alias) => hands_on(&alias.input, steps),
        LogicalPlan::Limit(limit) => hands_on(&limit.input, steps),
        _ => false,
    }
}

/// Whether a value need not be computed.
fn is_there(expr: &Expr) -> bool {
    match expr {
        Expr::Column(_) | Expr::Literal(..) => true,
        Expr::Alias(alias) => is_there(&alias.expr),
        _ => false,
    }
}

/// Whether it scans a few rows in memory.
fn is_small(scan: &TableScan) -> bool {
    let Ok(table) = source_as_provider(&scan.source) else {
        return false;
    };
    scan.filters.is_empty()
        && table.table_type() == TableType::Temporary
        && total::of_table(table.as_ref()).is_some_and(|rows| rows <= ROWS)
}

/// Whether every operator runs where it is asked for its rows, and is as new when its state is reset.
fn runs_alone(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let from_memory = |scan: &DataSourceExec| scan.data_source().is::<MemorySourceConfig>();
    let is_known = plan.is::<PlaceholderRowExec>()
        || plan.is::<EmptyExec>()
        || plan.is::<ProjectionExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<GlobalLimitExec>()
        || plan.is::<LocalLimitExec>()
        || plan
            .downcast_ref::<DataSourceExec>()
            .is_some_and(from_memory);
    is_known
        && plan.output_partitioning().partition_count() == 1
        && plan.children().into_iter().all(runs_alone)
}
