//! Changes whose rows the caller wants.

use std::sync::Arc;

use godwit_auth::Permit;
use godwit_protocol::StatementId;
use tokio::sync::oneshot;

use crate::bind::Bound;
use crate::effect::{Effect, Job};
use crate::engine::check_owner;
use crate::results::Returning;
use crate::statement::Body;
use crate::{Engine, Error, Kept, Outcome, Result, Session, Statement};

impl Engine {
    /// Runs an effect that returns rows ([`Statement::returns_rows`]), and keeps these: [`Self::read_kept`] reads them, in
    /// one part, by the id of the statement. A statement's effect happens once; a second call is refused.
    ///
    /// # Errors
    /// As [`Self::execute`]; [`Error::InvalidInput`] when it returns no rows; [`Error::ResourcesExhausted`] at
    /// `results.max_per_user` or `results.max_bytes`. Nothing has happened then.
    pub async fn execute_returning(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        statement: &Statement,
    ) -> Result<(Outcome, Kept)> {
        let session = &self.admit(session, permit)?;
        check_owner(statement, permit)?;
        let (true, Body::Effect(effect)) = (statement.returns_rows(), statement.body()) else {
            return Err(Error::invalid("the statement returns no rows"));
        };
        if !statement.claim() {
            return Err(Error::invalid(
                "the statement has run; its effect happens once",
            ));
        }
        let named = (statement.id, Arc::clone(&statement.sql));
        let bound = statement.bound().cloned();
        self.returned(session, named, effect, bound).await
    }

    /// The same for a prepared effect ([`crate::Prepared::returns_rows`]), once for every bound row.
    ///
    /// # Errors
    /// As [`Self::prepared`] and [`Self::execute_returning`].
    pub async fn execute_prepared_returning(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
    ) -> Result<(Outcome, Kept)> {
        let session = &self.admit(session, permit)?;
        let entry = session.statements().get(id)?;
        let session = session.placed_for(entry.transaction.as_ref());
        let Body::Effect(effect) = &entry.body else {
            return Err(Error::invalid("the statement is no effect"));
        };
        let named = (StatementId::random(), entry.prepared.sql);
        self.returned(&session, named, effect, entry.bound).await
    }

    async fn returned(
        &self,
        session: &Arc<Session>,
        (id, sql): (StatementId, Arc<str>),
        effect: &Effect,
        bound: Option<Arc<Bound>>,
    ) -> Result<(Outcome, Kept)> {
        let Some(schema) = effect.returns() else {
            return Err(Error::invalid("the statement returns no rows"));
        };
        let returning = Returning::begin(
            &self.inner.results,
            (id, &sql),
            session.user(),
            schema,
            session.state().wanted_batch_rows(),
        )?;
        let mut job = Job::new(session, (id, sql), effect, bound);
        let (sender, kept) = oneshot::channel();
        job.returning = Some((returning, sender));
        let outcome = Box::pin(self.inner.change_tables(job)).await?;
        let lost = |_| Error::internal(&id.to_string(), "a change lost its rows");
        Ok((outcome, kept.await.map_err(lost)?))
    }
}
