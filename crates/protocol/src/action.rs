//! Actions: the requests of DoAction and the answers that are not rows.

use arrow_flight::{
    Action as FlightAction,
    sql::{
        ActionBeginSavepointRequest, ActionBeginTransactionRequest, ActionCancelQueryRequest,
        ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
        ActionCreatePreparedSubstraitPlanRequest, ActionEndSavepointRequest,
        ActionEndTransactionRequest, ProstMessageExt,
    },
};
use bytes::Bytes;
use prost::Message;

use crate::{
    error::{Error, Result, check_size, displayed},
    fields::fields,
    messages::{CloseSessionRequest, GetSessionOptionsRequest},
    packed::{Packed, name_of},
    session::{self, OptionChanges},
};

mod answers;
pub use answers::{
    cancel_query_result, cancel_result, prepared_result, renew_result, savepoint_result,
    schema_message, transaction_result,
};

#[cfg(test)]
mod tests;

/// Largest body of an action, in bytes, except for those that carry SQL text, a handle or tickets; those are limited
/// by what reads them. Decoded, a body of many tiny parts needs a multiple of its size.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Most tickets that one action may name.
pub const MAX_TICKETS: usize = 1000;

/// Longest id that an action names, in bytes.
const MAX_ID_BYTES: usize = 256;

/// Every action type and what it does, for ListActions.
pub const TYPES: [(&str, &str); 15] = [
    ("CreatePreparedStatement", "Prepare a statement."),
    ("ClosePreparedStatement", "Close a prepared statement."),
    (
        "CreatePreparedSubstraitPlan",
        "Prepare a Substrait plan (not served).",
    ),
    ("BeginTransaction", "Begin a transaction."),
    ("EndTransaction", "Commit or roll back a transaction."),
    ("BeginSavepoint", "Mark a point within a transaction."),
    ("EndSavepoint", "Release a savepoint or roll back to it."),
    (
        "CancelQuery",
        "Cancel a query (older form of CancelFlightInfo).",
    ),
    ("CancelFlightInfo", "Cancel what a FlightInfo stands for."),
    (
        "RenewFlightEndpoint",
        "Extend the life of an endpoint's ticket.",
    ),
    ("SetSessionOptions", "Set options of this session."),
    ("GetSessionOptions", "List the options of this session."),
    ("CloseSession", "Close this session."),
    (
        "KillQuery",
        "End a statement that runs; the body is its id, as text.",
    ),
    (
        "KillSession",
        "End a session and all that runs in it; the body is its id, as text.",
    ),
];

/// What a client asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Prepare a statement.
    CreatePrepared {
        /// The SQL text.
        query: String,
        /// The transaction it belongs to.
        transaction: Option<Bytes>,
    },
    /// Close a prepared statement.
    ClosePrepared {
        /// The sealed handle.
        handle: Bytes,
    },
    /// Prepare a Substrait plan: known, not served.
    CreatePreparedSubstraitPlan,
    /// Begin a transaction. The answer is [`transaction_result`].
    BeginTransaction,
    /// End a transaction.
    EndTransaction {
        /// The transaction.
        transaction: Bytes,
        /// How.
        how: EndTransaction,
    },
    /// Mark a point within a transaction. The answer is [`savepoint_result`].
    BeginSavepoint {
        /// The transaction.
        transaction: Bytes,
        /// The savepoint's name.
        name: String,
    },
    /// Release a savepoint or roll back to it.
    EndSavepoint {
        /// The savepoint.
        savepoint: Bytes,
        /// How.
        how: EndSavepoint,
    },
    /// Cancel what a FlightInfo stands for. The answer is [`cancel_result`].
    CancelFlightInfo {
        /// The tickets of its endpoints.
        tickets: Vec<Bytes>,
        /// The command of its descriptor: the handle of a query that is polled, or anything else.
        command: Option<Bytes>,
    },
    /// The same in its older form. The answer is [`cancel_query_result`].
    CancelQuery {
        /// The tickets of the FlightInfo's endpoints.
        tickets: Vec<Bytes>,
        /// The command of its descriptor.
        command: Option<Bytes>,
    },
    /// Extend the life of an endpoint. The answer is [`renew_result`].
    RenewFlightEndpoint {
        /// Its ticket.
        ticket: Bytes,
    },
    /// Set session options. The answer is [`session::encode_set_result`].
    SetSessionOptions(OptionChanges),
    /// List session options. The answer is [`session::encode_get_result`].
    GetSessionOptions,
    /// Close the session. The answer is [`session::encode_close_result`].
    CloseSession,
    /// End a statement, by its id; the answer is empty. Not of the standard, as the next one.
    KillQuery(String),
    /// End a session, by its id; the answer is empty.
    KillSession(String),
}

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndTransaction {
    /// Make its changes durable and visible.
    Commit,
    /// Discard its changes.
    Rollback,
}

