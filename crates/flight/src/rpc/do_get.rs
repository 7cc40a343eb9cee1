use std::pin::Pin;
use std::task::{Context, Poll};

use arrow::array::RecordBatch;
use arrow_flight::{FlightData, Ticket as FlightTicket};
use futures::{Stream, StreamExt};
use godwit_auth::Intent;
use godwit_engine::{Engine, QueryStream, Session, Statement, StatementKind};
use godwit_protocol::ticket::TicketBody;
use godwit_protocol::{Command, StatementId};
use tokio_util::sync::WaitForCancellationFutureOwned;

use super::{misplaced, no_transaction};
use crate::call::Call;
use crate::encode::{Messages, Profile, one_batch};
use crate::running::Sending;
use crate::service::{Answers, answers};
use crate::status::QueryId;
use crate::tickets::{fingerprint, is_sealed};
use crate::{Error, Flight, Result, metadata};

/// The rows that a ticket stands for.
///
/// Besides the tickets of a FlightInfo it takes any command, SQL text included, in their place: the rows then come in
/// one round trip. Dropping the answer ends the query.
///
/// # Errors
/// A ticket that is forged or truncated is an INVALID_ARGUMENT, another user's PERMISSION_DENIED, an expired one
/// NOT_FOUND; else whatever is wrong with the statement.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    ticket: FlightTicket,
) -> Result<Answers<FlightData>> {
    if !is_sealed(&ticket.ticket) {
        let command = Command::decode(&ticket.ticket)?;
        return command_rows(flight, call, command).await;
    }
    match call.ticket(flight, &ticket.ticket)?.body {
        TicketBody::Outcome { rows } => Ok(batch(flight, call, metadata::outcome::rows(rows)?)),
        TicketBody::Metadata { command } => {
            command_rows(flight, call, Command::decode(&command)?).await
        }
        TicketBody::Query {
            statement,
            query,
            parameters,
            fingerprint: promised,
            snapshot: _,
        } => {
            let session = call.session(flight)?;
            let permit = call.permit(flight, Intent::Query)?;
            let engine = &flight.engine;
            let parameters = parameters.as_deref();
            let statement = engine
                .resume(&session, &permit, statement, &query, parameters)
                .await?;
            if fingerprint(&Profile::Compat.wire_schema(&statement.schema)) != promised {
                return Err(Error::SchemaChanged);
            }
            query_rows(flight, call, &session, &statement).await
        }
        TicketBody::Kept {
            statement,
            part,
            fingerprint: promised,
            ..
        } => {
            let permit = call.permit(flight, Intent::Query)?;
            let rows = flight.engine.read_kept(&permit, statement, part)?;
            if fingerprint(&Profile::Compat.wire_schema(&rows.schema())) != promised {
                return Err(Error::SchemaChanged);
            }
            Ok(sent(flight, statement, rows))
        }
    }
}

async fn command_rows(
    flight: &Flight,
    call: &Call,
    command: Command,
) -> Result<Answers<FlightData>> {
    match command {
        Command::Statement { query, transaction } => {
            no_transaction(transaction.as_ref())?;
            let session = call.session(flight)?;
            let permit = call.permit(flight, Intent::Query)?;
            let statement = flight.engine.describe(&session, &permit, &query).await?;
            if statement.kind == StatementKind::Query {
                return query_rows(flight, call, &session, &statement).await;
            }
            let permit = call.permit(flight, Intent::Update)?;
            let outcome = flight.engine.execute(&session, &permit, &statement).await?;
            Ok(batch(flight, call, metadata::outcome::rows(outcome.rows)?))
        }
        Command::Prepared { handle } => prepared_rows(flight, call, &handle).await,
        command
        @ (Command::Update { .. } | Command::PreparedUpdate { .. } | Command::Ingest(_)) => {
            Err(misplaced(command.name(), "DoGet"))
        }
        command => Ok(batch(
            flight,
            call,
            metadata::rows(flight, call, &command).await?,
        )),
    }
}

async fn prepared_rows(flight: &Flight, call: &Call, handle: &[u8]) -> Result<Answers<FlightData>> {
    let (session, handle) = call.prepared(flight, handle)?;
    let id = handle.statement;
    let permit = call.permit(flight, Intent::Query)?;
    if flight.engine.prepared(&session, &permit, id)?.kind == StatementKind::Query {
        let statement = flight.engine.instantiate(&session, &permit, id).await?;
        return query_rows(flight, call, &session, &statement).await;
    }
    let permit = call.permit(flight, Intent::Update)?;
    let outcome = flight
        .engine
        .execute_prepared(&session, &permit, id)
        .await?;
    Ok(batch(flight, call, metadata::outcome::rows(outcome.rows)?))
}

/// The rows of a query, until the answer is dropped or somebody cancels it.
pub(super) async fn query_rows(
    flight: &Flight,
    call: &Call,
    session: &std::sync::Arc<Session>,
    statement: &Statement,
) -> Result<Answers<FlightData>> {
    let permit = call.permit(flight, Intent::Query)?;
    let engine: &Engine = &flight.engine;
    let rows = engine.query(session, &permit, statement).await?;
    Ok(sent(flight, statement.id, rows))
}

/// The messages of a statement's rows, until somebody cancels it.
fn sent(flight: &Flight, statement: StatementId, rows: QueryStream) -> Answers<FlightData> {
    let schema = Profile::Compat.wire_schema(&rows.schema());
    let max_rows = rows.max_batch_rows().unwrap_or(usize::MAX);
    let sending = flight.running.enter(statement);
    let rows = Rows {
        rows,
        stop: Box::pin(sending.stop().cancelled_owned()),
        _sending: sending,
    };
    let messages =
        Messages::new(rows, schema, flight.options.message_bytes).with_max_rows(max_rows);
    answers(QueryId::of(statement), messages)
}

fn batch(flight: &Flight, call: &Call, batch: RecordBatch) -> Answers<FlightData> {
    answers(call.id, one_batch(batch, flight.options.message_bytes))
}

/// The rows of a query until somebody cancels it.
struct Rows {
    rows: QueryStream,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    _sending: Sending,
}

impl Stream for Rows {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(godwit_engine::Error::Cancelled.into())));
        }
        let row = self.rows.poll_next_unpin(cx);
        row.map(|batch| batch.map(|batch| batch.map_err(Error::from)))
    }
}
