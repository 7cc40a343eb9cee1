//! What statements do that change something, and doing it: once, whole or not at all.

use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::sql::sqlparser::ast::ObjectName;
use godwit_auth::Permit;
use godwit_protocol::StatementId;
use godwit_protocol::session::OptionValue;
use tokio::sync::oneshot;
use tracing::Instrument;

use crate::audit::{Facts, Watched};
use crate::bind::{Bound, check_bound};
use crate::change::{Kept, Scope, Step};
use crate::check::{Access, Change, Kill, SettingChange, TransactionStatement, change_of};
use crate::deep::with_deep_stack;
use crate::define;
use crate::inner::Inner;
use crate::parse;
use crate::results::Returning;
use crate::running::{Phase, Record};
use crate::session::Session;
use crate::transactions::gate::{self, Gate};
use crate::{Engine, Error, Outcome, Result};

mod adding;
mod bulk;
mod keys;
mod lake;
mod literal;
mod marks;
mod matched;
mod run;
mod sink;
mod taking;

pub(crate) use adding::{Adding, SMALL_CHUNK};
pub(crate) use keys::KeyCheck;
pub(crate) use lake::Pauses;
use run::{Place, Run};

/// What running a statement changes.
#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// A setting of the session.
    Setting(SettingChange),
    /// The transaction of the session.
    Transaction(TransactionStatement),
    /// Rows of tables, or temporary tables. The statement is planned again when it runs, on what they hold then; this
    /// keeps the parameters as they were advertised.
    Tables {
        parameters: SchemaRef,
        /// What need not be planned again.
        kept: Option<Arc<Kept>>,
    },
    /// The same of a statement that returns rows.
    Returning {
        parameters: SchemaRef,
        rows: SchemaRef,
    },
    /// What runs.
    Kill(Kill),
    /// Who may do what.
    Access(Arc<Access>),
    /// What there is in the lake. Taken apart again when it runs; this keeps the parameters as they were advertised.
    Definition(SchemaRef),
}

/// One run of a change of tables.
pub(crate) struct Job {
    id: StatementId,
    session: Arc<Session>,
    sql: Arc<str>,
    parameters: SchemaRef,
    /// The schema of the rows that it returns, as it was advertised.
    returns: Option<SchemaRef>,
    kept: Option<Arc<Kept>>,
    /// Where these rows go, and who waits for them; nowhere when nobody wants them.
    pub(crate) returning: Option<(Returning, oneshot::Sender<crate::Kept>)>,
    /// The change happens once for every row.
    bound: Option<Arc<Bound>>,
}

impl Job {
    pub(crate) fn new(
        session: &Arc<Session>,
        (id, sql): (StatementId, Arc<str>),
        effect: &Effect,
        bound: Option<Arc<Bound>>,
    ) -> Self {
        Self {
            id,
            session: session.pinned(),
            sql,
            parameters: effect.parameters(),
            returns: effect.returns().cloned(),
            kept: effect.kept().cloned(),
            returning: None,
            bound,
        }
    }
}

impl Effect {
    /// A change that was checked, of the table of this name.
    pub(crate) fn of(step: &Step, name: Option<ObjectName>) -> Self {
        let parameters = step.parameters();
        match step.returns().cloned() {
            Some(rows) => Self::Returning { parameters, rows },
            None => Self::Tables {
                kept: Kept::of(name, step),
                parameters,
            },
        }
    }

    pub(crate) fn parameters(&self) -> SchemaRef {
        match self {
            Self::Setting(_) | Self::Transaction(_) | Self::Kill(_) | Self::Access(_) => {
                Arc::new(Schema::empty())
            }
            Self::Tables { parameters, .. }
            | Self::Returning { parameters, .. }
            | Self::Definition(parameters) => Arc::clone(parameters),
        }
    }

