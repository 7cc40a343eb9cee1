use std::time::Duration;

use arrow_flight::{FlightData, PutResult};
use bytes::Bytes;
use futures::{StreamExt, stream};
use godwit_auth::Intent;
use godwit_engine::StatementKind;
use godwit_protocol::put::{bind_result, update_result};
use godwit_protocol::{Command, Descriptor};

use super::{misplaced, opening};
use crate::call::Call;
use crate::incoming::Incoming;
use crate::service::{Answers, answers};
use crate::{Error, Flight, Result, upload};

mod ingest;

/// How long an answered call waits for its client to end its own side.
const LINGER: Duration = Duration::from_millis(500);

/// Runs an update, binds parameters, or both, or stores rows, by the descriptor of the first message.
///
/// # Errors
/// Whatever is wrong with the descriptor, the statement or the rows.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    mut messages: Incoming,
) -> Result<Answers<PutResult>> {
    let (first, descriptor) = opening(&mut messages, "DoPut").await?;
    let command = match descriptor {
        Descriptor::Path(path) => return ingest::append(flight, call, path, first, messages).await,
        Descriptor::Command(command) => command,
    };
    match command {
        Command::Update { query, transaction } => {
            let rows = update(flight, call, &query, transaction.as_ref()).await?;
            Ok(early(call, update_result(rows), messages))
        }
        Command::Prepared { handle } => {
            bind(flight, call, &handle, first, messages).await?;
            // The same handle: some clients take the new one unseen, others keep the old one.
            Ok(answers(call.id, stream::iter([Ok(bind_result(handle))])))
        }
        Command::PreparedUpdate { handle } => {
            let rows = prepared_update(flight, call, &handle, first, messages).await?;
            Ok(answers(call.id, stream::iter([Ok(update_result(rows))])))
        }
        Command::Ingest(command) => {
            let rows = ingest::ingest(flight, call, command, first, messages).await?;
            Ok(answers(call.id, stream::iter([Ok(update_result(rows))])))
        }
        Command::Unsupported { name } => Err(crate::metadata::unsupported(name)),
        command => Err(misplaced(command.name(), "DoPut")),
    }
}

/// The answer goes out before the client has ended its own stream: some clients (C++, flightsql-dbapi) wait for it
/// first. Then the call stays open until they do end it, but not for long: others (arrow-java's `executeUpdate`) wait
/// for the end of the call first.
fn early(call: &Call, result: PutResult, messages: Incoming) -> Answers<PutResult> {
    let rest = messages.filter_map(async |_| None);
    let rest = rest.take_until(tokio::time::sleep(LINGER));
    answers(call.id, stream::iter([Ok(result)]).chain(rest))
}

async fn update(
    flight: &Flight,
    call: &Call,
    sql: &str,
    transaction: Option<&Bytes>,
) -> Result<i64> {
    let permit = call.permit(flight, Intent::Update)?;
    let session = call.session_in(flight, &permit, transaction)?;
    let statement = flight.engine.describe(&session, &permit, sql).await?;
    if statement.kind == StatementKind::Query {
        return Err(returns_rows());
    }
    Ok(flight
        .engine
        .execute(&session, &permit, &statement)
        .await?
        .rows)
}

async fn bind(
    flight: &Flight,
    call: &Call,
    handle: &[u8],
    first: FlightData,
    messages: Incoming,
) -> Result<()> {
    let (session, handle) = call.prepared(flight, handle)?;
    let permit = call.permit(flight, Intent::Prepare)?;
    let limit = flight.options.max_request_bytes;
    let rows = upload::parameters(first, messages, limit).await?;
    Ok(flight
        .engine
        .bind(&session, &permit, handle.statement, rows)?)
}

async fn prepared_update(
    flight: &Flight,
    call: &Call,
    handle: &[u8],
    first: FlightData,
    messages: Incoming,
) -> Result<i64> {
    let (session, handle) = call.prepared(flight, handle)?;
    let id = handle.statement;
    let permit = call.permit(flight, Intent::Update)?;
    if flight.engine.prepared(&session, &permit, id)?.kind == StatementKind::Query {
        return Err(returns_rows());
    }
    let limit = flight.options.max_request_bytes;
    let rows = upload::parameters(first, messages, limit).await?;
    // No batch, or batches without columns, is how clients say "no parameters": run once.
    if rows.iter().any(|batch| batch.num_columns() > 0) {
        flight.engine.bind(&session, &permit, id, rows)?;
    }
    Ok(flight
        .engine
        .execute_prepared(&session, &permit, id)
        .await?
        .rows)
}

fn returns_rows() -> Error {
    let text = "this statement returns rows; run it as a query, with GetFlightInfo and DoGet";
    Error::Invalid(text.to_owned())
}
