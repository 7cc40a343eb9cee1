//! Tickets: all that DoGet needs, sealed, bound to a user, and good for a limited time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use prost::Message;

use crate::{
    error::{Error, Result},
    id::StatementId,
    seal::{Purpose, Sealer},
    wire::godwit::{self as wire, ticket::Body},
};

const WHAT: &str = Purpose::Ticket.what();

/// A ticket as the server sees it. The bearer must be `user`; that check is the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The user it was issued to.
    pub user: String,
    /// When it stops being valid; whole milliseconds on the wire.
    pub expires_at: SystemTime,
    /// What to answer.
    pub body: TicketBody,
}

/// What a ticket asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TicketBody {
    /// Rows of a planned query.
    Query {
        /// The statement in the plan cache.
        statement: StatementId,
        /// The SQL text, to plan again when the cache has dropped the statement.
        query: String,
        /// The bound parameter rows as an Arrow IPC stream.
        parameters: Option<Bytes>,
        /// [`crate::schema_fingerprint`] of the schema promised in the FlightInfo.
        fingerprint: [u8; 32],
        /// The snapshot that the statement was planned on.
        snapshot: u64,
    },
    /// A side effect that already ran: its one count row.
    Outcome {
        /// Affected rows, or -1 when unknown.
        rows: i64,
    },
    /// A metadata command, decoded again at DoGet.
    Metadata {
        /// The Flight SQL command as the client sent it.
        command: Bytes,
    },
}

impl Ticket {
    /// The bytes for the client. A time before 1970 becomes 1970: expired either way.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> Bytes {
        let since_epoch = self
            .expires_at
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let message = wire::Ticket {
            user: self.user.clone(),
            expires_at_ms: u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX),
            body: Some(self.body.encode()),
        };
        sealer.seal(Purpose::Ticket, &message.encode_to_vec())
    }

    /// Reads a ticket that came back.
    ///
    /// # Errors
    /// [`Error::Forged`] when this server did not issue it, [`Error::Expired`] when `now` is `expires_at` or later,
    /// [`Error::Malformed`] when an incompatible version of the server issued it.
    pub fn open(sealer: &Sealer, bytes: &[u8], now: SystemTime) -> Result<Self> {
        let payload = sealer.open(Purpose::Ticket, bytes)?;
        let message = wire::Ticket::decode(payload).map_err(|e| Error::malformed(WHAT, e))?;
        let expires_at = UNIX_EPOCH
            .checked_add(Duration::from_millis(message.expires_at_ms))
            .ok_or_else(|| Error::malformed(WHAT, "expiry out of range"))?;
        if now >= expires_at {
            return Err(Error::Expired { what: WHAT });
        }
        let body = message
            .body
            .ok_or_else(|| Error::malformed(WHAT, "without a body"))?;
        Ok(Self {
            user: message.user,
            expires_at,
            body: TicketBody::decode(body)?,
        })
    }
}

impl TicketBody {
    fn encode(&self) -> Body {
        match self {
            Self::Query {
                statement,
                query,
                parameters,
                fingerprint,
                snapshot,
            } => Body::Query(wire::QueryTicket {
                statement: Bytes::copy_from_slice(statement.as_bytes()),
                query: query.clone(),
                parameters: parameters.clone(),
                fingerprint: Bytes::copy_from_slice(fingerprint),
                snapshot: *snapshot,
            }),
            Self::Outcome { rows } => Body::Outcome(wire::OutcomeTicket { rows: *rows }),
            Self::Metadata { command } => Body::Metadata(wire::MetadataTicket {
                command: command.clone(),
            }),
        }
    }

    fn decode(body: Body) -> Result<Self> {
        Ok(match body {
            Body::Query(query) => Self::Query {
                statement: StatementId::decode(&query.statement)?,
                query: query.query,
                parameters: query.parameters,
                fingerprint: query
                    .fingerprint
                    .as_ref()
                    .try_into()
                    .map_err(|_| Error::malformed(WHAT, "fingerprint without 32 bytes"))?,
                snapshot: query.snapshot,
            },
            Body::Outcome(outcome) => Self::Outcome { rows: outcome.rows },
            Body::Metadata(metadata) => Self::Metadata {
                command: metadata.command,
            },
        })
    }
}
