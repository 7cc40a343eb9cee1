//! Beginning what was asked for: a place first, then the work.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tracing::Instrument;

use super::Inner;
use crate::audit::Facts;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::query::WAITING_BATCHES;
use crate::run::{Outlet, Run};
use crate::running::{Phase, Record};
use crate::runtime::within;
use crate::transactions::Open;
use crate::{Error, QueryStream, Result, Statement};

impl Inner {
    /// Runs planning work for a user once there is a place for it. Dropping the wait cancels the work.
    ///
    /// # Errors
    /// What the work gives; [`Error::Busy`]; [`Error::DeadlineExceeded`], which does not count the wait for the place.
    pub(crate) async fn plan_for<T: Send + 'static>(
        &self,
        user: &str,
        id: &str,
        timeout: Option<Duration>,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let _slot = self.admission.planning.enter(user).await?;
        self.planning.run(id, timeout, work).await
    }

    /// The same for a statement, which is noted and can be ended meanwhile. Without a user, the work waits for its client
    /// first, and takes the place itself.
    ///
    /// # Errors
    /// As [`Self::plan_for`].
    pub(crate) async fn plan_noted<T: Send + 'static>(
        &self,
        record: &Record,
        user: Option<&str>,
        timeout: Option<Duration>,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let (lane, user) = (self.admission.planning.clone(), user.map(str::to_owned));
        let live = Arc::clone(record.live());
        let (admitted, admission) = oneshot::channel();
        let planning = async move {
            live.enter(Phase::Queued);
            let _slot = match &user {
                Some(user) => Some(lane.enter(user).await?),
                None => None,
            };
            live.enter(Phase::Planning);
            // Whoever waited may have gone, and then this task ends too.
            let _ = admitted.send(());
            work.await
        };
        let task = self.planning.spawn(planning.instrument(record.span()));
        self.running.attach(record.key(), task.abort_handle());
        // Whatever ends the task before its turn shows below. The time that it waits is not the statement's.
        if timeout.is_some() {
            let _ = admission.await;
        }
        let done = within(timeout, task).await?;
        done.map_err(|error| {
            record
                .live()
                .explain(Error::from_join(&error, record.query_id()))
        })?
    }

    /// Starts a query, once it is its turn, and waits until it is planned. How far it has come shows in `progress`, if that
    /// is given.
    pub(crate) async fn query(
        &self,
        statement: &Statement,
        plan: &Arc<Plan>,
        progress: Option<Arc<Progress>>,
    ) -> Result<QueryStream> {
        let query_id = statement.id.to_string();
        let record = self.running.begin(Facts {
            id: &query_id,
            user: statement.user(),
            session: Some(statement.caller().session),
            kind: plan.kind(),
            sql: &statement.sql,
            snapshot: statement.origin.lake,
        })?;
        let (key, live, span) = (record.key(), Arc::clone(record.live()), record.span());
        live.was_planned(statement.planning());
        let share = self.shares.begin(&query_id)?;
        let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
        let (admitted, admission) = oneshot::channel();
        let (ready, planned) = oneshot::channel();
        let timeout = plan.state.timeout();
        let outlet = Outlet::new(ready, sender);
        let is_tiny = plan.is_tiny() && progress.is_none();
        // Who looks what a full server does is not to wait for it.
        let (lane, runtime) = if plan.is_about_server() {
            (&self.admission.planning, &self.planning)
        } else {
            (&self.admission.running, &self.runtime)
        };
        let run = Run {
            lane: lane.clone(),
            query_id: query_id.clone(),
            share,
            cap: plan.state.cap(),
            plan: Arc::clone(plan),
            bound: statement.bound().cloned(),
            caller: Arc::clone(statement.caller()),
            schema: Arc::clone(&statement.schema),
            record,
            progress,
            outlet: if is_tiny { outlet.whole() } else { outlet },
            _using: statement.caller().transaction.as_ref().map(Open::using),
        };
        let task = if is_tiny {
            // A change of threads would take longer than all of it.
            Box::pin(run.drive(timeout, admitted)).await;
            None
        } else {
            let task = runtime.spawn(run.drive(timeout, admitted).instrument(span));
            self.running.attach(key, task.abort_handle());
            // Whatever ends the task before its turn shows below. The time that it waits is not the query's.
            if timeout.is_some() {
                let _ = admission.await;
            }
            Some(task)
        };
        match (within(timeout, planned).await?, task) {
            (Ok(planned), task) => {
                let first = planned?;
                let schema = Arc::clone(&statement.schema);
                let max_rows = plan.state.wanted_batch_rows();
                let rows = QueryStream::new(schema, max_rows, query_id, receiver, task);
                Ok(rows.with_first(first).with_live(live))
            }
            // The task ended without a word: it was cancelled, or it panicked.
            (Err(_), Some(task)) => match task.await {
                Ok(()) => Err(live.explain(Error::Cancelled)),
                Err(error) => Err(live.explain(Error::from_join(&error, &query_id))),
            },
            (Err(_), None) => Err(live.explain(Error::Cancelled)),
        }
    }
}
