//! How large a plan is once everything that it shares is written out.
//!
//! A common table expression that is mentioned twice is planned once and copied by reference. Twenty of them, each
//! mentioning the one before twice, make a plan of a million nodes that the optimizer would write out.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::{Expr, LogicalPlan};

use crate::depth::CHAIN_WEIGHT;
use crate::{Error, Result};

/// How many nodes a plan may have for each level of `query.max_sql_depth`.
const NODES_PER_LEVEL: u64 = 500;

/// Refuses a plan that is too large to be optimized in reasonable time.
///
/// # Errors
/// [`Error::InvalidInput`], naming the limit.
pub(crate) fn check(plan: &LogicalPlan, max_depth: usize) -> Result<()> {
    let size = Sizes::default()
        .of(plan)
        .map_err(|error| Error::from_datafusion(&error, "plan"))?;
    let nodes = (max_depth as u64).saturating_mul(NODES_PER_LEVEL);
    let depth = max_depth.saturating_mul(CHAIN_WEIGHT) as u64;
    if size.nodes > nodes || size.depth > depth {
        return Err(Error::invalid(format!(
            "the statement is too large once its common table expressions are written out: {} plan nodes, {} levels; \
             {nodes} nodes and {depth} levels are allowed (query.max_sql_depth)",
            size.nodes, size.depth
        )));
    }
    Ok(())
}

#[derive(Clone, Copy)]
struct Size {
    nodes: u64,
    depth: u64,
}

/// Sizes of the shared parts, by address: they live as long as the plan that is measured.
#[derive(Default)]
struct Sizes(HashMap<*const LogicalPlan, Size>);

impl Sizes {
    fn of(&mut self, plan: &LogicalPlan) -> EngineResult<Size> {
        let mut size = Size { nodes: 1, depth: 0 };
        for input in plan.inputs() {
            size.take(self.shared(input)?);
        }
        plan.apply_expressions(|expr| {
            datafusion::common::tree_node::TreeNode::apply(expr, |expr| {
                if let Some(subquery) = subquery(expr) {
                    size.take(self.shared(subquery)?);
                }
                Ok(TreeNodeRecursion::Continue)
            })
        })?;
        size.depth += 1;
        Ok(size)
    }

    fn shared(&mut self, plan: &LogicalPlan) -> EngineResult<Size> {
        if let Some(size) = self.0.get(&std::ptr::from_ref(plan)) {
            return Ok(*size);
        }
        let size = self.of(plan)?;
        self.0.insert(std::ptr::from_ref(plan), size);
        Ok(size)
    }
}

impl Size {
    fn take(&mut self, part: Self) {
        self.nodes = self.nodes.saturating_add(part.nodes);
        self.depth = self.depth.max(part.depth);
    }
}

fn subquery(expr: &Expr) -> Option<&LogicalPlan> {
    let plan: &Arc<LogicalPlan> = match expr {
        Expr::ScalarSubquery(subquery) => &subquery.subquery,
        Expr::Exists(exists) => &exists.subquery.subquery,
        Expr::InSubquery(within) => &within.subquery.subquery,
        Expr::SetComparison(comparison) => &comparison.subquery.subquery,
        _ => return None,
    };
    Some(plan)
}
