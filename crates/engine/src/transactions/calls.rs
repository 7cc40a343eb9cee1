//! Transactions that a client begins, names and ends.

use std::sync::Arc;
use std::time::Duration;

use godwit_auth::Permit;
use godwit_lake::{At, SnapshotId};
use godwit_protocol::action::{EndSavepoint, EndTransaction};
use godwit_protocol::{SavepointId, TransactionId};

use super::Place;
use super::open::{Ended, Kind, Open, Which};
use super::registry::Found;
use crate::inner::Inner;
use crate::session::Session;
use crate::{Engine, Error, Origin, Result};

impl Engine {
    /// Begins a transaction. What it sees is settled by its first statement.
    ///
    /// # Errors
    /// [`Error::ResourcesExhausted`] at `lake.max_transactions`.
    pub fn begin_transaction(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
    ) -> Result<TransactionId> {
        let session = &self.admit(session, permit)?;
        let kind = Kind {
            is_named: true,
            is_shared: session.is_stateless(),
            is_read_only: false,
        };
        let open = session.shared().transactions.begin(session, kind)?;
        Ok(open.id())
    }

    /// Ends a transaction. One that the server ended (it was idle for too long, its commit failed, its session ended) can
    /// still be rolled back, which changes nothing.
    ///
    /// # Errors
    /// [`Error::Aborted`] when another transaction committed first; [`Error::NotFound`] when there is none of that id, or
    /// no longer; [`Error::Denied`] when it is another user's.
    pub async fn end_transaction(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: TransactionId,
        how: EndTransaction,
    ) -> Result<()> {
        let session = &self.admit(session, permit)?;
        let open = match (session.shared().transactions.find(session, id)?, how) {
            (Found::Open(open), _) => open,
            (Found::Ended(ended), EndTransaction::Rollback) if !ended.is_client() => return Ok(()),
            (Found::Ended(ended), _) => return Err(Error::not_found(ended.told(id))),
        };
        let end = Arc::clone(&open);
        let session = Arc::clone(session);
        let work = async move {
            let ended = match how {
                EndTransaction::Commit => end.commit().await,
                EndTransaction::Rollback => end.rollback(Ended::RolledBack).await,
            };
            session.shared().transactions.forget(&end);
            ended
        };
        // It goes on to its end when nobody waits for it any more.
        let ended = self.inner.runtime.handle().spawn(work).await;
        ended.map_err(|error| Error::from_join(&error, &id.to_string()))?
    }

    /// A mark in a transaction, to go back to.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Denied`]; [`Error::ResourcesExhausted`] when there are too many.
    pub async fn begin_savepoint(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: TransactionId,
        name: &str,
    ) -> Result<SavepointId> {
        let session = &self.admit(session, permit)?;
        let open = self.transaction(session, id)?;
        let name = name.to_owned();
        let work = async move { open.mark(&name).await };
        self.inner.runtime.run("savepoint", None, work).await
    }

    /// Releases a savepoint, or goes back to it; then it stays.
    ///
    /// # Errors
    /// [`Error::NotFound`] when the savepoint or its transaction is gone, [`Error::Denied`].
    pub async fn end_savepoint(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        savepoint: SavepointId,
        how: EndSavepoint,
    ) -> Result<()> {
        let session = &self.admit(session, permit)?;
        let open = self.transaction(session, savepoint.transaction)?;
        let which = Which::Number(savepoint.number);
        let work = async move {
            match how {
                EndSavepoint::Release => open.release(which).await,
                EndSavepoint::Rollback => open.rollback_to(which).await,
            }
        };
        self.inner.runtime.run("savepoint", None, work).await
    }

    /// The session with its statements in a transaction that a client began; itself when none is named.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of that id, or no longer; [`Error::Denied`] when it is another user's.
    pub fn within(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: Option<TransactionId>,
    ) -> Result<Arc<Session>> {
        let session = &self.admit(session, permit)?;
        match id {
            None => Ok(Arc::clone(session)),
            Some(id) => Ok(session.placed(Place::In(self.transaction(session, id)?))),
        }
    }

    /// How long a transaction lives without a call: `lake.transaction_idle_timeout`.
    pub fn transaction_idle_timeout(&self) -> Duration {
        self.inner.sessions.transactions().idle_timeout()
    }

    fn transaction(&self, session: &Session, id: TransactionId) -> Result<Arc<Open>> {
        self.inner.transaction(session, id)
    }
}

impl Inner {
    /// The session as a statement saw it that is planned again.
    ///
    /// # Errors
    /// [`Error::NotFound`] when its transaction has ended or its snapshot has been removed; [`Error::Denied`].
    pub(crate) async fn place_of(
        &self,
        session: &Arc<Session>,
        origin: Origin,
    ) -> Result<Arc<Session>> {
        match (origin.transaction, origin.lake) {
            (Some(id), _) => Ok(session.placed(Place::In(self.transaction(session, id)?))),
            (None, Some(lake)) => {
                let snapshot = self.lake.at(At::Version(SnapshotId(lake))).await;
                let snapshot = snapshot.map_err(|error| Error::from_lake(&error, "ticket"))?;
                Ok(session.placed(Place::At(snapshot)))
            }
            (None, None) => Ok(Arc::clone(session)),
        }
    }

    /// An open transaction by its id.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of that id, or no longer; [`Error::Denied`] when it is another user's.
    pub(crate) fn transaction(&self, session: &Session, id: TransactionId) -> Result<Arc<Open>> {
        match self.sessions.transactions().find(session, id)? {
            Found::Open(open) => Ok(open),
            Found::Ended(ended) => Err(Error::not_found(ended.told(id))),
        }
    }
}
