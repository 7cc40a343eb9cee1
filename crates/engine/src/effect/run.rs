//! One change being made: planned on what is there now, run, and its rows handed on.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::ScalarValue;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::physical_plan::SendableRecordBatchStream;
use futures::StreamExt;
use godwit_catalog::{Seen, Staging, TempTables, TempWriter, plain_schema};
use godwit_lake::Transaction;

use super::marks::Marks;
use super::sink::Sink;
use super::taking::Taking;
use super::{Job, bulk, change_in, full};
use crate::change::{Kind, New, Scope, Step, Write};
use crate::conform::conform;
use crate::inner::Inner;
use crate::memory::Share;
use crate::parse;
use crate::plan::{Plan, spelled};
use crate::results::Returned;
use crate::run;
use crate::session::{Caller, State};
use crate::{Error, Result};

/// Where a change is made before anybody sees it.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    Temporary(&'a TempWriter),
    Durable(&'a Transaction),
}

/// A change that is being made.
pub(super) struct Run<'a> {
    inner: &'a Inner,
    job: &'a Job,
    place: Place<'a>,
    caller: Arc<Caller>,
    share: Share,
}

impl<'a> Run<'a> {
    pub(super) fn new(inner: &'a Inner, job: &'a Job, place: Place<'a>) -> Result<Self> {
        Ok(Self {
            inner,
            job,
            place,
            caller: job.session.caller(),
            share: inner.shares.begin(&job.id.to_string())?,
        })
    }

    pub(super) fn inner(&self) -> &Inner {
        self.inner
    }

