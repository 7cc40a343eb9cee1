use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow::array::RecordBatch;
use arrow::datatypes::Schema;
use arrow_flight::Ticket as FlightTicket;
use futures::{Stream, StreamExt};
use godwit_auth::Intent;
use godwit_engine::{Engine, Origin, QueryStream, Session, Statement, StatementKind, is_traced};
use godwit_protocol::ticket::TicketBody;
use godwit_protocol::{Command, StatementId, WireFormat};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tracing::Span;

use super::misplaced;
use crate::call::Call;
use crate::encode::{Message, Messages, WireSchema, one_batch};
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
) -> Result<Answers<Message>> {
    if !is_sealed(&ticket.ticket) {
        let command = Command::decode(&ticket.ticket)?;
        return Box::pin(command_rows(flight, call, command)).await;
    }
    let ticket = call.ticket(flight, &ticket.ticket)?;
    let format = ticket.format;
    match ticket.body {
        TicketBody::Outcome { rows } => batch(flight, call, metadata::outcome::rows(rows)?),
        TicketBody::Metadata { command } => {
            Box::pin(command_rows(flight, call, Command::decode(&command)?)).await
        }
        TicketBody::Query {
            statement,
            query,
            parameters,
            fingerprint: promised,
            snapshot: _,
            lake,
            transaction,
        } => {
            let session = call.session(flight)?;
            let permit = call.permit(flight, Intent::Query)?;
            let engine = &flight.engine;
            let text = (query.as_str(), parameters.as_deref());
            let origin = Origin { lake, transaction };
            let statement = engine
                .resume(&session, &permit, statement, text, origin)
                .await?;
            keeps(promised, &statement.schema, &format)?;
            query_rows(flight, call, &session, &statement, &format, statement.id).await
        }
        TicketBody::Prepared {
            run,
            handle,
            fingerprint: promised,
        } => {
            let (session, handle) = call.prepared(flight, &handle)?;
            let permit = call.permit(flight, Intent::Query)?;
            let engine = &flight.engine;
            // What is bound now was bound for this: the next description is not to take it for its own.
            engine.use_bound(&session, &permit, handle.statement)?;
            let statement = engine
                .instantiate(&session, &permit, handle.statement)
                .await?;
            keeps(promised, &statement.schema, &format)?;
            query_rows(flight, call, &session, &statement, &format, run).await
        }
        TicketBody::Kept {
            statement,
            part,
            fingerprint: promised,
            ..
        } => {
            let permit = call.permit(flight, Intent::Query)?;
            let rows = flight.engine.read_kept(&permit, statement, part)?;
            keeps(promised, &rows.schema(), &format)?;
            sent(flight, statement, rows, &format)
        }
    }
}

/// The rows must have the schema that the FlightInfo named.
fn keeps(promised: [u8; 32], schema: &Schema, format: &WireFormat) -> Result<()> {
    let schema = WireSchema::of(schema, format);
    if fingerprint(&schema) == promised {
        Ok(())
    } else {
        Err(Error::SchemaChanged)
    }
}

async fn command_rows(flight: &Flight, call: &Call, command: Command) -> Result<Answers<Message>> {
    match command {
        Command::Statement { query, transaction } => {
            let permit = call.permit(flight, Intent::Query)?;
            let session = call.session_in(flight, &permit, transaction.as_ref())?;
            let statement = flight.engine.describe(&session, &permit, &query).await?;
            if statement.kind == StatementKind::Query {
                let format = call.format_of(flight, &session, &statement).await?;
                return query_rows(flight, call, &session, &statement, &format, statement.id).await;
            }
            let permit = call.permit(flight, Intent::Update)?;
            if statement.returns_rows() {
                let engine = &flight.engine;
                let done = engine.execute_returning(&session, &permit, &statement);
                let (_, kept) = done.await?;
                return returned(flight, call, &session, kept.id());
            }
            let outcome = flight.engine.execute(&session, &permit, &statement).await?;
            batch(flight, call, metadata::outcome::rows(outcome.rows)?)
        }
        Command::Prepared { handle } => prepared_rows(flight, call, &handle).await,
        command
        @ (Command::Update { .. } | Command::PreparedUpdate { .. } | Command::Ingest(_)) => {
            Err(misplaced(command.name(), "DoGet"))
        }
        command => {
            let rows = metadata::rows(flight, call, &command).await?;
            batch(flight, call, rows)
        }
    }
}

/// The rows that a change returned.
fn returned(
    flight: &Flight,
    call: &Call,
    session: &std::sync::Arc<Session>,
    id: StatementId,
) -> Result<Answers<Message>> {
    let permit = call.permit(flight, Intent::Query)?;
    let rows = flight.engine.read_kept(&permit, id, 0)?;
    sent(flight, id, rows, &call.format(session))
}

