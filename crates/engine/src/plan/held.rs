//! Lookups that come again with the same values, while what they read is kept decoded: they are not planned again.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use datafusion::common::ScalarValue;
use datafusion::datasource::source::DataSourceExec;
use datafusion::error::Result;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::limit::{GlobalLimitExec, LocalLimitExec};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};

use super::Planned;

/// How a lookup ran last, and with which values.
#[derive(Debug, Default)]
pub(super) struct Last(Mutex<Option<Run>>);

/// The values, and the plan as long as it is kept.
type Run = (Vec<ScalarValue>, Weak<dyn ExecutionPlan>);

impl Planned {
    /// How it ran last, if that was with these values and is kept, ready to be run once more.
    ///
    /// # Errors
    /// When an operator cannot be made ready.
    pub(crate) fn held(
        &self,
        values: Option<&[ScalarValue]>,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        if !self.settled.is_lookup {
            return Ok(None);
        }
        let last = &self.settled.last.0;
        let last = last.lock().unwrap_or_else(PoisonError::into_inner);
        let same = last
            .as_ref()
            .filter(|(of, _)| of == values.unwrap_or_default());
        let plan = same.and_then(|(_, plan)| plan.upgrade());
        drop(last);
        plan.map(reset_plan_states).transpose()
    }

    /// Keeps how it runs with these values, if it is a lookup in what is kept decoded.
    pub(crate) fn hold(&self, values: Option<Vec<ScalarValue>>, physical: &Arc<dyn ExecutionPlan>) {
        let may = self.settled.is_lookup && self.is_same_for_all() && runs_alone(physical);
        if may && let Some(plan) = godwit_catalog::hold(physical) {
            let last = &self.settled.last.0;
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            *last = Some((values.unwrap_or_default(), plan));
        }
    }
}

/// Whether every operator is as new when its state is reset, and there is one part of each.
fn runs_alone(plan: &Arc<dyn ExecutionPlan>) -> bool {
    let is_known = plan.is::<FilterExec>()
        || plan.is::<ProjectionExec>()
        || plan.is::<CooperativeExec>()
        || plan.is::<GlobalLimitExec>()
        || plan.is::<LocalLimitExec>()
        || plan.is::<DataSourceExec>();
    is_known
        && plan.output_partitioning().partition_count() == 1
        && plan.children().into_iter().all(runs_alone)
}
