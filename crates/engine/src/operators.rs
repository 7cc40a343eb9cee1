//! Spans for collectors of traces: whether the work at hand is traced, and those of operators, below that of the run that
//! they belong to, one an operator, with its name and what it has counted. Expressions and values, which plans are full of,
//! stay here.

use std::sync::{Arc, LazyLock};

use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_tracing::{InstrumentationOptions, new_instrument_rule};
use tracing::{Level, Metadata, Span, field};

/// What spans for collectors are made for; all others are for the log.
const TARGET: &str = "godwit_trace";

/// Whether the work at hand is part of a call that a collector is to see. Only then spans for it are made: without a
/// collector, asking costs next to nothing.
pub fn is_traced() -> bool {
    let is_ours = |span: &Metadata<'_>| span.target() == TARGET;
    tracing::span_enabled!(target: TARGET, Level::INFO)
        && Span::current().metadata().is_some_and(is_ours)
}

/// The plan with a span for each operator, where the work at hand is traced; else as it is. It looks the same to those who
/// look into it.
///
/// # Errors
/// When the engine does not take an operator back with the children it had.
pub(crate) fn traced(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    static RULE: LazyLock<Arc<dyn PhysicalOptimizerRule + Send + Sync>> = LazyLock::new(|| {
        let options = InstrumentationOptions::builder().record_metrics(true);
        new_instrument_rule(Arc::new(span), options.build())
    });
    if !is_traced() {
        return Ok(plan);
    }
    RULE.optimize(plan, &ConfigOptions::default())
}

/// The span of an operator. Whoever fills it in leaves out what has no field here: the expressions of the operator
/// (`datafusion.node`), how its rows are spread (`datafusion.partitioning`) and rows themselves.
fn span() -> Span {
    tracing::info_span!(
        target: TARGET,
        "operator",
        otel.name = field::Empty,
        datafusion.metrics.output_rows = field::Empty,
        datafusion.metrics.output_batches = field::Empty,
        datafusion.metrics.output_bytes = field::Empty,
        datafusion.metrics.elapsed_compute = field::Empty,
        datafusion.metrics.input_rows = field::Empty,
        datafusion.metrics.build_input_rows = field::Empty,
        datafusion.metrics.build_mem_used = field::Empty,
        datafusion.metrics.build_time = field::Empty,
        datafusion.metrics.join_time = field::Empty,
        datafusion.metrics.peak_mem_used = field::Empty,
        datafusion.metrics.spill_count = field::Empty,
        datafusion.metrics.spilled_bytes = field::Empty,
        datafusion.metrics.spilled_rows = field::Empty,
        datafusion.metrics.fetch_time = field::Empty,
        datafusion.metrics.repartition_time = field::Empty,
        datafusion.metrics.send_time = field::Empty,
        datafusion.metrics.bytes_scanned = field::Empty,
        datafusion.metrics.files_opened = field::Empty,
        datafusion.metrics.row_groups_pruned_statistics = field::Empty,
        datafusion.metrics.time_elapsed_opening = field::Empty,
        datafusion.metrics.time_elapsed_scanning_total = field::Empty,
    )
}
