//! A query being started.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::Inner;
use crate::audit::Facts;
use crate::plan::Plan;
use crate::progress::Progress;
use crate::query::WAITING_BATCHES;
use crate::run::{Outlet, Run};
use crate::runtime::within;
use crate::transactions::Open;
use crate::{Error, QueryStream, Result, Statement};

impl Inner {
    /// Starts a query and waits until it is planned. How far it has come shows in `progress`, if that is given.
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
        let (key, live) = (record.key(), Arc::clone(record.live()));
        live.was_planned(statement.planning());
        let (sender, receiver) = mpsc::channel(WAITING_BATCHES);
        let (ready, planned) = oneshot::channel();
        let timeout = plan.state.timeout();
        let outlet = Outlet::new(ready, sender);
        let is_tiny = plan.is_tiny() && progress.is_none();
        let run = Run {
            query_id: query_id.clone(),
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
            run.drive(timeout).await;
            None
        } else {
            let task = self.runtime.spawn(run.drive(timeout));
            self.running.attach(key, task.abort_handle());
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
