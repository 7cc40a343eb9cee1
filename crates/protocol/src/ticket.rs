//! Tickets: all that DoGet needs, sealed, bound to a user, and good for a limited time.

use std::time::SystemTime;

use bytes::Bytes;
use prost::Message;

use crate::{
    error::{Error, Result},
    expiry,
    format::WireFormat,
    id::{StatementId, TransactionId},
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
    /// The form of the rows, where they are those of a query.
    pub format: WireFormat,
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
        /// A hash over what the statement's tables held when it was planned.
        snapshot: u64,
        /// The snapshot of the lake that the statement was planned on.
        lake: Option<i64>,
        /// The transaction that it was planned in.
        transaction: Option<TransactionId>,
    },
    /// Rows of a prepared statement, with what is bound when they are fetched.
    Prepared {
        /// What to call its run, so that it can be cancelled.
        run: StatementId,
        /// The sealed handle of the statement.
        handle: Bytes,
        /// [`crate::schema_fingerprint`] of the schema promised in the FlightInfo.
        fingerprint: [u8; 32],
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
    /// Rows of a result that the server keeps, or of one of its parts.
    Kept {
        /// The statement whose result it is.
        statement: StatementId,
        /// Which part, from 0; less than `parts`.
        part: u32,
        /// How many parts there are.
        parts: u32,
        /// [`crate::schema_fingerprint`] of the schema promised in the FlightInfo.
        fingerprint: [u8; 32],
    },
}

impl Ticket {
    /// The bytes for the client. A time before 1970 becomes 1970: expired either way.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> Bytes {
        let message = wire::Ticket {
            user: self.user.clone(),
            expires_at_ms: expiry::encode(self.expires_at),
            body: Some(self.body.encode()),
            format: Some(self.format.encode()),
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
        let expires_at = expiry::decode(WHAT, message.expires_at_ms, now)?;
        let body = message
            .body
            .ok_or_else(|| Error::malformed(WHAT, "without a body"))?;
        Ok(Self {
            user: message.user,
            expires_at,
            format: WireFormat::decode(WHAT, message.format.unwrap_or_default())?,
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
                lake,
                transaction,
            } => Body::Query(wire::QueryTicket {
                statement: Bytes::copy_from_slice(statement.as_bytes()),
                query: query.clone(),
                parameters: parameters.clone(),
                fingerprint: Bytes::copy_from_slice(fingerprint),
                snapshot: *snapshot,
                lake: *lake,
                transaction: transaction.map(|id| Bytes::copy_from_slice(id.as_bytes())),
            }),
            Self::Prepared {
                run,
                handle,
                fingerprint,
            } => Body::Prepared(wire::PreparedTicket {
                run: Bytes::copy_from_slice(run.as_bytes()),
                handle: handle.clone(),
                fingerprint: Bytes::copy_from_slice(fingerprint),
            }),
            Self::Outcome { rows } => Body::Outcome(wire::OutcomeTicket { rows: *rows }),
            Self::Metadata { command } => Body::Metadata(wire::MetadataTicket {
                command: command.clone(),
            }),
            Self::Kept {
                statement,
                part,
                parts,
                fingerprint,
            } => Body::Kept(wire::KeptTicket {
                statement: Bytes::copy_from_slice(statement.as_bytes()),
                part: *part,
                parts: *parts,
                fingerprint: Bytes::copy_from_slice(fingerprint),
            }),
        }
    }

    fn decode(body: Body) -> Result<Self> {
        Ok(match body {
            Body::Query(query) => Self::Query {
                statement: StatementId::decode(&query.statement)?,
                query: query.query,
                parameters: query.parameters,
                fingerprint: fingerprint(&query.fingerprint)?,
                snapshot: query.snapshot,
                lake: query.lake,
                transaction: match query.transaction {
                    Some(id) => Some(TransactionId::decode(&id)?),
                    None => None,
                },
            },
            Body::Prepared(prepared) => Self::Prepared {
                run: StatementId::decode(&prepared.run)?,
                handle: prepared.handle,
                fingerprint: fingerprint(&prepared.fingerprint)?,
            },
            Body::Outcome(outcome) => Self::Outcome { rows: outcome.rows },
            Body::Metadata(metadata) => Self::Metadata {
                command: metadata.command,
            },
            Body::Kept(kept) if kept.part >= kept.parts => {
                return Err(Error::malformed(WHAT, "a part that does not exist"));
            }
            Body::Kept(kept) => Self::Kept {
                statement: StatementId::decode(&kept.statement)?,
                part: kept.part,
                parts: kept.parts,
                fingerprint: fingerprint(&kept.fingerprint)?,
            },
        })
    }
}