    /// The schema of the rows that it returns.
    pub(crate) fn returns(&self) -> Option<&SchemaRef> {
        match self {
            Self::Returning { rows, .. } => Some(rows),
            Self::Setting(_)
            | Self::Transaction(_)
            | Self::Kill(_)
            | Self::Access(_)
            | Self::Tables { .. }
            | Self::Definition(_) => None,
        }
    }

    fn kept(&self) -> Option<&Arc<Kept>> {
        match self {
            Self::Tables { kept, .. } => kept.as_ref(),
            _ => None,
        }
    }
}

impl Engine {
    /// Gives an option of a session another value, or with `None` its default back, as SQL `SET` and `RESET` do, and notes
    /// it as these are.
    ///
    /// # Errors
    /// As [`Session::set_option`]; [`Error::Unavailable`] when it could not be noted.
    pub async fn set_option(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        name: &str,
        value: Option<&OptionValue>,
    ) -> Result<()> {
        let sql = match value {
            Some(value) => format!("SET {name} = {}", literal::literal(value)),
            None => format!("RESET {name}"),
        };
        let id = StatementId::random();
        let mut watched = self
            .inner
            .watch_small(id, session, "setting", &sql.into())?;
        watched.settle(match value {
            Some(value) => session.set_option(permit, name, value).await,
            None => session.reset_option(name),
        })
    }
}

impl Inner {
    /// Does what an effect says, once for every bound row.
    pub(crate) async fn apply(
        self: &Arc<Self>,
        session: &Arc<Session>,
        named: (StatementId, Arc<str>),
        effect: &Effect,
        bound: Option<Arc<Bound>>,
    ) -> Result<Outcome> {
        let outcome = self.make(session, named, effect, bound).await;
        // Plans hold the rows of temporary tables that are no more.
        session.recall().clear();
        outcome
    }

    async fn make(
        self: &Arc<Self>,
        session: &Arc<Session>,
        (id, sql): (StatementId, Arc<str>),
        effect: &Effect,
        bound: Option<Arc<Bound>>,
    ) -> Result<Outcome> {
        match effect {
            Effect::Setting(change) => {
                let mut watched = self.watch_small(id, session, "setting", &sql)?;
                watched.settle(session.apply(change).await)?;
                Ok(Outcome { rows: 0 })
            }
            Effect::Transaction(statement) => {
                let mut watched = self.watch_small(id, session, "transaction", &sql)?;
                watched.settle(self.transact(session, id, statement).await)
            }
            Effect::Kill(kill) => {
                let mut watched = self.watch_small(id, session, "kill", &sql)?;
                watched.settle(self.kill(session, kill).await)
            }
            Effect::Access(access) => self.change_access(session, (id, sql), access).await,
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
            Effect::Tables { .. } | Effect::Returning { .. } => {
                let job = Job::new(session, (id, sql), effect, bound);
                Box::pin(self.change_tables(job)).await
            }
        }
    }

    /// Notes the run of an effect that is over at once, and is not listed among those that run.
    fn watch_small(
        &self,
        id: StatementId,
        session: &Session,
        kind: &'static str,
        sql: &Arc<str>,
    ) -> Result<Watched> {
        let watch = self.running.watch();
        watch.check()?;
        Ok(watch.begin(Facts::of(&id.to_string(), session, kind, sql)))
    }

    /// Runs a change on the query runtime, for no longer than a statement may take. Dropping the future before its end
    /// leaves everything as it was.
    pub(crate) async fn change_tables(self: &Arc<Self>, job: Job) -> Result<Outcome> {
        check_bound(&job.parameters, job.bound.as_deref())?;
        let (id, sql) = (job.id, Arc::clone(&job.sql));
        let session = Arc::clone(&job.session);
        let inner = Arc::clone(self);
        let work = Box::pin(async move { inner.change_now(job).await });
        self.run_effect(id, &session, ("change", &sql), work).await
    }

