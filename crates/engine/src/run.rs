//! A statement to its rows: values for parameters, optimization, the physical plan, the stream of batches.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::{ParamValues, ScalarValue};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::{SessionState, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::{ExecutionPlan, SendableRecordBatchStream, execute_stream};
use futures::StreamExt;
use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::admission::Lane;
use crate::bind::Bound;
use crate::caps::Cap;
use crate::conform::conform;
use crate::deep::{Deep, DeepFuture, with_deep_stack};
use crate::exchange::prompt;
use crate::fill::Filling;
use crate::memory::Share;
use crate::operators::traced;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::query::Message;
use crate::reads::batch_rows;
use crate::running::{Gauge, Phase, Record, counted};
use crate::session::Caller;
use crate::sparing::{Again, has_quick_joins, holds_rows, sparing};
use crate::transactions::Using;
use crate::yielding::yielding;
use crate::{Error, Result};

mod outlet;

pub(crate) use outlet::Outlet;

/// How long the word that a query is planned waits for its first rows.
const SOON: Duration = Duration::from_millis(5);

/// One run of a query, to be driven on the query runtime.
pub(crate) struct Run {
    pub(crate) lane: Lane,
    pub(crate) query_id: String,
    pub(crate) share: Share,
    pub(crate) cap: Arc<Cap>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) bound: Option<Arc<Bound>>,
    pub(crate) caller: Arc<Caller>,
    /// The schema that the client was told.
    pub(crate) schema: SchemaRef,
    pub(crate) record: Record,
    pub(crate) progress: Option<Arc<Progress>>,
    pub(crate) outlet: Outlet,
    /// The transaction that it reads in is not idle meanwhile.
    pub(crate) _using: Option<Using>,
}

/// What a run of a query ends with when its reader has gone.
pub(crate) struct Gone;

impl Run {
    /// Waits for its turn and tells it through `admitted`, plans, tells through the outlet that it is planned or why it
    /// cannot be, and sends the rows. It keeps its place until the last of them was taken.
    pub(crate) async fn drive(mut self, timeout: Option<Duration>, admitted: oneshot::Sender<()>) {
        let turn = self.lane.enter(&self.caller.user).await;
        let _slot = match turn {
            Ok(slot) => slot,
            Err(error) => {
                let error = self.record.fail(error);
                self.outlet.refuse(error);
                return;
            }
        };
        // Whoever waited may have gone, which the channel of rows shows soon enough.
        let _ = admitted.send(());
        self.record.live().enter(Phase::Planning);
        let deadline = timeout.map(|timeout| (Instant::now() + timeout, timeout));
        let mut is_planned = false;
        let outcome = match deadline {
            None => self.send_all(&mut is_planned).await,
            Some((deadline, timeout)) => {
                match tokio::time::timeout_at(deadline, self.send_all(&mut is_planned)).await {
                    Ok(outcome) => outcome,
                    Err(_) => Err(Error::DeadlineExceeded {
                        seconds: timeout.as_secs_f64(),
                    }),
                }
            }
        };
        let (mut record, mut outlet) = self.let_go();
        match outcome {
            Ok(Some(Gone)) => {}
            Ok(None) => {
                record.finish();
                outlet.end(Message::Finished).await;
            }
            Err(error) => {
                let error = record.fail(error);
                match is_planned {
                    false => outlet.refuse(error),
                    true => outlet.end(Message::Failed(error)).await,
                }
            }
        }
        // It stays until the end is under way: a server that stops waits for the queries that have one.
        drop(record);
    }

    /// Lets go of the plan and its memory, so that whoever hears of the end finds nothing of them left.
    fn let_go(self) -> (Record, Outlet) {
        (self.record, self.outlet)
    }

