//! The answers of actions.

use arrow::datatypes::Schema;
use arrow_flight::{
    CancelFlightInfoResult, CancelStatus, FlightEndpoint, IpcMessage, SchemaAsIpc,
    sql::{
        ActionBeginSavepointResult, ActionBeginTransactionResult, ActionCancelQueryResult,
        ActionCreatePreparedStatementResult as PreparedResult, Any, ProstMessageExt,
    },
};
use arrow_ipc::writer::IpcWriteOptions;
use bytes::Bytes;
use prost::Message;

use crate::error::{Error, Result};
use crate::id::{SavepointId, TransactionId};
use crate::messages::ActionCreatePreparedStatementResult;
use crate::packed::pack;

/// The answer to [`super::Action::CreatePrepared`]. Without a `dataset_schema` the statement returns no rows, which clients
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

/// The answer to [`super::Action::BeginTransaction`].
#[must_use]
pub fn transaction_result(transaction: TransactionId) -> Bytes {
    pack(&ActionBeginTransactionResult {
        transaction_id: Bytes::copy_from_slice(transaction.as_bytes()),
    })
}

/// The answer to [`super::Action::BeginSavepoint`].
#[must_use]
pub fn savepoint_result(savepoint: SavepointId) -> Bytes {
    pack(&ActionBeginSavepointResult {
        savepoint_id: savepoint.encode(),
    })
}

/// The answer to [`super::Action::CancelFlightInfo`].
#[must_use]
pub fn cancel_result(status: CancelStatus) -> Bytes {
    let result = CancelFlightInfoResult {
        status: status.into(),
    };
    result.encode_to_vec().into()
}

/// The answer to [`super::Action::CancelQuery`]; its numbers are those of [`CancelStatus`].
#[must_use]
pub fn cancel_query_result(status: CancelStatus) -> Bytes {
    pack(&ActionCancelQueryResult {
        result: status.into(),
    })
}

/// The answer to [`super::Action::RenewFlightEndpoint`]: the endpoint with its new ticket.
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
