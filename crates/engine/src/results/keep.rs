use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use tokio::time::{Instant, timeout_at};
use tracing::{Instrument, Span};

use super::Results;
use super::file::ResultWriter;
use super::shared::Shared;
use crate::inner::Inner;
use crate::operators::is_traced;
use crate::plan::Plan;
use crate::{Error, QueryStream, Result, Statement};

/// How long rows wait for others to be written together.
const FLUSH: Duration = Duration::from_millis(50);

/// Starts the query of a result, and what writes its rows.
pub(super) fn start(
    inner: &Arc<Inner>,
    shared: &Arc<Shared>,
    statement: &Statement,
    plan: &Arc<Plan>,
) {
    let keeper = Keeper {
        shared: Arc::clone(shared),
        results: Arc::clone(&inner.results),
    };
    let task = keeper.run(Arc::clone(inner), statement.clone(), Arc::clone(plan));
    let span = match is_traced() {
        true => tracing::info_span!(target: "godwit_trace", "keep", query_id = %shared.id),
        false => Span::none(),
    };
    shared.attach(inner.runtime.spawn(task.instrument(span)));
}

/// Writes one result. When it goes without a word, the result has failed.
struct Keeper {
    shared: Arc<Shared>,
    results: Arc<Results>,
}

impl Keeper {
    async fn run(self, inner: Arc<Inner>, statement: Statement, plan: Arc<Plan>) {
        let progress = Arc::clone(&self.shared.progress);
        let rows = inner.query(&statement, &plan, Some(progress)).await;
        // Held no longer: the engine ends when its last owner goes, and a query is none.
        drop((inner, statement, plan));
        let outcome = match rows {
            Ok(rows) => self.write(rows).await,
            Err(error) => Err(error),
        };
        self.shared.end(outcome);
    }

    async fn write(&self, mut rows: QueryStream) -> Result<()> {
        let Results { disk, budget, .. } = self.results.as_ref();
        let id = self.shared.id.to_string();
        let mut writer = ResultWriter::create(disk, budget, &id, &self.shared.schema)?;
        self.shared.open(writer.file());
        let mut due: Option<Instant> = None;
        loop {
            let next = match due {
                None => Ok(rows.next().await),
                Some(due) => timeout_at(due, rows.next()).await,
            };
            let is_due = match next {
                Ok(None) => break,
                Ok(Some(batch)) => {
                    writer.push(&batch?)?;
                    due.get_or_insert_with(|| Instant::now() + FLUSH);
                    writer.is_full()
                }
                Err(_) => true,
            };
            if is_due {
                self.flush(&mut writer)?;
                due = None;
            }
        }
        self.flush(&mut writer)
    }

    fn flush(&self, writer: &mut ResultWriter) -> Result<()> {
        if let Some(chunk) = writer.flush()? {
            self.shared.add(chunk);
        }
        Ok(())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let outcome = if std::thread::panicking() {
            Error::internal(
                &self.shared.id.to_string(),
                "the writer of a result panicked",
            )
        } else {
            Error::Cancelled
        };
        self.shared.end(Err(outcome));
    }
}
