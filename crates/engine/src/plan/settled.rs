//! What stays the same from one run of a plan to the next: where nothing in it depends on the run, it is optimized once.

use std::borrow::Cow;
use std::sync::{Arc, LazyLock, OnceLock};

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::expr::Placeholder;
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility, WindowFunctionDefinition};
use datafusion::optimizer::Optimizer;
use datafusion::optimizer::simplify_expressions::SimplifyExpressions;
use datafusion::physical_plan::ExecutionPlan;

use super::Planned;
use super::held::Last;
use super::lookup::is_lookup;
use crate::deep::Deep;
use crate::granting::Asker;
use crate::memory::Share;
use crate::names::Resolved;
use crate::session::Caller;

/// What values for parameters make simpler.
static SIMPLIFIER: LazyLock<Optimizer> =
    LazyLock::new(|| Optimizer::with_rules(vec![Arc::new(SimplifyExpressions::new())]));

/// Whether a plan means the same in every run, and what came out of optimizing it.
#[derive(Debug)]
pub(super) struct Settled {
    is_settled: bool,
    /// Whether it scans nothing but what its names stand for.
    is_named: bool,
    /// Whether it only passes over a few rows.
    pub(super) is_lookup: bool,
    /// How it ran last, if it is one.
    pub(super) last: Last,
    /// `None` inside when that does not go without values.
    optimized: OnceLock<Option<Deep<LogicalPlan>>>,
    /// How it runs, where that takes next to nothing.
    pub(super) tiny: OnceLock<Arc<dyn ExecutionPlan>>,
}

impl Settled {
    pub(super) fn of(plan: &LogicalPlan, resolved: &Resolved) -> Self {
        Self {
            is_settled: is_settled(plan).unwrap_or(false),
            is_named: resolved.has_all_of(plan),
            is_lookup: is_lookup(plan),
            last: Last::default(),
            optimized: OnceLock::new(),
            tiny: OnceLock::new(),
        }
    }
}

impl Planned {
    /// Whether each run of it gives the same for the same contents and values: no function asks for the time, for chance or
    /// for who asks, and it is no statement about another.
    pub(crate) fn is_settled(&self) -> bool {
        self.settled.is_settled && !self.reads_input
    }

    /// Whether it may be run again by a later statement of the same text, once its names stand for the same contents.
    pub(crate) fn may_last(&self) -> bool {
        let explains = matches!(
            *self.logical,
            LogicalPlan::Explain(_) | LogicalPlan::Analyze(_)
        );
        !self.reads_input
            && !explains
            && !self.names.reads_schema
            && self.resolved.is_versioned()
            && self.settled.is_named
    }

    /// Whether who asks makes no difference to a run.
    pub(super) fn is_same_for_all(&self) -> bool {
        self.is_settled() && self.settled.is_named && self.resolved.is_plain()
    }

    /// What it is run with. Who asks is put in where that can matter.
    pub(crate) fn session_for(&self, caller: &Arc<Caller>, share: &Share) -> Cow<'_, SessionState> {
        let session = self.state.session();
        if self.is_same_for_all() {
            return Cow::Borrowed(match self.settled.is_lookup {
                true => self.state.session_of_lookups(),
                false => session,
            });
        }
        let mut session = session.clone();
        let options = session.config_mut().options_mut();
        options.extensions.insert(Asker(Arc::clone(caller)));
        options.execution.sort_spill_reservation_bytes = share.merge_reserve();
        session.mark_start_execution();
        Cow::Owned(session)
    }

    /// The plan as it runs with these values, if it is optimized already but for them; else it has to be.
    ///
    /// # Errors
    /// When a value does not fit, which was looked at when it was bound.
    pub(crate) fn optimized(&self, values: Option<&[ScalarValue]>) -> Result<Option<LogicalPlan>> {
        if !self.is_settled() {
            return Ok(None);
        }
        let optimized = self.settled.optimized.get_or_init(|| self.optimize());
        let Some(optimized) = optimized else {
            return Ok(None);
        };
        let plan = LogicalPlan::clone(optimized);
        let Some(values) = values else {
            return Ok(Some(plan));
        };
        let plan = plan.with_param_values(ParamValues::from(values.to_vec()))?;
        let plan = SIMPLIFIER.optimize(plan, self.state.session(), |_, _| {})?;
        Ok(Some(plan))
    }

    /// What fails here fails again, and is told, when it is optimized with its values.
    fn optimize(&self) -> Option<Deep<LogicalPlan>> {
        let session = self.state.session();
        let plan = LogicalPlan::clone(&self.logical);
        let optimized = session.optimizer().optimize(plan, session, |_, _| {});
        optimized.ok().map(Deep::new)
    }
}

