//! Changes whose rows the caller wants.

use std::sync::Arc;

use godwit_auth::Permit;

use crate::effect::Job;
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
        self.admit(session, permit)?;
        check_owner(statement, permit)?;
        let (true, Body::Effect(effect)) = (statement.returns_rows(), statement.body()) else {
            return Err(Error::invalid("the statement returns no rows"));
        };
        if !statement.claim() {
            return Err(Error::invalid(
                "the statement has run; its effect happens once",
            ));
        }
        let returning = Returning::begin(
            &self.inner.results,
            (statement.id, &statement.sql),
            session.user(),
            &statement.schema,
            session.state().wanted_batch_rows(),
        )?;
        let mut job = Job::new(
            session,
            (statement.id, Arc::clone(&statement.sql)),
            effect,
            statement.bound().cloned(),
        );
        let (sender, kept) = tokio::sync::oneshot::channel();
        job.returning = Some((returning, sender));
        let outcome = Box::pin(self.inner.change_tables(job)).await?;
        let kept = kept.await;
        let lost = |_| Error::internal(&statement.id.to_string(), "a change lost its rows");
        Ok((outcome, kept.map_err(lost)?))
    }
}