/// How a savepoint ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndSavepoint {
    /// Forget the mark.
    Release,
    /// Discard the changes since the mark.
    Rollback,
}

impl Action {
    /// Reads an action. Flight SQL's own are packed in an `Any`, those of Flight are bare messages.
    ///
    /// # Errors
    /// [`Error::UnknownAction`] for a type not in [`TYPES`]; [`Error::Malformed`] when the body does not fit the type;
    /// [`Error::TooLarge`] above [`MAX_BODY_BYTES`] or [`MAX_TICKETS`].
    pub fn decode(action: &FlightAction) -> Result<Self> {
        let body = &action.body;
        Ok(match action.r#type.as_str() {
            "CreatePreparedStatement" => {
                let request: ActionCreatePreparedStatementRequest = unpack(body)?;
                Self::CreatePrepared {
                    query: request.query,
                    transaction: request.transaction_id,
                }
            }
            "ClosePreparedStatement" => Self::ClosePrepared {
                handle: unpack::<ActionClosePreparedStatementRequest>(body)?
                    .prepared_statement_handle,
            },
            "CreatePreparedSubstraitPlan" => {
                let _: ActionCreatePreparedSubstraitPlanRequest = unpack(body)?;
                Self::CreatePreparedSubstraitPlan
            }
            "BeginTransaction" => {
                let _: ActionBeginTransactionRequest = unpack(body)?;
                Self::BeginTransaction
            }
            "EndTransaction" => Self::end_transaction(unpack(body)?)?,
            "BeginSavepoint" => {
                let request: ActionBeginSavepointRequest = unpack(body)?;
                Self::BeginSavepoint {
                    transaction: request.transaction_id,
                    name: request.name,
                }
            }
            "EndSavepoint" => Self::end_savepoint(unpack(body)?)?,
            "CancelQuery" => {
                let info = unpack::<ActionCancelQueryRequest>(body)?.info;
                Self::CancelQuery {
                    tickets: tickets_of_info(&info)?,
                    command: command_of_info(&info)?,
                }
            }
            "CancelFlightInfo" => {
                let info = last_field("CancelFlightInfo request", body, 1)?;
                Self::CancelFlightInfo {
                    tickets: tickets_of_info(&info)?,
                    command: command_of_info(&info)?,
                }
            }
            "RenewFlightEndpoint" => {
                let what = "RenewFlightEndpoint request";
                let endpoint = last_field(what, body, 1)?;
                Self::RenewFlightEndpoint {
                    ticket: ticket_of_endpoint(what, &endpoint)?,
                }
            }
            "SetSessionOptions" => Self::SetSessionOptions(session::decode_set(body)?),
            "GetSessionOptions" => {
                bare::<GetSessionOptionsRequest>("GetSessionOptions request", body)
                    .map(|_| Self::GetSessionOptions)?
            }
            "CloseSession" => bare::<CloseSessionRequest>("CloseSession request", body)
                .map(|_| Self::CloseSession)?,
            "KillQuery" => Self::KillQuery(text("KillQuery request", body)?),
            "KillSession" => Self::KillSession(text("KillSession request", body)?),
            unknown => {
                return Err(Error::UnknownAction {
                    name: displayed(unknown),
                });
            }
        })
    }
}

