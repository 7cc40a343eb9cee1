//! What statements do that change something, and doing it: once, whole or not at all.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::memory_pool::MemoryReservation;
use futures::StreamExt;
use godwit_catalog::{Seen, Staging, TempTable, TempTables, TempWriter, plain_schema};
use godwit_protocol::StatementId;

use crate::bind::Bound;
use crate::change::{New, Scope, Step};
use crate::check::{Change, SettingChange, TransactionStatement, change_of};
use crate::conform::conform;
use crate::deep::with_deep_stack;
use crate::define;
use crate::inner::Inner;
use crate::parse;
use crate::plan::Plan;
use crate::run;
use crate::running::Record;
use crate::runtime::within;
use crate::session::{Caller, Session};
use crate::{Error, Outcome, Result};

mod adding;
mod matched;

use adding::staging_for;
pub(crate) use adding::{Adding, SMALL_CHUNK};
use matched::Matched;

/// What running a statement changes.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// A setting of the session.
    Setting(SettingChange),
    /// The transaction of the session.
    Transaction(TransactionStatement),
    /// Temporary tables. The statement is planned again when it runs, on what they hold then; this keeps the
    /// parameters as they were advertised.
    Tables(SchemaRef),
    /// What there is in the lake. Taken apart again when it runs; this keeps the parameters as they were advertised.
    Definition(SchemaRef),
}

/// One run of a change of temporary tables.
struct Job {
    id: StatementId,
    session: Arc<Session>,
    sql: Arc<str>,
    parameters: SchemaRef,
    /// The change happens once for every row.
    bound: Option<Arc<Bound>>,
}

impl Effect {
    pub(crate) fn parameters(&self) -> SchemaRef {
        match self {
            Self::Setting(_) | Self::Transaction(_) => Arc::new(Schema::empty()),
            Self::Tables(parameters) | Self::Definition(parameters) => Arc::clone(parameters),
        }
    }
}

impl Inner {
    /// Does what an effect says, once for every bound row.
    pub(crate) async fn apply(
        self: &Arc<Self>,
        session: &Arc<Session>,
        (id, sql): (StatementId, Arc<str>),
        effect: &Effect,
        bound: Option<Arc<Bound>>,
    ) -> Result<Outcome> {
        match effect {
            Effect::Setting(change) => session.apply(change).map(|()| Outcome { rows: 0 }),
            Effect::Transaction(statement) => self.transact(session, id, statement).await,
            Effect::Definition(parameters) => {
                let job = define::Job {
                    id,
                    session: Arc::clone(session),
                    sql,
                    parameters: Arc::clone(parameters),
                    bound,
                };
                Box::pin(self.define(job)).await
            }
            Effect::Tables(parameters) => {
                let job = Job {
                    id,
                    session: session.pinned(),
                    sql,
                    parameters: Arc::clone(parameters),
                    bound,
                };
                Box::pin(self.change_tables(job)).await
            }
        }
    }

    /// Runs a change on the query runtime, for no longer than a statement may take. Dropping the future before its end
    /// leaves everything as it was.
    async fn change_tables(self: &Arc<Self>, job: Job) -> Result<Outcome> {
        check_bound(&job.parameters, job.bound.as_deref())?;
        let (id, sql) = (job.id, Arc::clone(&job.sql));
        let session = Arc::clone(&job.session);
        let inner = Arc::clone(self);
        let work = Box::pin(async move { inner.change_now(&job).await });
        self.run_effect(id, &session, &sql, work).await
    }

    /// Runs work that is seen, and ended, as a query is.
    pub(crate) async fn run_effect(
        self: &Arc<Self>,
        id: StatementId,
        session: &Session,
        sql: &Arc<str>,
        work: impl Future<Output = Result<u64>> + Send + 'static,
    ) -> Result<Outcome> {
        let query_id = id.to_string();
        let record = self.running.begin(query_id.clone(), session.user(), sql)?;
        let key = record.key();
        let task = self.runtime.spawn(recorded(record, work));
        self.running.attach(key, task.abort_handle());
        let rows = within(session.state().timeout(), task)
            .await?
            .map_err(|error| Error::from_join(&error, &query_id))??;
        Ok(Outcome {
            rows: i64::try_from(rows).unwrap_or(i64::MAX),
        })
    }

