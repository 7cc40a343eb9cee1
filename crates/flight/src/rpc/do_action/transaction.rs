use bytes::Bytes;
use godwit_auth::Intent;
use godwit_protocol::action::{EndSavepoint, EndTransaction, savepoint_result, transaction_result};
use godwit_protocol::{SavepointId, TransactionId};

use crate::call::Call;
use crate::{Flight, Result};

/// Begins a transaction. Whoever may only read may begin one too: each statement in it is authorized.
pub(super) fn begin(flight: &Flight, call: &Call) -> Result<Bytes> {
    let permit = call.permit(flight, Intent::Query)?;
    let session = call.session(flight)?;
    let id = flight.engine.begin_transaction(&session, &permit)?;
    Ok(transaction_result(id))
}

/// Commits a transaction, or rolls it back.
pub(super) async fn end(
    flight: &Flight,
    call: &Call,
    transaction: &[u8],
    how: EndTransaction,
) -> Result<()> {
    let permit = call.permit(flight, Intent::Query)?;
    let session = call.session(flight)?;
    let id = TransactionId::decode(transaction)?;
    let engine = &flight.engine;
    Ok(engine.end_transaction(&session, &permit, id, how).await?)
}

/// Marks a point within a transaction.
pub(super) async fn mark(
    flight: &Flight,
    call: &Call,
    transaction: &[u8],
    name: &str,
) -> Result<Bytes> {
    let permit = call.permit(flight, Intent::Query)?;
    let session = call.session(flight)?;
    let id = TransactionId::decode(transaction)?;
    let engine = &flight.engine;
    let savepoint = engine.begin_savepoint(&session, &permit, id, name).await?;
    Ok(savepoint_result(savepoint))
}

/// Forgets such a mark, or goes back to it.
pub(super) async fn end_mark(
    flight: &Flight,
    call: &Call,
    savepoint: &[u8],
    how: EndSavepoint,
) -> Result<()> {
    let permit = call.permit(flight, Intent::Query)?;
    let session = call.session(flight)?;
    let id = SavepointId::decode(savepoint)?;
    let engine = &flight.engine;
    Ok(engine.end_savepoint(&session, &permit, id, how).await?)
}