impl Action {
    fn end_transaction(request: ActionEndTransactionRequest) -> Result<Self> {
        let how = match request.action {
            1 => EndTransaction::Commit,
            2 => EndTransaction::Rollback,
            _ => {
                return Err(Error::malformed(
                    "EndTransaction request",
                    "neither commit nor rollback",
                ));
            }
        };
        Ok(Self::EndTransaction {
            transaction: request.transaction_id,
            how,
        })
    }

    fn end_savepoint(request: ActionEndSavepointRequest) -> Result<Self> {
        let how = match request.action {
            1 => EndSavepoint::Release,
            2 => EndSavepoint::Rollback,
            _ => {
                return Err(Error::malformed(
                    "EndSavepoint request",
                    "neither release nor rollback",
                ));
            }
        };
        Ok(Self::EndSavepoint {
            savepoint: request.savepoint_id,
            how,
        })
    }
}

fn unpack<M: ProstMessageExt>(body: &[u8]) -> Result<M> {
    let what = name_of::<M>();
    match Packed::decode(body) {
        Some(packed) if packed.type_url() == M::type_url() => packed.read(),
        Some(packed) => {
            let found = displayed(packed.type_url());
            Err(Error::malformed(
                what,
                format_args!("the body is a {found}"),
            ))
        }
        None => Err(Error::malformed(what, "the body is no packed message")),
    }
}

/// A short text: an id.
fn text(what: &'static str, body: &[u8]) -> Result<String> {
    check_size(what, body.len(), MAX_ID_BYTES)?;
    match std::str::from_utf8(body) {
        Ok("") => Err(Error::malformed(what, "the body is empty")),
        Ok(text) => Ok(text.to_owned()),
        Err(error) => Err(Error::malformed(what, error)),
    }
}

fn bare<M: Message + Default>(what: &'static str, body: &Bytes) -> Result<M> {
    check_size(what, body.len(), MAX_BODY_BYTES)?;
    M::decode(body.clone()).map_err(|e| Error::malformed(what, e))
}

/// The field `tag` of a bare message.
fn last_field(what: &'static str, message: &Bytes, tag: u32) -> Result<Bytes> {
    find_field(what, message, tag)?
        .ok_or_else(|| Error::malformed(what, format_args!("without field {tag}")))
}

/// The field `tag` of a bare message, if it has one; the last one counts, as everywhere in protobuf.
fn find_field(what: &'static str, message: &Bytes, tag: u32) -> Result<Option<Bytes>> {
    let mut last = None;
    for value in fields(message.clone(), tag) {
        last = Some(value.map_err(|e| Error::malformed(what, e))?);
    }
    Ok(last)
}

/// The command in the descriptor of a FlightInfo.
fn command_of_info(info: &Bytes) -> Result<Option<Bytes>> {
    const WHAT: &str = "FlightInfo";
    match find_field(WHAT, info, 2)? {
        Some(descriptor) => find_field(WHAT, &descriptor, 2),
        None => Ok(None),
    }
}

fn ticket_of_endpoint(what: &'static str, endpoint: &Bytes) -> Result<Bytes> {
    last_field(what, &last_field(what, endpoint, 1)?, 1)
}

fn tickets_of_info(info: &Bytes) -> Result<Vec<Bytes>> {
    const WHAT: &str = "FlightInfo";
    let mut tickets = Vec::new();
    for endpoint in fields(info.clone(), 3) {
        check_size("list of endpoints", tickets.len() + 1, MAX_TICKETS)?;
        let endpoint = endpoint.map_err(|e| Error::malformed(WHAT, e))?;
        tickets.push(ticket_of_endpoint(WHAT, &endpoint)?);
    }
    Ok(tickets)
}
