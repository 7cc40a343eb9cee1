//! A relation of which its reader sees only what a plan lets through: rows of its policies, values under its masks.
//!
//! To whoever plans a query over it, it is a leaf. What is below is planned and optimized for itself, so that no predicate,
//! sort, limit or statistic of the query comes below the policies: an expression of the user never meets a row that the
//! user does not see. EXPLAIN shows the leaf, and nothing of what is behind it.

use std::fmt;
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use async_trait::async_trait;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Column;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, TableType};
use datafusion::physical_expr::EquivalenceProperties;
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType, reset_plan_states};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning,
    PhysicalExpr, PlanProperties, ReplaceChildrenOptions,
};
use futures::TryStreamExt;

use super::policies::unusable;
use crate::Error;
use crate::deep::Deep;
use crate::leaf::childless;
use crate::yielding::yielding;

/// The leaf.
#[derive(Debug)]
pub(crate) struct Guarded {
    plan: Deep<LogicalPlan>,
    columns: SchemaRef,
    /// As messages call it.
    label: String,
    kind: TableType,
}

impl Guarded {
    pub(crate) fn new(plan: Deep<LogicalPlan>, label: &str, kind: TableType) -> Self {
        Self {
            columns: Arc::clone(plan.schema().inner()),
            plan,
            label: label.to_owned(),
            kind,
        }
    }

    fn of_columns(&self, projection: Option<&Vec<usize>>) -> Result<LogicalPlan> {
        let plan = LogicalPlan::clone(&self.plan);
        let Some(columns) = projection else {
            return Ok(plan);
        };
        let schema = Arc::clone(plan.schema());
        let columns = columns
            .iter()
            .map(|at| Expr::Column(Column::from(schema.qualified_field(*at))));
        let columns: Vec<_> = columns.collect();
        LogicalPlanBuilder::from(plan).project(columns)?.build()
    }
}

#[async_trait]
impl TableProvider for Guarded {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.columns)
    }

    fn table_type(&self) -> TableType {
        self.kind
    }

    async fn scan(
        &self,
        state: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let plan = Deep::new(self.of_columns(projection)?);
        let behind = state.create_physical_plan(&plan).await;
        let behind = behind.map_err(|error| veiled(error, &self.label))?;
        Ok(Arc::new(GuardedExec::new(
            yielding(behind)?,
            self.label.as_str().into(),
        )))
    }
}

/// The leaf of a physical plan.
#[derive(Debug)]
struct GuardedExec {
    behind: Arc<dyn ExecutionPlan>,
    label: Arc<str>,
    properties: Arc<PlanProperties>,
}

impl GuardedExec {
    fn new(behind: Arc<dyn ExecutionPlan>, label: Arc<str>) -> Self {
        let partitions = behind.output_partitioning().partition_count();
        Self {
            properties: Arc::new(PlanProperties::new(
                EquivalenceProperties::new(behind.schema()),
                Partitioning::UnknownPartitioning(partitions),
                EmissionType::Incremental,
                Boundedness::Bounded,
            )),
            behind,
            label,
        }
    }
}

impl DisplayAs for GuardedExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GuardedExec: {}", self.label)
    }
}

impl ExecutionPlan for GuardedExec {
    fn name(&self) -> &'static str {
        "GuardedExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        childless(self, &children)
    }

    fn with_new_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        childless(self, &children)
    }

    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        let behind = reset_plan_states(Arc::clone(&self.behind))?;
        Ok(Arc::new(Self::new(behind, Arc::clone(&self.label))))
    }

    fn execute(
        &self,
        partition: usize,
        context: Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let label = Arc::clone(&self.label);
        let rows = self.behind.execute(partition, context)?;
        let rows = rows.map_err(move |error| veiled(error, &label));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), rows)))
    }
}

/// An error from behind the leaf without the values and the text that it may quote.
fn veiled(error: DataFusionError, label: &str) -> DataFusionError {
    match error.find_root() {
        DataFusionError::ArrowError(..)
        | DataFusionError::Plan(_)
        | DataFusionError::Execution(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::NotImplemented(_)
        | DataFusionError::Configuration(_) => {
            let error: Error = unusable(label, &error);
            DataFusionError::External(Box::new(error))
        }
        _ => error,
    }
}