    pub(super) fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }

    pub(super) fn state(&self) -> Arc<State> {
        self.job.session.state()
    }

    pub(super) fn query_id(&self) -> String {
        self.job.id.to_string()
    }

    /// The session's temporary tables, as the change sees them.
    pub(super) fn temporary(&self) -> &TempTables {
        match self.place {
            Place::Temporary(writer) => writer.draft(),
            Place::Durable(_) => self.job.session.temporary(),
        }
    }

    /// Makes the change once for every bound row, each on what the one before left. What it returns goes where that is
    /// wanted.
    pub(super) async fn all(&self, returned: &mut Option<Returned>) -> Result<u64> {
        let runs = self.job.bound.as_ref().map_or(1, |bound| bound.len());
        let mut rows = 0u64;
        let mut at = 0;
        while at < runs {
            let step = Box::pin(self.plan()).await?;
            let is_alone = match &step {
                Step::Write(write) => write.reads_itself,
                Step::Create { .. } | Step::Drop { .. } => true,
            };
            let until = if is_alone { at + 1 } else { runs };
            rows = rows.saturating_add(self.make(step, at..until, returned).await?);
            at = until;
        }
        if let Some(returned) = returned {
            returned.settle()?;
        }
        Ok(rows)
    }

    async fn plan(&self) -> Result<Step> {
        if let Some(write) = self.planned_before().await? {
            return Ok(Step::Write(write));
        }
        let parsed = parse::parse(&self.job.sql, self.inner.planner.limits)?;
        let change = change_in(&parsed)?;
        let temporary = self.temporary().clone();
        let seen = match self.place {
            Place::Temporary(_) => self.job.session.seen().await?.with_temporary(temporary),
            Place::Durable(transaction) => Seen::new(temporary, transaction.snapshot()),
        };
        let scope = Scope {
            state: &self.state(),
            seen: &seen,
            parameters: &parsed.parameters,
            given: Some(Arc::clone(&self.job.parameters)),
        };
        let step = self.inner.planner.change(scope, change).await?;
        if step.returns() != self.job.returns.as_ref() {
            return Err(Error::Conflict {
                message: "the table was changed, and the statement returns other columns now; prepare it again"
                    .to_owned(),
            });
        }
        Ok(step)
    }

    /// The change as it was planned when it was described, where that is still what it is.
    async fn planned_before(&self) -> Result<Option<Write>> {
        let (Some(kept), Place::Durable(transaction)) = (&self.job.kept, self.place) else {
            return Ok(None);
        };
        let scope = Scope {
            state: &self.state(),
            seen: &Seen::new(self.temporary().clone(), transaction.snapshot()),
            parameters: &[],
            given: None,
        };
        self.inner.planner.again(&scope, kept).await
    }

    async fn make(
        &self,
        step: Step,
        rows: Range<usize>,
        returned: &mut Option<Returned>,
    ) -> Result<u64> {
        let write = match step {
            Step::Write(write) => return self.write(&write, rows, returned).await,
            other => other,
        };
        let Place::Temporary(writer) = self.place else {
            return Err(Error::internal(
                &self.query_id(),
                "a temporary table in a transaction of the lake",
            ));
        };
        match write {
            Step::Create {
                name,
                if_not_exists,
                new,
            } => {
                if if_not_exists && writer.draft().get(&name).is_some() {
                    return Ok(0);
                }
                self.create(writer, &name, new, rows).await
            }
            Step::Drop { names } => {
                names.iter().for_each(|name| writer.remove(name));
                Ok(0)
            }
            Step::Write(_) => Ok(0),
        }
    }

    /// Changes rows of a table.
    async fn write(
        &self,
        write: &Write,
        rows: Range<usize>,
        returned: &mut Option<Returned>,
    ) -> Result<u64> {
        let memory = self.scratch();
        let sink = match self.place {
            Place::Temporary(writer) => Sink::temporary(writer, write, memory)?,
            Place::Durable(transaction) => Sink::durable(transaction, write).await?,
        };
        let mut taking = Taking {
            write,
            sink,
            met: Marks::new(self.scratch()),
            returned: returned.as_mut(),
            count: 0,
            query_id: self.query_id(),
        };
        match (&write.plan, write.kind) {
            (None, Kind::Clear { counted }) => {
                let cleared = taking.sink.clear();
                taking.count = if counted { cleared } else { 0 };
            }
            (None, _) => return Err(Error::internal(&self.query_id(), "a change without a plan")),
            (Some(plan), _) => self.read(plan, rows, &mut taking).await?,
        }
        let count = taking.count;
        taking.sink.finish().await?;
        if let Place::Durable(transaction) = self.place {
            self.check_keys(transaction, write).await?;
        }
        Ok(count)
    }

    /// Runs a query for some of the bound rows and hands on its batches, one after the other.
    async fn read(&self, plan: &Plan, rows: Range<usize>, taking: &mut Taking<'_>) -> Result<()> {
        if rows.len() > 1
            && let Some(bound) = &self.job.bound
            && let Some(whole) =
                bulk::over_bound_rows(plan, bound).map_err(|error| self.translate(&error))?
        {
            let (caller, id) = (&self.caller, self.query_id());
            let memory = (&self.share, id.as_str());
            let batches = run::start_as(plan, caller, memory, || Ok(whole), |_| None).await;
            let batches = batches.map_err(|error| self.translate(&error))?;
            return self.hand_on(plan, batches, taking).await;
        }
        for at in rows {
            let values = self.values(at)?;
            if let Some(batch) = spelled::rows(plan, values.as_deref()) {
                taking.take(&batch).await?;
                continue;
            }
            let batches = self.start(plan, values).await?;
            self.hand_on(plan, batches, taking).await?;
        }
        Ok(())
    }

    async fn hand_on(
        &self,
        plan: &Plan,
        mut batches: SendableRecordBatchStream,
        taking: &mut Taking<'_>,
    ) -> Result<()> {
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| self.translate(&error))?;
            taking.take(&self.conformed(&batch, &plan.schema)?).await?;
        }
        Ok(())
    }

    /// The values of one of the bound rows.
    fn values(&self, at: usize) -> Result<Option<Vec<ScalarValue>>> {
        let bound = self.job.bound.as_ref();
        let values = bound.map(|bound| bound.row(at)).transpose();
        values.map_err(|error| self.translate(&error))
    }

    /// Starts a query with these parameters.
    async fn start(
        &self,
        plan: &Plan,
        values: Option<Vec<ScalarValue>>,
    ) -> Result<SendableRecordBatchStream> {
        let id = self.query_id();
        let memory = (&self.share, id.as_str());
        let batches = run::start(plan, &self.caller, memory, values, |_| None).await;
        batches.map_err(|error| self.translate(&error))
    }

    async fn create(
        &self,
        writer: &TempWriter,
        name: &str,
        new: New,
        rows: Range<usize>,
    ) -> Result<u64> {
        let draft = writer.draft();
        match new {
            New::Columns { schema, defaults } => {
                writer
                    .put(name, schema, defaults, Vec::new())
                    .map_err(full)?;
                Ok(0)
            }
            New::Query(plan) => {
                let fields = plan.schema.fields().iter();
                let nullable = fields.map(|field| field.as_ref().clone().with_nullable(true));
                let schema = plain_schema(&Schema::new(nullable.collect::<Vec<_>>()));
                let replaced = draft.get(name).map_or(0, |table| table.bytes());
                let before = draft.bytes().saturating_sub(replaced);
                let mut staging =
                    Staging::new(draft, name, Arc::clone(&schema), before).map_err(full)?;
                for at in rows {
                    let mut batches = self.start(&plan, self.values(at)?).await?;
                    while let Some(batch) = batches.next().await {
                        let batch = batch.map_err(|error| self.translate(&error))?;
                        let batch = self.conformed(&batch, &plan.schema)?;
                        staging
                            .push(&batch)
                            .map_err(|error| self.translate(&error))?;
                    }
                }
                let count = staging.rows();
                let chunks = staging.finish().map_err(|error| self.translate(&error))?;
                writer
                    .put(name, schema, Default::default(), chunks)
                    .map_err(full)?;
                Ok(count)
            }
        }
    }

    fn conformed(&self, batch: &RecordBatch, schema: &SchemaRef) -> Result<RecordBatch> {
        conform(batch, schema).map_err(|error| Error::internal(&self.query_id(), error))
    }

    /// Memory for what a change holds besides the rows of tables.
    fn scratch(&self) -> MemoryReservation {
        let pool = &self.inner.base.runtime_env().memory_pool;
        MemoryConsumer::new("change of a table").register(pool)
    }

    fn translate(&self, error: &datafusion::error::DataFusionError) -> Error {
        Error::from_datafusion(error, &self.query_id())
    }
}