fn fingerprint(bytes: &[u8]) -> Result<[u8; 32]> {
    let without = |_| Error::malformed(WHAT, "fingerprint without 32 bytes");
    bytes.try_into().map_err(without)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const EXPIRY: Duration = Duration::from_millis(1_800_000_000_123);

    fn sealer() -> Sealer {
        Sealer::new(&[7; 32])
    }

    fn ticket(body: TicketBody) -> Ticket {
        Ticket {
            user: "ann".to_owned(),
            expires_at: UNIX_EPOCH + EXPIRY,
            format: WireFormat::default(),
            body,
        }
    }

    fn query(parameters: Option<Bytes>) -> TicketBody {
        TicketBody::Query {
            statement: StatementId::random(),
            query: "SELECT 1".to_owned(),
            parameters,
            fingerprint: rand::random(),
            snapshot: u64::MAX,
            lake: None,
            transaction: None,
        }
    }

    fn durable(transaction: Option<TransactionId>) -> TicketBody {
        TicketBody::Query {
            statement: StatementId::random(),
            query: "SELECT 1 FROM t".to_owned(),
            parameters: None,
            fingerprint: rand::random(),
            snapshot: 0,
            lake: Some(i64::MAX),
            transaction,
        }
    }

    fn kept(part: u32, parts: u32) -> TicketBody {
        TicketBody::Kept {
            statement: StatementId::random(),
            part,
            parts,
            fingerprint: rand::random(),
        }
    }

    fn open_message(message: &wire::Ticket) -> Result<Ticket> {
        let sealed = sealer().seal(Purpose::Ticket, &message.encode_to_vec());
        Ticket::open(&sealer(), &sealed, UNIX_EPOCH)
    }

    #[test]
    fn every_body_survives_the_wire() {
        let command = Bytes::from_static(b"\x00command");
        for body in [
            query(None),
            query(Some(Bytes::new())),
            query(Some(Bytes::from_static(b"rows"))),
            durable(None),
            durable(Some(TransactionId::random())),
            TicketBody::Outcome { rows: -1 },
            TicketBody::Outcome { rows: i64::MAX },
            TicketBody::Metadata { command },
            kept(0, 1),
            kept(63, 64),
            TicketBody::Prepared {
                run: StatementId::random(),
                handle: Bytes::from_static(b"handle"),
                fingerprint: rand::random(),
            },
        ] {
            let ticket = ticket(body);
            let sealed = ticket.seal(&sealer());
            assert_eq!(Ticket::open(&sealer(), &sealed, UNIX_EPOCH), Ok(ticket));
        }
    }

    #[test]
    fn every_format_survives_the_wire() {
        use godwit_config::{WireCompression as C, WireProfile as P};
        for profile in [P::Compat, P::Native, P::Compact] {
            for compression in [C::None, C::Lz4, C::Zstd] {
                let mut ticket = ticket(query(None));
                ticket.format.profile = profile;
                ticket.format.compression = compression;
                let sealed = ticket.seal(&sealer());
                assert_eq!(Ticket::open(&sealer(), &sealed, UNIX_EPOCH), Ok(ticket));
            }
        }
    }

    #[test]
    fn a_format_of_a_later_version_is_malformed() {
        for (profile, compression) in [(3, 0), (0, 3), (-1, 0)] {
            let opened = open_message(&wire::Ticket {
                user: "ann".to_owned(),
                expires_at_ms: 1,
                body: Some(query(None).encode()),
                format: Some(wire::WireFormat {
                    profile,
                    compression,
                    ..wire::WireFormat::default()
                }),
            });
            assert!(matches!(opened, Err(Error::Malformed { .. })), "{opened:?}");
        }
    }

    #[test]
    fn a_ticket_expires_on_the_millisecond() {
        let sealed = ticket(TicketBody::Outcome { rows: 1 }).seal(&sealer());
        let open_at = |since| Ticket::open(&sealer(), &sealed, UNIX_EPOCH + since);
        assert!(open_at(EXPIRY - Duration::from_millis(1)).is_ok());
        assert_eq!(open_at(EXPIRY), Err(Error::Expired { what: "ticket" }));
    }

    #[test]
    fn times_that_the_wire_cannot_hold_are_expired() {
        let mut early = ticket(TicketBody::Outcome { rows: 1 });
        early.expires_at = UNIX_EPOCH - Duration::from_secs(1);
        let opened = Ticket::open(&sealer(), &early.seal(&sealer()), UNIX_EPOCH);
        assert_eq!(opened, Err(Error::Expired { what: "ticket" }));
    }

    #[test]
    fn genuine_bytes_that_are_no_ticket_are_malformed() {
        let good = wire::Ticket {
            user: "ann".to_owned(),
            expires_at_ms: 1,
            body: Some(query(None).encode()),
            format: None,
        };
        assert!(open_message(&good).is_ok());
        let odd_transaction = Body::Query(wire::QueryTicket {
            statement: vec![0; 16].into(),
            fingerprint: vec![0; 32].into(),
            transaction: Some(vec![0; 15].into()),
            ..wire::QueryTicket::default()
        });
        let short = |statement: usize, fingerprint: usize| {
            Some(Body::Query(wire::QueryTicket {
                statement: vec![0; statement].into(),
                fingerprint: vec![0; fingerprint].into(),
                ..wire::QueryTicket::default()
            }))
        };
        for body in [
            None,
            short(15, 32),
            short(17, 32),
            short(16, 31),
            short(16, 33),
            Some(odd_transaction),
            Some(kept(0, 0).encode()),
            Some(kept(4, 4).encode()),
        ] {
            let ticket = wire::Ticket {
                body,
                ..good.clone()
            };
            let opened = open_message(&ticket);
            assert!(matches!(opened, Err(Error::Malformed { .. })), "{opened:?}");
        }
        let garbage = sealer().seal(Purpose::Ticket, b"\xff");
        let opened = Ticket::open(&sealer(), &garbage, UNIX_EPOCH);
        assert!(matches!(opened, Err(Error::Malformed { .. })));
    }

    #[test]
    fn an_expiry_at_the_end_of_time_does_not_overflow() {
        let ticket = wire::Ticket {
            user: String::new(),
            expires_at_ms: u64::MAX,
            body: Some(TicketBody::Outcome { rows: 0 }.encode()),
            format: None,
        };
        assert!(matches!(
            open_message(&ticket),
            Ok(_) | Err(Error::Malformed { .. })
        ));
    }
}
