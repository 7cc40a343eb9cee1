use bytes::Bytes;
use godwit_auth::Intent;
use godwit_engine::StatementKind;
use godwit_protocol::action::prepared_result;
use godwit_protocol::handle::PreparedHandle;

use crate::call::Call;
use crate::encode::WireSchema;
use crate::{Error, Flight, Result};

/// Prepares a statement. An effect has a dataset schema without fields, which is how older clients tell it from a
/// query; parameters are all nullable, else clients refuse to bind null.
///
/// A statement that is prepared in a transaction belongs to it.
pub(super) async fn create(
    flight: &Flight,
    call: &Call,
    sql: &str,
    transaction: Option<&Bytes>,
) -> Result<Bytes> {
    let permit = call.permit(flight, Intent::Prepare)?;
    let session = call.session_in(flight, &permit, transaction)?;
    let prepared = flight.engine.prepare(&session, &permit, sql).await?;
    let handle = PreparedHandle {
        user: call.user().to_owned(),
        session: session.id(),
        statement: prepared.id,
    };
    let handle = handle.seal(&flight.sealer);
    let format = call.format_of_prepared(flight, &session, prepared.id);
    let format = format.await?;
    let parameters = WireSchema::new(&prepared.parameter_schema, format.profile).nullable();
    // A client that asks for rows asks as it does for a query's.
    let is_update = prepared.kind == StatementKind::Effect && !prepared.returns_rows();
    let rows = (!is_update).then(|| WireSchema::of(&prepared.dataset_schema, &format));
    let rows = rows.as_ref().map(|schema| schema.schema().as_ref());
    Ok(prepared_result(
        handle,
        rows,
        parameters.schema(),
        is_update,
    )?)
}

/// Closes a statement. One that is gone already, with its session or for want of use, is closed.
pub(super) fn close(flight: &Flight, call: &Call, handle: &[u8]) -> Result<()> {
    use godwit_engine::Error::NotFound;
    let (session, handle) = match call.prepared(flight, handle) {
        Err(Error::Engine(NotFound { .. })) => return Ok(()),
        found => found?,
    };
    let permit = call.permit(flight, Intent::Prepare)?;
    match flight
        .engine
        .close_prepared(&session, &permit, handle.statement)
    {
        Err(NotFound { .. }) => Ok(()),
        closed => Ok(closed?),
    }
}
