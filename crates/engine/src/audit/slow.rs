//! What statements leave that took long: a line in the log, and how they ran.

use std::fmt::Write;
use std::sync::Arc;

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::display::DisplayableExecutionPlan;
use godwit_audit::{Ended, Statement};

use crate::deep::with_deep_stack;
use crate::running::Live;

/// How much of a plan is shown, in bytes.
const LONGEST: usize = 64 << 10;

/// Logs a slow statement.
pub(super) fn log_slow(statement: &Statement, live: &Live, ended: &Ended, plan: Option<&str>) {
    let times = live.times();
    tracing::warn!(
        query_id = %statement.query_id,
        user = %statement.user,
        session = statement.session.as_deref(),
        kind = statement.kind,
        outcome = ended.code,
        milliseconds = ended.milliseconds,
        queued_seconds = times.queued.as_secs_f64(),
        planning_seconds = times.planning.as_secs_f64(),
        execution_seconds = times.executing.as_secs_f64(),
        sending_seconds = times.sending.as_secs_f64(),
        rows = ended.rows,
        bytes = ended.bytes,
        peak_memory_bytes = live.peak_memory(),
        spilled_bytes = live.spilled(),
        sql = %statement.sql,
        plan,
        "slow query"
    );
}

/// A plan with what each operator has done so far. Without literals only the names of operators are left of it.
pub(super) fn shown_plan(plan: &Arc<dyn ExecutionPlan>, hides_literals: bool) -> String {
    let mut text = with_deep_stack(|| {
        if hides_literals {
            let mut text = String::new();
            name_all(plan, 0, &mut text);
            text
        } else {
            let plan = DisplayableExecutionPlan::with_metrics(plan.as_ref());
            plan.indent(false).to_string()
        }
    });
    if text.len() > LONGEST {
        text.truncate(text.floor_char_boundary(LONGEST));
        text.push('…');
    }
    text
}

fn name_all(plan: &Arc<dyn ExecutionPlan>, depth: usize, text: &mut String) {
    if text.len() > LONGEST {
        return;
    }
    let metrics = plan.metrics().unwrap_or_default().aggregate_by_name();
    let (name, metrics) = (plan.name(), metrics.sorted_for_display());
    // Writing to a text cannot fail.
    let _ = writeln!(text, "{:1$}{name}, metrics=[{metrics}]", "", depth * 2);
    for child in plan.children() {
        name_all(child, depth + 1, text);
    }
}
