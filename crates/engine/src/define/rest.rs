//! What a definition does with rows, once what there is has changed.

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::common::{Column, TableReference};
use datafusion::datasource::provider_as_source;
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::logical_expr::{Expr, LogicalPlanBuilder};
use datafusion::physical_plan::execute_stream;
use futures::StreamExt;
use godwit_lake::{LakeTable, TableId, Transaction};

use super::{Job, no_parameters, translate};
use crate::conform::conform;
use crate::memory::Share;
use crate::plan::Plan;
use crate::run;
use crate::session::State;
use crate::{Error, Result};

/// What is left to do.
#[derive(Default)]
pub(super) struct Rest {
    looks: Vec<Look>,
    fill: Option<(TableId, Arc<Plan>)>,
    parameters: Option<SchemaRef>,
}

/// A column that must hold no null.
struct Look {
    /// As it was before nulls were refused: afterwards the planner knows that there are none.
    table: LakeTable,
    column: String,
}

impl Rest {
    /// Rows for a new table.
    pub(super) fn fill(table: TableId, plan: Arc<Plan>) -> Self {
        Self {
            fill: Some((table, plan)),
            ..Self::default()
        }
    }

    /// Nothing to do, but the query has parameters.
    pub(super) fn parameters_of(plan: Option<&Arc<Plan>>) -> Self {
        Self {
            parameters: plan.map(|plan| Arc::clone(&plan.parameters)),
            ..Self::default()
        }
    }

    /// Looks whether a column holds a null.
    pub(super) fn look(&mut self, table: LakeTable, column: String) {
        self.looks.push(Look { table, column });
    }

    /// What has to be bound.
    pub(super) fn parameters(&self) -> SchemaRef {
        match (&self.fill, &self.parameters) {
            (Some((_, plan)), _) => Arc::clone(&plan.parameters),
            (None, Some(parameters)) => Arc::clone(parameters),
            (None, None) => no_parameters(),
        }
    }

    /// Whether doing it again costs little.
    pub(super) fn is_cheap(&self) -> bool {
        self.looks.is_empty() && self.fill.is_none()
    }

    /// Does it, in this memory. How many rows were written.
    pub(super) async fn finish(
        self,
        job: &Job,
        share: &Share,
        state: &State,
        transaction: &Transaction,
    ) -> Result<u64> {
        let place = job.id.to_string();
        for look in &self.looks {
            let found = holds_null(state, look).await;
            if found.map_err(|error| Error::from_datafusion(&error, &place))? {
                let table = look.table.table();
                return Err(Error::invalid(format!(
                    "SET NOT NULL: column '{}' of table '{}.{}' holds nulls",
                    look.column, table.schema, table.name
                )));
            }
        }
        match self.fill {
            Some((table, plan)) => fill(job, share, (table, &plan), transaction).await,
            None => Ok(0),
        }
    }
}

async fn holds_null(state: &State, look: &Look) -> EngineResult<bool> {
    const LOOKED_AT: &str = "t";
    let column = Column::new(Some(TableReference::bare(LOOKED_AT)), &look.column);
    let source = provider_as_source(look.table.provider());
    let plan = LogicalPlanBuilder::scan(LOOKED_AT, source, None)?
        .filter(Expr::Column(column).is_null())?
        .limit(0, Some(1))?
        .build()?;
    let mut session = state.session().clone();
    session.mark_start_execution();
    let physical = session.create_physical_plan(&plan).await?;
    let mut batches = execute_stream(physical, session.task_ctx())?;
    while let Some(batch) = batches.next().await {
        if batch?.num_rows() > 0 {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Streams the rows of a query into a table.
async fn fill(
    job: &Job,
    share: &Share,
    (table, plan): (TableId, &Plan),
    transaction: &Transaction,
) -> Result<u64> {
    let place = job.id.to_string();
    let failed = |error: &DataFusionError| Error::from_datafusion(error, &place);
    let values = match &job.bound {
        Some(bound) if bound.len() != 1 => {
            return Err(Error::invalid(format!(
                "CREATE TABLE runs once, and {} rows are bound",
                bound.len()
            )));
        }
        Some(bound) => Some(bound.row(0).map_err(|error| failed(&error))?),
        None => None,
    };
    let mut writer = transaction.write(table).await.map_err(translate)?;
    let wanted = Arc::clone(&writer.table().table().arrow);
    let caller = job.session.caller();
    let mut batches = run::start(plan, &caller, (share, &place), values, |_| None)
        .await
        .map_err(|error| failed(&error))?;
    while let Some(batch) = batches.next().await {
        let batch = batch.map_err(|error| failed(&error))?;
        if batch.num_rows() == 0 {
            continue;
        }
        let batch = conform(&batch, &wanted).map_err(|error| Error::from_arrow(&error, &place))?;
        writer.append(batch).await.map_err(translate)?;
    }
    let written = writer.finish().await.map_err(translate)?;
    Ok(written.appended)
}
