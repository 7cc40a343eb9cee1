use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use godwit_audit::Auditor;
use godwit_auth::{Directory, Permit};
use godwit_config::Config;
use godwit_protocol::StatementId;

use crate::access::is_same;
use crate::audit::Facts;
use crate::bind::Bound;
use crate::inner::Inner;
use crate::runtime::within;
use crate::session::of_another;
use crate::statement::Body;
use crate::{Error, Origin, Outcome, Prepared, QueryStream, Result, Session, Sessions, Statement};

/// How long a cancelled query may take to notice.
const CANCEL_GRACE: Duration = Duration::from_secs(1);

/// The query engine of a server. A clone is cheap and is the same engine.
///
/// Its methods are to be called inside a tokio runtime with a clock; the work itself happens on the engine's own.
#[derive(Debug, Clone)]
pub struct Engine {
    pub(crate) inner: Arc<Inner>,
}

impl Engine {
    /// Makes the memory pool, the spill directory, the query runtime, the catalog and the sessions. What is run is noted
    /// by the auditor; users and grants are kept beside the lake from then on.
    ///
    /// # Errors
    /// When a directory cannot be made or the configuration asks for something impossible.
    pub async fn start(
        config: &Config,
        auditor: Auditor,
        directory: Arc<Directory>,
    ) -> Result<Self> {
        let inner = Inner::start(config, auditor, directory).await?;
        Ok(Self { inner })
    }

    /// The sessions of this server.
    pub fn sessions(&self) -> &Sessions {
        &self.inner.sessions
    }

    /// Parses, checks and analyses one statement. Nothing is run. The plan is kept for [`Self::resume`].
    ///
    /// # Errors
    /// Whatever is wrong with the text or its names.
    pub async fn describe(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        sql: &str,
    ) -> Result<Statement> {
        let session = &self.admit(session, permit)?;
        let id = StatementId::random();
        let text: Arc<str> = sql.into();
        let here = session.pinned();
        let known = Box::pin(self.inner.at_a_glance(&here, id, &text));
        if let Some(known) = within(session.state().timeout(), known).await? {
            return Ok(known);
        }
        let sql = Arc::clone(&text);
        self.plan(session, (id, &text), |inner, session| async move {
            inner.describe(&session, id, &sql, None).await
        })
        .await
    }

    /// Prepares one statement, with or without parameters, in the session.
    ///
    /// # Errors
    /// As [`Self::describe`]; [`Error::ResourcesExhausted`] at `statements.max_per_session`.
    pub async fn prepare(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        sql: &str,
    ) -> Result<Prepared> {
        let session = &self.admit(session, permit)?;
        let id = StatementId::random();
        let text: Arc<str> = sql.into();
        let sql = Arc::clone(&text);
        self.plan(session, (id, &text), |inner, session| async move {
            inner.prepare(&session, &sql).await
        })
        .await
    }

    /// A prepared statement of the session.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of that id, or no longer.
    pub fn prepared(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
    ) -> Result<Prepared> {
        let session = &self.admit(session, permit)?;
        session.statements().get(id).map(|entry| entry.prepared)
    }

    /// Forgets a prepared statement.
    ///
    /// # Errors
    /// As [`Self::prepared`].
    pub fn close_prepared(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
    ) -> Result<()> {
        let session = &self.admit(session, permit)?;
        session.statements().remove(id)
    }

    /// Binds rows of parameters, by position; they stay until the next bind. Every column is cast to the type that
    /// was advertised; unions and dictionaries are unwrapped.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the number of columns is wrong or a value does not fit; [`Error::TooLarge`].
    pub fn bind(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
        parameters: Vec<RecordBatch>,
    ) -> Result<()> {
        let session = &self.admit(session, permit)?;
        let schema = session.statements().get(id)?.prepared.parameter_schema;
        let bound = Bound::cast(&schema, &parameters, self.inner.max_parameter_bytes)?;
        session.statements().bind(id, bound.map(Arc::new))
    }

