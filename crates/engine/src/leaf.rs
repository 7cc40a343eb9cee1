//! What plans have in common that read from no other plan.

use std::sync::Arc;

use datafusion::common::internal_err;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;

/// The plan with these children, which can be none.
///
/// # Errors
/// When there are some.
pub(crate) fn childless(
    plan: Arc<dyn ExecutionPlan>,
    children: &[Arc<dyn ExecutionPlan>],
) -> Result<Arc<dyn ExecutionPlan>> {
    if children.is_empty() {
        Ok(plan)
    } else {
        internal_err!("{} has no children", plan.name())
    }
}