    async fn send_all(&mut self, is_planned: &mut bool) -> Result<Option<Gone>> {
        let runs = self.bound.as_ref().map_or(1, |bound| bound.len());
        let wanted_rows = self.plan.state.wanted_batch_rows();
        let mut filling = Filling::new(Arc::clone(&self.schema), wanted_rows);
        for at in 0..runs {
            let rows = self
                .start(at)
                .await
                .map_err(|error| self.translate(&error))?;
            *is_planned = true;
            self.record.live().enter(Phase::Executing);
            if self.send(rows, &mut filling).await?.is_some() {
                return Ok(Some(Gone));
            }
        }
        *is_planned = true;
        filling.finish().map_err(|error| self.broken(error))?;
        self.pass(&mut filling).await
    }

    /// Starts the query with the parameters of one bound row.
    async fn start(&self, at: usize) -> EngineResult<SendableRecordBatchStream> {
        let values = self.bound.as_ref().map(|bound| bound.row(at)).transpose()?;
        let live = self.record.live();
        let started = |physical: &Arc<dyn ExecutionPlan>| {
            live.run(physical);
            if let Some(progress) = &self.progress {
                let runs = self.bound.as_ref().map_or(1, |bound| bound.len());
                progress.begin(at, runs, physical);
            }
            Some(Arc::clone(live.gauge()))
        };
        let (plan, memory) = (&self.plan, (&self.share, self.query_id.as_str()));
        start(plan, &self.caller, memory, values, started).await
    }

    async fn send(
        &mut self,
        mut rows: SendableRecordBatchStream,
        filling: &mut Filling,
    ) -> Result<Option<Gone>> {
        let soon = Instant::now() + SOON;
        while let Some(batch) = self.next(&mut rows, soon).await {
            let batch = batch.map_err(|error| self.translate(&error))?;
            if batch.num_rows() == 0 {
                continue;
            }
            let batch = conform(&batch, &self.schema).map_err(|error| self.broken(error))?;
            self.record
                .count(batch.num_rows(), batch.get_array_memory_size());
            let live = self.record.live();
            self.cap.check_result(live.rows(), live.bytes())?;
            filling.push(batch).map_err(|error| self.broken(error))?;
            if self.pass(filling).await?.is_some() {
                return Ok(Some(Gone));
            }
        }
        Ok(None)
    }

    /// The next rows. Until the reader knows that the query is planned it is not left waiting for them.
    async fn next(
        &mut self,
        rows: &mut SendableRecordBatchStream,
        soon: Instant,
    ) -> Option<EngineResult<RecordBatch>> {
        if self.outlet.is_silent() {
            match tokio::time::timeout_at(soon, rows.next()).await {
                Ok(next) => return next,
                Err(_) => self.outlet.announce(),
            }
        }
        rows.next().await
    }

    /// Sends what is full.
    async fn pass(&mut self, filling: &mut Filling) -> Result<Option<Gone>> {
        while let Some(batch) = filling.next() {
            self.record.live().enter(Phase::Sending);
            if self.outlet.send(Message::Batch(batch)).await.is_some() {
                return Ok(Some(Gone));
            }
            self.record.live().enter(Phase::Executing);
        }
        Ok(None)
    }

    fn broken(&self, error: impl std::error::Error + Send + Sync + 'static) -> Error {
        Error::internal(&self.query_id, error)
    }

    fn translate(&self, error: &DataFusionError) -> Error {
        Error::from_datafusion(error, &self.query_id)
    }
}

/// Starts a planned query with these values for its parameters, in this memory; `planned` sees how it will run, and says
/// where that memory is to be counted.
pub(crate) async fn start(
    plan: &Plan,
    caller: &Arc<Caller>,
    memory: (&Share, &str),
    values: Option<Vec<ScalarValue>>,
    planned: impl FnOnce(&Arc<dyn ExecutionPlan>) -> Option<Arc<Gauge>>,
) -> EngineResult<SendableRecordBatchStream> {
    let ready = match plan.tiny()? {
        Some(physical) => Some(physical),
        None => plan.held(values.as_deref())?,
    };
    if let Some(physical) = ready {
        let physical = traced(physical)?;
        let gauge = planned(&physical);
        let context = memory.0.bare_context(plan.state.session(), false);
        return execute_stream(physical, counted(context, gauge.as_ref())?);
    }
    if let Some(logical) = with_deep_stack(|| plan.optimized(values.as_deref()))? {
        let session = plan.session_for(caller, memory.0);
        let keep = |physical: &Arc<dyn ExecutionPlan>| plan.hold(values, physical);
        let made = (session, Deep::new(logical));
        return start_optimized((plan, caller), made, memory, keep, planned).await;
    }
    let logical = || {
        let logical = LogicalPlan::clone(&plan.logical);
        match values {
            Some(values) => logical.with_param_values(ParamValues::from(values)),
            None => Ok(logical),
        }
    };
    start_as(plan, caller, memory, logical, planned).await
}