/// A limit without a number would hide from the optimizer that few rows are enough.
fn is_settled(plan: &LogicalPlan) -> Result<bool> {
    let mut is_settled = true;
    plan.apply_with_subqueries(|node| {
        is_settled &= match node {
            LogicalPlan::Statement(_)
            | LogicalPlan::Explain(_)
            | LogicalPlan::Analyze(_)
            | LogicalPlan::Extension(_)
            | LogicalPlan::Dml(_)
            | LogicalPlan::Ddl(_)
            | LogicalPlan::Copy(_)
            | LogicalPlan::DescribeTable(_) => false,
            LogicalPlan::Limit(limit) => {
                let parts = [&limit.skip, &limit.fetch];
                !parts
                    .into_iter()
                    .flatten()
                    .any(|part| has_placeholder(part))
            }
            _ => true,
        };
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                is_settled &= is_constant(expr);
                Ok(match is_settled {
                    true => TreeNodeRecursion::Continue,
                    false => TreeNodeRecursion::Stop,
                })
            })
        })?;
        Ok(match is_settled {
            true => TreeNodeRecursion::Continue,
            false => TreeNodeRecursion::Stop,
        })
    })?;
    Ok(is_settled)
}

fn has_placeholder(expr: &Expr) -> bool {
    expr.exists(|expr| Ok(matches!(expr, Expr::Placeholder(Placeholder { .. }))))
        .unwrap_or(true)
}

/// Whether an expression gives the same for the same values in every run, not looking at those within it.
fn is_constant(expr: &Expr) -> bool {
    let volatility = match expr {
        Expr::ScalarFunction(call) => call.func.signature().volatility,
        Expr::AggregateFunction(call) => call.func.signature().volatility,
        Expr::WindowFunction(call) => match &call.fun {
            WindowFunctionDefinition::AggregateUDF(function) => function.signature().volatility,
            WindowFunctionDefinition::WindowUDF(function) => function.signature().volatility,
        },
        Expr::ScalarVariable(..) | Expr::HigherOrderFunction(_) => Volatility::Volatile,
        _ => Volatility::Immutable,
    };
    volatility == Volatility::Immutable
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::functions::expr_fn::{abs, now, random};
    use datafusion::logical_expr::{LogicalPlanBuilder, lit};

    fn settled(expr: Expr) -> bool {
        let plan = LogicalPlanBuilder::empty(true).project([expr]).unwrap();
        is_settled(&plan.build().unwrap()).unwrap()
    }

    #[test]
    fn what_depends_on_the_run_is_not_settled() {
        assert!(settled(lit(1)));
        assert!(settled(abs(lit(-1)) + lit(1)));
        assert!(!settled(lit(1.0) + random()));
        assert!(!settled(now()));
    }

    #[test]
    fn a_limit_without_its_number_is_not_settled() {
        let limited = |fetch: Expr| {
            let plan = LogicalPlanBuilder::empty(true);
            let plan = plan.limit_by_expr(None, Some(fetch)).unwrap();
            is_settled(&plan.build().unwrap()).unwrap()
        };
        assert!(limited(lit(1_i64)));
        let number = Placeholder::new_with_field("$1".to_owned(), None);
        assert!(!limited(Expr::Placeholder(number)));
    }
}
