//! Actions: the requests of DoAction and the answers that are not rows.

use arrow::datatypes::Schema;
use arrow_flight::{
    Action as FlightAction, CancelFlightInfoResult, CancelStatus, FlightEndpoint, IpcMessage,
    SchemaAsIpc,
    sql::{
        ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionBeginTransactionRequest,
        ActionBeginTransactionResult, ActionCancelQueryRequest, ActionCancelQueryResult,
        ActionClosePreparedStatementRequest, ActionCreatePreparedStatementRequest,
        ActionCreatePreparedStatementResult as PreparedResult,
        ActionCreatePreparedSubstraitPlanRequest, ActionEndSavepointRequest,
        ActionEndTransactionRequest, Any, ProstMessageExt,
    },
};
use arrow_ipc::writer::IpcWriteOptions;
use bytes::Bytes;
use prost::Message;

use crate::{
    error::{Error, Result, check_size, displayed},
    fields::fields,
    id::{SavepointId, TransactionId},
    messages::{
        ActionCreatePreparedStatementResult, CloseSessionRequest, GetSessionOptionsRequest,
    },
    packed::{Packed, name_of, pack},
    session::{self, OptionChanges},
};

#[cfg(test)]
mod tests;

/// Largest body of an action, in bytes, except for those that carry SQL text, a handle or tickets; those are limited
/// by what reads them. Decoded, a body of many tiny parts needs a multiple of its size.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// Most tickets that one action may name.
pub const MAX_TICKETS: usize = 1000;

/// Every action type and what it does, for ListActions.
pub const TYPES: [(&str, &str); 13] = [
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
            unknown => {
                return Err(Error::UnknownAction {
                    name: displayed(unknown),
                });
            }
        })
    }
}

/// The answer to [`Action::CreatePrepared`]. Without a `dataset_schema` the statement returns no rows, which clients
/// are told by a schema without fields; both schemas are always sent, since some clients read them unchecked.
///
/// # Errors
/// [`Error::Encode`] when a schema has no IPC form.
pub fn prepared_result(
    handle: Bytes,
    dataset_schema: Option<&Schema>,
    parameter_schema: &Schema,
    is_update: bool,
) -> Result<Bytes> {
    let result = ActionCreatePreparedStatementResult {
        prepared_statement_handle: handle,
        dataset_schema: schema_message(dataset_schema.unwrap_or(&Schema::empty()))?,
        parameter_schema: schema_message(parameter_schema)?,
        is_update: Some(is_update),
    };
    let any = Any {
        type_url: PreparedResult::type_url().to_owned(),
        value: result.encode_to_vec().into(),
    };
    Ok(any.encode_to_vec().into())
}

/// The answer to [`Action::BeginTransaction`].
#[must_use]
pub fn transaction_result(transaction: TransactionId) -> Bytes {
    pack(&ActionBeginTransactionResult {
        transaction_id: Bytes::copy_from_slice(transaction.as_bytes()),
    })
}

/// The answer to [`Action::BeginSavepoint`].
#[must_use]
pub fn savepoint_result(savepoint: SavepointId) -> Bytes {
    pack(&ActionBeginSavepointResult {
        savepoint_id: savepoint.encode(),
    })
}

/// The answer to [`Action::CancelFlightInfo`].
#[must_use]
pub fn cancel_result(status: CancelStatus) -> Bytes {
    let result = CancelFlightInfoResult {
        status: status.into(),
    };
    result.encode_to_vec().into()
}

/// The answer to [`Action::CancelQuery`]; its numbers are those of [`CancelStatus`].
#[must_use]
pub fn cancel_query_result(status: CancelStatus) -> Bytes {
    pack(&ActionCancelQueryResult {
        result: status.into(),
    })
}

/// The answer to [`Action::RenewFlightEndpoint`]: the endpoint with its new ticket.
#[must_use]
pub fn renew_result(endpoint: &FlightEndpoint) -> Bytes {
    endpoint.encode_to_vec().into()
}

/// A schema as an encapsulated IPC message.
///
/// # Errors
/// [`Error::Encode`] when it has no IPC form.
pub fn schema_message(schema: &Schema) -> Result<Bytes> {
    IpcMessage::try_from(SchemaAsIpc::new(schema, &IpcWriteOptions::default()))
        .map(|IpcMessage(bytes)| bytes)
        .map_err(|e| Error::Encode {
            what: "schema",
            why: e.to_string(),
        })
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
