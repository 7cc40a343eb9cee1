use std::sync::Arc;

use arrow_flight::{FlightDescriptor, FlightInfo};
use bytes::Bytes;
use godwit_auth::Intent;
use godwit_engine::{Kept, Outcome, Session, Statement, StatementKind};
use godwit_protocol::ticket::TicketBody;
use godwit_protocol::{Command, Descriptor};

use super::{misplaced, select_all};
use crate::call::Call;
use crate::tickets::{Facts, plain_info, query_info, unbound_info};
use crate::{Flight, Result, kept, metadata};

/// What a descriptor stands for.
pub(super) enum Described {
    /// Something whose FlightInfo is complete: an effect, which has run, or a metadata command.
    Done(FlightInfo),
    /// A query of this session, which is planned and not run.
    Query(Arc<Session>, Statement),
}

/// Describes a result and how to get it. A query is planned, not run, unless the session wants its result over several
/// endpoints: then it runs from now on, and its rows are kept for them.
///
/// # Errors
/// Whatever is wrong with the descriptor or the statement.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
) -> Result<FlightInfo> {
    match describe(flight, call, &descriptor).await? {
        Described::Done(info) => Ok(info),
        Described::Query(session, statement) if session.endpoints() > 1 => {
            let permit = call.permit(flight, Intent::Query)?;
            let parts = session.endpoints();
            let format = call.format_of(flight, &session, &statement).await?;
            let facts = Facts::of_statement(&statement, &format);
            let result = flight.engine.keep(&session, &permit, &statement, parts)?;
            kept::info(flight, call, descriptor, &result, &format, facts)
        }
        Described::Query(session, statement) => {
            let format = call.format_of(flight, &session, &statement).await?;
            query_info(flight, call, descriptor, &format, &statement)
        }
    }
}

/// Plans a query; an effect runs here, exactly once, and its ticket holds what it did: clients do not fetch the result
/// of an effect reliably.
///
/// # Errors
/// Whatever is wrong with the descriptor or the statement.
pub(super) async fn describe(
    flight: &Flight,
    call: &Call,
    descriptor: &FlightDescriptor,
) -> Result<Described> {
    let command = match Descriptor::decode(descriptor)? {
        Descriptor::Path(path) => {
            return statement(flight, call, descriptor, &select_all(&path), None).await;
        }
        Descriptor::Command(command) => command,
    };
    match command {
        Command::Statement { query, transaction } => {
            statement(flight, call, descriptor, &query, transaction.as_ref()).await
        }
        Command::Prepared { handle } => prepared(flight, call, descriptor, handle).await,
        command
        @ (Command::Update { .. } | Command::PreparedUpdate { .. } | Command::Ingest(_)) => {
            Err(misplaced(command.name(), "GetFlightInfo"))
        }
        command => {
            let schema = metadata::schema(&command)?;
            call.permit(flight, Intent::Metadata)?;
            let body = TicketBody::Metadata {
                command: descriptor.cmd.clone(),
            };
            let descriptor = descriptor.clone();
            plain_info(flight, call, descriptor, &schema, body, Facts::UNKNOWN).map(Described::Done)
        }
    }
}

async fn statement(
    flight: &Flight,
    call: &Call,
    descriptor: &FlightDescriptor,
    sql: &str,
    transaction: Option<&Bytes>,
) -> Result<Described> {
    let permit = call.permit(flight, Intent::Query)?;
    let session = call.session_in(flight, &permit, transaction)?;
    let statement = flight.engine.describe(&session, &permit, sql).await?;
    match statement.kind {
        StatementKind::Query => Ok(Described::Query(session, statement)),
        StatementKind::Effect => {
            let permit = call.permit(flight, Intent::Update)?;
            let engine = &flight.engine;
            if statement.returns_rows() {
                let done = engine.execute_returning(&session, &permit, &statement);
                let (_, rows) = done.await?;
                return returned_info(flight, call, descriptor, &session, &rows);
            }
            let outcome = engine.execute(&session, &permit, &statement).await?;
            outcome_info(flight, call, descriptor, outcome).map(Described::Done)
        }
    }
}

async fn prepared(
    flight: &Flight,
    call: &Call,
    descriptor: &FlightDescriptor,
    sealed: Bytes,
) -> Result<Described> {
    let (session, handle) = call.prepared(flight, &sealed)?;
    let id = handle.statement;
    let permit = call.permit(flight, Intent::Query)?;
    let prepared = flight.engine.prepared(&session, &permit, id)?;
    match prepared.kind {
        StatementKind::Query if !flight.engine.use_bound(&session, &permit, id)? => {
            let descriptor = descriptor.clone();
            let format = call.format_of_prepared(flight, &session, id).await?;
            unbound_info(flight, call, descriptor, &format, &prepared, sealed).map(Described::Done)
        }
        StatementKind::Query => {
            let statement = flight.engine.instantiate(&session, &permit, id).await?;
            Ok(Described::Query(session, statement))
        }
        StatementKind::Effect => {
            let permit = call.permit(flight, Intent::Update)?;
            let engine = &flight.engine;
            if prepared.returns_rows() {
                let done = engine.execute_prepared_returning(&session, &permit, id);
                let (_, rows) = done.await?;
                return returned_info(flight, call, descriptor, &session, &rows);
            }
            let outcome = engine.execute_prepared(&session, &permit, id).await?;
            outcome_info(flight, call, descriptor, outcome).map(Described::Done)
        }
    }
}

/// Where the rows are that a change returned; it has happened.
fn returned_info(
    flight: &Flight,
    call: &Call,
    descriptor: &FlightDescriptor,
    session: &Session,
    rows: &Kept,
) -> Result<Described> {
    let (descriptor, format) = (descriptor.clone(), call.format(session));
    kept::info(flight, call, descriptor, rows, &format, Facts::UNKNOWN).map(Described::Done)
}

fn outcome_info(
    flight: &Flight,
    call: &Call,
    descriptor: &FlightDescriptor,
    outcome: Outcome,
) -> Result<FlightInfo> {
    let body = TicketBody::Outcome { rows: outcome.rows };
    let schema = metadata::outcome::schema();
    let descriptor = descriptor.clone();
    plain_info(flight, call, descriptor, &schema, body, Facts::ONE_ROW)
}