    /// Whether a description of a prepared statement is to hold the values that it runs with: it takes none, or rows
    /// were bound since the last description, which used up those before. Else the statement is described first and
    /// bound later, and runs with what is bound then: some clients go that way round.
    ///
    /// # Errors
    /// As [`Self::prepared`].
    pub fn use_bound(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
    ) -> Result<bool> {
        let session = &self.admit(session, permit)?;
        let entry = session.statements().get(id)?;
        let takes_none = entry.prepared.parameter_schema.fields().is_empty();
        Ok(takes_none || session.statements().use_fresh(id)?)
    }

    /// The prepared statement with its bound rows, ready to run.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when parameters are missing; [`Error::Conflict`] when its tables changed so that its
    /// rows have another schema now.
    pub async fn instantiate(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
    ) -> Result<Statement> {
        let session = &self.admit(session, permit)?;
        let text = session.statements().get(id)?.prepared.sql;
        let known = Box::pin(self.inner.prepared_at_a_glance(session, id));
        if let Some(known) = within(session.state().timeout(), known).await? {
            return Ok(known);
        }
        self.plan(session, (id, &text), |inner, session| async move {
            inner.instantiate(&session, id).await
        })
        .await
    }

    /// The statement behind a ticket: from the plan cache, or planned again from its text and parameters (an Arrow
    /// IPC stream) on the snapshot of the lake that it was planned on, or in its transaction. Of mounted files it sees
    /// what is there now, so that its schema may be another than the ticket's.
    ///
    /// # Errors
    /// As [`Self::describe`]; [`Error::Denied`] when it is another user's; [`Error::NotFound`] when its transaction has
    /// ended or its snapshot has been removed.
    pub async fn resume(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
        (sql, parameters): (&str, Option<&[u8]>),
        origin: Origin,
    ) -> Result<Statement> {
        let session = &self.admit(session, permit)?;
        if let Some(statement) = self.inner.plans.get(id) {
            check_owner(&statement, permit)?;
            statement.check_transaction()?;
            if is_same(&statement.caller().authority, permit.authority()) {
                return Ok(statement);
            }
        }
        let text: Arc<str> = sql.into();
        if parameters.is_none() && origin.transaction.is_none() {
            let here = session.pinned();
            let known = Box::pin(self.inner.at_a_glance(&here, id, &text));
            let known = within(session.state().timeout(), known).await?;
            if let Some(known) = known.filter(|known| known.origin == origin) {
                return Ok(known);
            }
        }
        let (sql, parameters) = (Arc::clone(&text), parameters.map(<[u8]>::to_vec));
        let again = |inner: Arc<Inner>, session: Arc<Session>| async move {
            let session = inner.place_of(&session, origin).await?;
            inner
                .describe(&session, id, &sql, parameters.as_deref())
                .await
        };
        self.plan(session, (id, &text), again).await
    }

    /// Runs a query. Dropping the future or the stream cancels it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the statement is an effect; whatever planning meets. What execution meets comes
    /// through the stream.
    pub async fn query(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        statement: &Statement,
    ) -> Result<QueryStream> {
        self.admit(session, permit)?;
        check_owner(statement, permit)?;
        match statement.body() {
            Body::Query(plan) => {
                check_authority(statement, permit)?;
                self.inner.query(statement, plan, None).await
            }
            Body::Effect(_) => Err(Error::invalid(
                "the statement gives no rows; it is to be executed, not queried",
            )),
        }
    }

    /// Runs an effect. A statement's effect happens once; a second call is refused.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the statement is a query or has run.
    pub async fn execute(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        statement: &Statement,
    ) -> Result<Outcome> {
        let session = &self.admit(session, permit)?;
        check_owner(statement, permit)?;
        match statement.body() {
            Body::Effect(_) if !statement.claim() => Err(Error::invalid(
                "the statement has run; its effect happens once",
            )),
            Body::Effect(effect) => {
                let named = (statement.id, Arc::clone(&statement.sql));
                let bound = statement.bound().cloned();
                self.inner.apply(session, named, effect, bound).await
            }
            Body::Query(_) => Err(gives_rows()),
        }
    }