    async fn change_now(&self, job: &Job) -> Result<u64> {
        let writer = job.session.changeable()?.write().await;
        let change = Run {
            inner: self,
            job,
            writer: &writer,
            caller: job.session.caller(),
        };
        let rows = change.all().await?;
        writer.commit();
        Ok(rows)
    }
}

async fn recorded(
    mut record: Record,
    work: impl Future<Output = Result<u64>> + Send,
) -> Result<u64> {
    let outcome = work.await;
    match &outcome {
        Ok(rows) => {
            record.count(usize::try_from(*rows).unwrap_or(usize::MAX), 0);
            record.finish();
        }
        Err(error) => record.fail(error),
    }
    outcome
}

/// Whether the values that a change needs are bound.
pub(crate) fn check_bound(parameters: &Schema, bound: Option<&Bound>) -> Result<()> {
    let count = parameters.fields().len();
    if count > 0 && bound.is_none() {
        return Err(Error::invalid(format!(
            "the statement takes {count} parameters, none are bound; prepare it and bind values"
        )));
    }
    Ok(())
}

/// A change that is being made in the draft of a writer.
struct Run<'a> {
    inner: &'a Inner,
    job: &'a Job,
    writer: &'a TempWriter,
    caller: Arc<Caller>,
}

impl Run<'_> {
    /// Makes the change once for every bound row, each on what the one before left.
    async fn all(&self) -> Result<u64> {
        let runs = self.job.bound.as_ref().map_or(1, |bound| bound.len());
        let mut rows = 0u64;
        let mut at = 0;
        while at < runs {
            let step = self.plan().await?;
            let until = if step.reads_its_table() { at + 1 } else { runs };
            rows = rows.saturating_add(self.make(step, at..until).await?);
            at = until;
        }
        Ok(rows)
    }

    async fn plan(&self) -> Result<Step> {
        let parsed = parse::parse(&self.job.sql, self.inner.planner.limits)?;
        let change = change_in(&parsed)?;
        let lake = self.job.session.seen().await?.lake().clone();
        let scope = Scope {
            state: &self.job.session.state(),
            seen: &Seen::new(self.writer.draft().clone(), lake),
            parameters: &parsed.parameters,
            given: Some(Arc::clone(&self.job.parameters)),
        };
        self.inner.planner.change(scope, change).await
    }

    async fn make(&self, step: Step, rows: std::ops::Range<usize>) -> Result<u64> {
        let draft = self.writer.draft();
        match step {
            Step::Create {
                name,
                if_not_exists,
                new,
                ..
            } => {
                if if_not_exists && draft.get(&name).is_some() {
                    return Ok(0);
                }
                self.create(&name, new, rows).await
            }
            Step::Drop { names } => {
                names.iter().for_each(|name| self.writer.remove(name));
                Ok(0)
            }
            Step::Truncate { table } => {
                let before = found(draft, &table)?;
                self.writer
                    .refill(&table, &before, Vec::new())
                    .map_err(full)?;
                Ok(0)
            }
            Step::Insert { table, plan } => self.insert(&table, &plan, rows).await,
            Step::Delete { table, plan } => {
                let before = found(draft, &table)?;
                let mut matched = Matched::new(&before, &[], self.scratch())?;
                self.read(&plan, rows, |batch| matched.take(batch)).await?;
                let count = matched.rows();
                if count > 0 {
                    let staging = staging_for(draft, &table, &before, &[])?;
                    let chunks = matched.deleted(staging).await?;
                    self.writer.refill(&table, &before, chunks).map_err(full)?;
                }
                Ok(count)
            }
            Step::Update {
                table,
                columns,
                plan,
            } => {
                let before = found(draft, &table)?;
                let mut matched = Matched::new(&before, &columns, self.scratch())?;
                self.read(&plan, rows, |batch| matched.take(batch)).await?;
                let count = matched.rows();
                if count > 0 {
                    let staging = staging_for(draft, &table, &before, &[])?;
                    let chunks = matched.updated(staging).await?;
                    self.writer.refill(&table, &before, chunks).map_err(full)?;
                }
                Ok(count)
            }
        }
    }

    async fn create(&self, name: &str, new: New, rows: std::ops::Range<usize>) -> Result<u64> {
        let draft = self.writer.draft();
        match new {
            New::Columns { schema, defaults } => {
                self.writer
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
                self.read(&plan, rows, |batch| staging.push(batch)).await?;
                let count = staging.rows();
                let chunks = staging.finish().map_err(|error| self.translate(&error))?;
                self.writer
                    .put(name, schema, Default::default(), chunks)
                    .map_err(full)?;
                Ok(count)
            }
        }
    }

    async fn insert(
        &self,
        table: &str,
        plan: &Arc<Plan>,
        rows: std::ops::Range<usize>,
    ) -> Result<u64> {
        let draft = self.writer.draft();
        let before = found(draft, table)?;
        let mut adding = Adding::new(draft, table, &before)?;
        self.read(plan, rows, |batch| adding.staging.push(batch))
            .await?;
        let (chunks, count) = adding.finish()?;
        self.writer.refill(table, &before, chunks).map_err(full)?;
        Ok(count)
    }

    /// Runs a query for some of the bound rows and hands out its batches, one after the other.
    async fn read(
        &self,
        plan: &Plan,
        rows: std::ops::Range<usize>,
        mut take: impl FnMut(&arrow::array::RecordBatch) -> datafusion::error::Result<()> + Send,
    ) -> Result<()> {
        for at in rows {
            let values = match &self.job.bound {
                Some(bound) => Some(bound.row(at).map_err(|error| self.translate(&error))?),
                None => None,
            };
            let mut batches = run::start(plan, &self.caller, values, |_| {})
                .await
                .map_err(|error| self.translate(&error))?;
            while let Some(batch) = batches.next().await {
                let batch = batch.map_err(|error| self.translate(&error))?;
                let batch = conform(&batch, &plan.schema)
                    .map_err(|error| Error::internal(&self.job.id.to_string(), error))?;
                take(&batch).map_err(|error| self.translate(&error))?;
            }
        }
        Ok(())
    }

    /// Memory for what a change holds besides the rows of tables.
    fn scratch(&self) -> MemoryReservation {
        let pool = &self.inner.base.runtime_env().memory_pool;
        datafusion::execution::memory_pool::MemoryConsumer::new("change of a temporary table")
            .register(pool)
    }

    fn translate(&self, error: &datafusion::error::DataFusionError) -> Error {
        Error::from_datafusion(error, &self.job.id.to_string())
    }
}

