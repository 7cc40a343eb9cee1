//! Who calls, and what that lets a call do.

use std::sync::Arc;

use bytes::Bytes;
use godwit_auth::{Identity, Intent, Permit};
use godwit_config::WireProfile;
use godwit_engine::{Session, SessionKey, Statement};
use godwit_protocol::handle::PreparedHandle;
use godwit_protocol::poll::PollHandle;
use godwit_protocol::ticket::Ticket;
use godwit_protocol::{StatementId, TransactionId, WireFormat};
use tonic::{Request, Status};

use crate::format::WantedFormat;
use crate::status::{QueryId, status};
use crate::{Error, Flight, Result};

/// One call by a known caller: what the layers found out.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) id: QueryId,
    pub(crate) identity: Identity,
    pub(crate) key: SessionKey,
    wanted: WantedFormat,
}

impl Call {
    /// What the layers found out about this request.
    ///
    /// # Errors
    /// UNAUTHENTICATED when no layer let the caller in, so that an RPC outside the layers stays closed; INVALID_ARGUMENT
    /// when a header asks for a form of rows that there is not.
    pub(crate) fn of<T>(request: &Request<T>) -> Result<Self, Status> {
        let id = Self::query_id(request);
        let extensions = request.extensions();
        let wanted = WantedFormat::read(request.metadata()).map_err(|error| status(&error, id));
        match (extensions.get::<Identity>(), extensions.get::<SessionKey>()) {
            (Some(identity), Some(key)) => Ok(Self {
                id,
                identity: identity.clone(),
                key: *key,
                wanted: wanted?,
            }),
            _ => Err(status(&godwit_auth::Error::Unauthenticated.into(), id)),
        }
    }

    /// The name of this call.
    pub(crate) fn query_id<T>(request: &Request<T>) -> QueryId {
        let given = request.extensions().get::<QueryId>();
        given.copied().unwrap_or_else(QueryId::random)
    }

    pub(crate) fn user(&self) -> &str {
        self.identity.user()
    }

    /// Leave for one intent.
    ///
    /// # Errors
    /// When the caller may not do that, or no longer exists.
    pub(crate) fn permit(&self, flight: &Flight, intent: Intent) -> Result<Permit> {
        Ok(flight.authenticator.authorize(&self.identity, intent)?)
    }

    /// The caller's session, made when this is its first use.
    ///
    /// # Errors
    /// When there are too many.
    pub(crate) fn session(&self, flight: &Flight) -> Result<Arc<Session>> {
        Ok(flight.engine.sessions().open(self.user(), self.key)?)
    }

    /// The caller's session with its statements in the transaction that a command names. An empty id is how some clients
    /// say "none".
    ///
    /// # Errors
    /// As [`Self::session`]; when there is no such transaction, or no longer, or it is another user's.
    pub(crate) fn session_in(
        &self,
        flight: &Flight,
        permit: &Permit,
        transaction: Option<&Bytes>,
    ) -> Result<Arc<Session>> {
        let session = self.session(flight)?;
        let id = match transaction {
            Some(id) if !id.is_empty() => Some(TransactionId::decode(id)?),
            _ => None,
        };
        Ok(flight.engine.within(&session, permit, id)?)
    }

    /// The form in which rows of that session are sent to this caller, where it does not depend on what they are.
    pub(crate) fn format(&self, session: &Session) -> WireFormat {
        self.wanted.or(session)
    }

    /// The form in which the rows of a query are sent to this caller.
    ///
    /// # Errors
    /// As [`godwit_engine::Engine::shapes`].
    pub(crate) async fn format_of(
        &self,
        flight: &Flight,
        session: &Arc<Session>,
        statement: &Statement,
    ) -> Result<WireFormat> {
        let mut format = self.format(session);
        if format.profile == WireProfile::Compact {
            let permit = self.permit(flight, Intent::Query)?;
            format.shapes = flight.engine.shapes(session, &permit, statement).await?;
        }
        Ok(format)
    }

    /// The same of a prepared statement.
    ///
    /// # Errors
    /// As [`godwit_engine::Engine::prepared_shapes`].
    pub(crate) async fn format_of_prepared(
        &self,
        flight: &Flight,
        session: &Arc<Session>,
        id: StatementId,
    ) -> Result<WireFormat> {
        let mut format = self.format(session);
        if format.profile == WireProfile::Compact {
            let permit = self.permit(flight, Intent::Query)?;
            let shapes = flight.engine.prepared_shapes(session, &permit, id);
            format.shapes = shapes.await?;
        }
        Ok(format)
    }

    /// The statement that a handle names, with the session that holds it. That is the caller's session, or the one
    /// for calls without any: a client that keeps cookies may have prepared before it got one.
    ///
    /// # Errors
    /// When the handle is forged or another user's, or its session is gone.
    pub(crate) fn prepared(
        &self,
        flight: &Flight,
        handle: &[u8],
    ) -> Result<(Arc<Session>, PreparedHandle)> {
        let handle = PreparedHandle::open(&flight.sealer, handle)?;
        self.owns(&handle.user, "prepared statement handle")?;
        for key in [self.key, SessionKey::Stateless] {
            let session = flight.engine.sessions().open(self.user(), key)?;
            if session.id() == handle.session {
                return Ok((session, handle));
            }
        }
        let message = "the prepared statement is not of this session, or its session has ended; prepare it again";
        Err(godwit_engine::Error::NotFound {
            message: message.to_owned(),
        }
        .into())
    }

    /// Opens a sealed ticket of this caller.
    ///
    /// # Errors
    /// When it is forged, expired or another user's.
    pub(crate) fn ticket(&self, flight: &Flight, sealed: &[u8]) -> Result<Ticket> {
        let ticket = Ticket::open(&flight.sealer, sealed, std::time::SystemTime::now())?;
        self.owns(&ticket.user, "ticket")?;
        Ok(ticket)
    }

    /// Opens a sealed poll handle of this caller.
    ///
    /// # Errors
    /// When it is forged, expired or another user's.
    pub(crate) fn poll_handle(&self, flight: &Flight, sealed: &[u8]) -> Result<PollHandle> {
        let handle = PollHandle::open(&flight.sealer, sealed, std::time::SystemTime::now())?;
        self.owns(&handle.user, "poll handle")?;
        Ok(handle)
    }

    fn owns(&self, user: &str, what: &'static str) -> Result<()> {
        if user == self.user() {
            return Ok(());
        }
        Err(Error::OtherUser { what })
    }
}