async fn prepared_rows(flight: &Flight, call: &Call, handle: &[u8]) -> Result<Answers<Message>> {
    let (session, handle) = call.prepared(flight, handle)?;
    let id = handle.statement;
    let permit = call.permit(flight, Intent::Query)?;
    let prepared = flight.engine.prepared(&session, &permit, id)?;
    if prepared.kind == StatementKind::Query {
        let statement = flight.engine.instantiate(&session, &permit, id).await?;
        let format = call.format_of(flight, &session, &statement).await?;
        return query_rows(flight, call, &session, &statement, &format, statement.id).await;
    }
    let permit = call.permit(flight, Intent::Update)?;
    if prepared.returns_rows() {
        let engine = &flight.engine;
        let done = engine.execute_prepared_returning(&session, &permit, id);
        let (_, kept) = done.await?;
        return returned(flight, call, &session, kept.id());
    }
    let outcome = flight
        .engine
        .execute_prepared(&session, &permit, id)
        .await?;
    batch(flight, call, metadata::outcome::rows(outcome.rows)?)
}

/// The rows of a query, until the answer is dropped or somebody cancels it; `run` is the name to cancel it by.
pub(super) async fn query_rows(
    flight: &Flight,
    call: &Call,
    session: &std::sync::Arc<Session>,
    statement: &Statement,
    format: &WireFormat,
    run: StatementId,
) -> Result<Answers<Message>> {
    let permit = call.permit(flight, Intent::Query)?;
    let engine: &Engine = &flight.engine;
    // Known before it begins: it can be cancelled while it waits for its turn.
    let sending = flight.running.enter(run, None);
    let stop = sending.stop();
    let rows = tokio::select! {
        rows = engine.query(session, &permit, statement) => rows?,
        () = stop.cancelled() => return Err(godwit_engine::Error::Cancelled.into()),
    };
    sending.attach(rows.canceller());
    send(flight, sending, run, rows, format)
}

/// The messages of rows, until somebody cancels what they are sent as.
fn sent(
    flight: &Flight,
    run: StatementId,
    rows: QueryStream,
    format: &WireFormat,
) -> Result<Answers<Message>> {
    let sending = flight.running.enter(run, Some(rows.canceller()));
    send(flight, sending, run, rows, format)
}

fn send(
    flight: &Flight,
    sending: Sending,
    run: StatementId,
    rows: QueryStream,
    format: &WireFormat,
) -> Result<Answers<Message>> {
    let schema = WireSchema::of(&rows.schema(), format);
    let max_rows = rows.max_batch_rows().unwrap_or(usize::MAX);
    let rows = Rows {
        rows,
        stop: Box::pin(sending.stop().cancelled_owned()),
        idle: flight.options.idle_stream_timeout,
        sending,
        _span: span(run),
    };
    let message_bytes = flight.options.message_bytes;
    let messages = Messages::new(rows, schema, format.compression, message_bytes)?;
    let messages = messages.with_max_rows(max_rows);
    Ok(answers(QueryId::of(run), messages))
}

fn batch(flight: &Flight, call: &Call, batch: RecordBatch) -> Result<Answers<Message>> {
    let messages = one_batch(batch, flight.options.message_bytes)?;
    Ok(answers(call.id, messages))
}

/// The span of rows on their way, for collectors; none where the call is not traced.
fn span(run: StatementId) -> Span {
    if is_traced() {
        tracing::info_span!(target: "godwit_trace", "send", query_id = %run)
    } else {
        Span::none()
    }
}

/// The rows of a query until somebody cancels it.
struct Rows {
    rows: QueryStream,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
    idle: Option<Duration>,
    sending: Sending,
    /// Lasts as long as rows are sent.
    _span: Span,
}

impl Stream for Rows {
    type Item = Result<RecordBatch>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.stop.as_mut().poll(cx).is_ready() {
            return Poll::Ready(Some(Err(godwit_engine::Error::Cancelled.into())));
        }
        if self.sending.pulse().is_given_up() {
            let seconds = self.idle.unwrap_or_default().as_secs_f64();
            return Poll::Ready(Some(Err(Error::Idle {
                what: "read",
                seconds,
            })));
        }
        self.sending.pulse().asked();
        let row = self.rows.poll_next_unpin(cx);
        if row.is_ready() {
            self.sending.pulse().given();
        }
        row.map(|batch| batch.map(|batch| batch.map_err(Error::from)))
    }
}
