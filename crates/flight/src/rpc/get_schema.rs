use arrow::datatypes::SchemaRef;
use arrow_flight::{FlightDescriptor, SchemaResult};
use bytes::Bytes;
use godwit_auth::Intent;
use godwit_engine::StatementKind;
use godwit_protocol::action::schema_message;
use godwit_protocol::{Command, Descriptor};

use super::{misplaced, select_all};
use crate::call::Call;
use crate::encode::WireSchema;
use crate::{Flight, Result, metadata};

/// The schema that GetFlightInfo names for the same descriptor. The statement is not run.
///
/// # Errors
/// Whatever is wrong with the descriptor or the statement.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
) -> Result<SchemaResult> {
    let schema = match Descriptor::decode(&descriptor)? {
        Descriptor::Path(path) => statement(flight, call, &select_all(&path), None).await?,
        Descriptor::Command(Command::Statement { query, transaction }) => {
            statement(flight, call, &query, transaction.as_ref()).await?
        }
        Descriptor::Command(Command::Prepared { handle }) => {
            prepared(flight, call, &handle).await?
        }
        Descriptor::Command(
            command
            @ (Command::Update { .. } | Command::PreparedUpdate { .. } | Command::Ingest(_)),
        ) => return Err(misplaced(command.name(), "GetSchema")),
        Descriptor::Command(command) => {
            call.permit(flight, Intent::Metadata)?;
            metadata::schema(&command)?
        }
    };
    Ok(SchemaResult {
        schema: schema_message(&schema)?,
    })
}

async fn statement(
    flight: &Flight,
    call: &Call,
    sql: &str,
    transaction: Option<&Bytes>,
) -> Result<SchemaRef> {
    let permit = call.permit(flight, Intent::Query)?;
    let session = call.session_in(flight, &permit, transaction)?;
    let statement = flight.engine.describe(&session, &permit, sql).await?;
    let format = call.format_of(flight, &session, &statement).await?;
    let schema = WireSchema::of(&statement.schema, &format);
    Ok(SchemaRef::clone(schema.schema()))
}

async fn prepared(flight: &Flight, call: &Call, handle: &[u8]) -> Result<SchemaRef> {
    let (session, handle) = call.prepared(flight, handle)?;
    let permit = call.permit(flight, Intent::Query)?;
    let prepared = flight
        .engine
        .prepared(&session, &permit, handle.statement)?;
    Ok(match prepared.kind {
        StatementKind::Effect if !prepared.returns_rows() => metadata::outcome::schema(),
        StatementKind::Query | StatementKind::Effect => {
            let id = handle.statement;
            let format = call.format_of_prepared(flight, &session, id).await?;
            let schema = WireSchema::of(&prepared.dataset_schema, &format);
            SchemaRef::clone(schema.schema())
        }
    })
}