/// Starts what was made of a planned query.
pub(crate) async fn start_as(
    plan: &Plan,
    caller: &Arc<Caller>,
    (share, query_id): (&Share, &str),
    logical: impl FnOnce() -> EngineResult<LogicalPlan>,
    planned: impl FnOnce(&Arc<dyn ExecutionPlan>) -> Option<Arc<Gauge>>,
) -> EngineResult<SendableRecordBatchStream> {
    let session = plan.session_for(caller, share);
    let logical = Deep::new(with_deep_stack(|| optimize(&session, logical()?))?);
    start_optimized(
        (plan, caller),
        (session, logical),
        (share, query_id),
        |_| {},
        planned,
    )
    .await
}

async fn start_optimized(
    (plan, caller): (&Plan, &Arc<Caller>),
    (session, logical): (Cow<'_, SessionState>, Deep<LogicalPlan>),
    (share, query_id): (&Share, &str),
    keep: impl FnOnce(&Arc<dyn ExecutionPlan>),
    planned: impl FnOnce(&Arc<dyn ExecutionPlan>) -> Option<Arc<Gauge>>,
) -> EngineResult<SendableRecordBatchStream> {
    let physical = physical_plan(&session, &logical).await?;
    let physical = yielding(prompt(physical)?)?;
    plan.keep_if_tiny(&logical, &physical);
    let rows = match plan.state.wanted_batch_rows() {
        Some(_) => None,
        None => Some(batch_rows(physical.as_ref(), session.config().batch_size())),
    };
    // Whoever asks again is to have as many rows at a time.
    if rows.is_none_or(|rows| rows == session.config().batch_size()) {
        keep(&physical);
    }
    let physical = traced(physical)?;
    let holds = holds_rows(&physical)?;
    let may_spill_joins = holds && has_quick_joins(&physical)?;
    let gauge = planned(&physical);
    let context = match &session {
        Cow::Owned(session) => share.context(session),
        Cow::Borrowed(session) => share.bare_context(session, holds),
    };
    let context = match rows {
        Some(rows) => in_batches_of(rows, context),
        None => context,
    };
    let rows = execute_stream(physical, counted(context, gauge.as_ref())?)?;
    // What a client uploads can be read only once.
    if plan.reads_input() || !holds {
        return Ok(rows);
    }
    let again = Again {
        plan: plan.clone(),
        caller: Arc::clone(caller),
        logical,
        may_spill_joins,
        share: share.clone(),
        gauge,
        query_id: query_id.to_owned(),
    };
    Ok(sparing(rows, again))
}

fn in_batches_of(rows: usize, context: TaskContext) -> TaskContext {
    if context.session_config().batch_size() == rows {
        return context;
    }
    let config = context.session_config().clone().with_batch_size(rows);
    context.with_session_config(config)
}

fn optimize(session: &SessionState, plan: LogicalPlan) -> EngineResult<LogicalPlan> {
    match plan {
        // EXPLAIN shows the steps, so it takes all of them itself.
        LogicalPlan::Explain(_) => session.optimize(&plan),
        plan => session.optimizer().optimize(plan, session, |_, _| {}),
    }
}

/// How an optimized plan is to be run.
pub(crate) async fn physical_plan(
    session: &SessionState,
    plan: &LogicalPlan,
) -> EngineResult<Arc<dyn ExecutionPlan>> {
    DeepFuture::new(session.query_planner().create_physical_plan(plan, session)).await
}