    /// Runs work, once it is its turn, that is seen, and ended, as a query is; but what has begun to be committed is not
    /// ended by the timeout.
    pub(crate) async fn run_effect(
        self: &Arc<Self>,
        id: StatementId,
        session: &Session,
        (kind, sql): (&'static str, &Arc<str>),
        work: impl Future<Output = Result<u64>> + Send + 'static,
    ) -> Result<Outcome> {
        let query_id = id.to_string();
        let mut record = self
            .running
            .begin(Facts::of(&query_id, session, kind, sql))?;
        let (key, live, span) = (record.key(), Arc::clone(record.live()), record.span());
        let gate = Gate::of(&query_id);
        let (admitted, admission) = oneshot::channel();
        let lane = match kind {
            // Small, and what an administrator may need while the server is full.
            "access" => self.admission.planning.clone(),
            _ => self.admission.running.clone(),
        };
        let user = session.user().to_owned();
        let work = async move {
            let turn = lane.enter(&user).await;
            let _slot = match turn {
                Ok(slot) => slot,
                Err(error) => return Err(record.fail(error)),
            };
            // Whoever waited may have gone, and then this task ends too.
            let _ = admitted.send(());
            recorded(record, work).await
        };
        let work = gate.clone().around(work.instrument(span));
        let task = self.runtime.spawn(work);
        self.running.attach(key, task.abort_handle());
        // Whatever ends the task before its turn shows below. The time that it waits is not the statement's.
        let _ = admission.await;
        let rows = gate
            .within(session.state().timeout(), task)
            .await?
            .map_err(|error| live.explain(Error::from_join(&error, &query_id)))??;
        Ok(Outcome {
            rows: i64::try_from(rows).unwrap_or(i64::MAX),
        })
    }

    async fn change_now(&self, mut job: Job) -> Result<u64> {
        let returning = job.returning.take();
        let begin = || {
            let rows = returning.as_ref().map(|(returning, _)| returning.rows());
            rows.transpose()
        };
        let (rows, returned) = if self.is_durable(&job).await? {
            self.change_lake(&job, begin).await?
        } else {
            let tables = job.session.changeable()?;
            let (_lock, writer) = job.session.locked(tables.write()).await;
            let mut returned = begin()?;
            let run = Run::new(self, &job, Place::Temporary(&writer))?;
            let rows = run.all(&mut returned).await?;
            gate::keep(async {
                writer.commit();
                Ok(())
            })
            .await?;
            (rows, returned)
        };
        if let (Some((returning, wanted)), Some(returned)) = (returning, returned) {
            // Whoever waited for the rows may have gone; they are forgotten in time.
            let _ = wanted.send(returning.keep(returned));
        }
        Ok(rows)
    }

    /// Whether the change is one of a durable table.
    async fn is_durable(&self, job: &Job) -> Result<bool> {
        let (state, seen) = (job.session.state(), job.session.seen().await?);
        let scope = Scope {
            state: &state,
            seen: &seen,
            parameters: &[],
            given: None,
        };
        let target = match &job.kept {
            Some(kept) => self.planner.target(&scope, "INSERT", kept.name()).await?,
            None => {
                let parsed = parse::parse(&job.sql, self.planner.limits)?;
                let change = change_in(&parsed)?;
                let Some((verb, name)) = change.target() else {
                    return Ok(false);
                };
                self.planner.target(&scope, verb, name).await?
            }
        };
        Ok(target.is_durable())
    }
}

async fn recorded(
    mut record: Record,
    work: impl Future<Output = Result<u64>> + Send,
) -> Result<u64> {
    record.live().enter(Phase::Executing);
    match work.await {
        Ok(rows) => {
            record.count(usize::try_from(rows).unwrap_or(usize::MAX), 0);
            record.finish();
            Ok(rows)
        }
        Err(error) => Err(record.fail(error)),
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
            "tables are changed by INSERT, UPDATE, DELETE, MERGE and TRUNCATE, each a statement of its own",
        )
    })
}

/// What a limit of temporary tables means for the user.
#[expect(clippy::needless_pass_by_value, reason = "as map_err passes it")]
pub(crate) fn full(error: godwit_catalog::Error) -> Error {
    Error::from_catalog(&error)
}