/// The change that a statement is.
///
/// # Errors
/// [`Error::Unsupported`] when it hides one in a query.
pub(crate) fn change_in(parsed: &parse::Parsed) -> Result<Change> {
    let change = match &parsed.tree {
        datafusion::sql::parser::Statement::Statement(statement) => {
            with_deep_stack(|| change_of(statement))?
        }
        _ => None,
    };
    change.ok_or_else(|| {
        Error::unsupported(
            "temporary tables are changed by INSERT, UPDATE, DELETE and TRUNCATE, each a statement of its own",
        )
    })
}

/// What a limit of temporary tables means for the user.
#[expect(clippy::needless_pass_by_value, reason = "as map_err passes it")]
pub(crate) fn full(error: godwit_catalog::Error) -> Error {
    Error::from_catalog(&error)
}

pub(crate) fn found(draft: &TempTables, name: &str) -> Result<Arc<TempTable>> {
    draft
        .get(name)
        .ok_or_else(|| Error::not_found(format!("table 'temp.{name}' does not exist any more")))
}

impl Step {
    /// Whether what it does to one bound row depends on what it did to the one before.
    fn reads_its_table(&self) -> bool {
        match self {
            Self::Insert { table, plan } => plan.resolved.reads_temporary(&plan.logical, table),
            Self::Create { .. }
            | Self::Drop { .. }
            | Self::Truncate { .. }
            | Self::Delete { .. }
            | Self::Update { .. } => true,
        }
    }
}