    /// Runs a prepared effect, once for every bound row; the outcome counts all of them.
    ///
    /// # Errors
    /// As [`Self::prepared`] and [`Self::execute`].
    pub async fn execute_prepared(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
    ) -> Result<Outcome> {
        let session = &self.admit(session, permit)?;
        let entry = session.statements().get(id)?;
        let session = session.placed_for(entry.transaction.as_ref());
        match &entry.body {
            Body::Effect(effect) => {
                let named = (StatementId::random(), entry.prepared.sql);
                self.inner.apply(&session, named, effect, entry.bound).await
            }
            Body::Query(_) => Err(gives_rows()),
        }
    }

    /// Takes no new work, lets running queries end for the grace, then cancels what is left.
    pub async fn shutdown(&self, grace: Duration) {
        let running = &self.inner.running;
        running.close();
        self.inner.results.close();
        if tokio::time::timeout(grace, running.idle()).await.is_err() {
            tracing::warn!(queries = running.len(), "cancelling what still runs");
            running.cancel_all();
            if tokio::time::timeout(CANCEL_GRACE, running.idle())
                .await
                .is_err()
            {
                tracing::warn!(
                    queries = running.len(),
                    "some queries do not notice that they are cancelled"
                );
            }
        }
        self.inner.results.clear();
        let history = running.watch().history().clone();
        // A thread that panicked has logged it.
        let _ = tokio::task::spawn_blocking(move || history.close()).await;
        self.inner.runtime.stop();
    }

    /// How many queries run at this moment.
    pub fn running(&self) -> usize {
        self.inner.running.len()
    }

    /// Whether the call may be made at all: by the session's own user, while the server takes work and can note it.
    /// The session serves it from then on, with what its caller may do now.
    pub(crate) fn admit(&self, session: &Session, permit: &Permit) -> Result<Arc<Session>> {
        self.inner.running.check_open()?;
        self.inner.running.watch().check()?;
        if session.user() != permit.user() {
            return Err(of_another());
        }
        session.touch();
        Ok(session.permitted(permit))
    }

    /// Runs planning work once there is a place for it, for no longer than a statement may take. It stays in the
    /// transaction in which it begins. What fails here never runs, so that it is noted here.
    pub(crate) async fn plan<T, F>(
        &self,
        session: &Arc<Session>,
        (id, sql): (StatementId, &Arc<str>),
        work: impl FnOnce(Arc<Inner>, Arc<Session>) -> F,
    ) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        let running = &self.inner.running;
        let timeout = session.state().timeout();
        let work = Box::pin(work(Arc::clone(&self.inner), session.pinned()));
        let id = id.to_string();
        let record = running.plan(Facts::of(&id, session, "statement", sql));
        let place = Some(session.user());
        let planned = self.inner.plan_noted(&record, place, timeout, work).await;
        record.planned(planned)
    }
}

pub(crate) fn check_owner(statement: &Statement, permit: &Permit) -> Result<()> {
    if statement.user() == permit.user() {
        Ok(())
    } else {
        Err(Error::Denied {
            message: "the statement belongs to another user".to_owned(),
        })
    }
}

/// A plan shows what its caller was allowed when it was made.
pub(crate) fn check_authority(statement: &Statement, permit: &Permit) -> Result<()> {
    if is_same(&statement.caller().authority, permit.authority()) {
        return Ok(());
    }
    Err(Error::Conflict {
        message: "what the user may do has changed since the statement was planned; plan it again"
            .to_owned(),
    })
}

fn gives_rows() -> Error {
    Error::invalid(
        "the statement gives rows and changes nothing; it is to be queried, not executed",
    )
}
