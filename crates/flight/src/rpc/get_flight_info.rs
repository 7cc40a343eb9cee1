use arrow_flight::{FlightDescriptor, FlightInfo};
use bytes::Bytes;
use godwit_auth::Intent;
use godwit_engine::{Outcome, StatementKind};
use godwit_protocol::ticket::TicketBody;
use godwit_protocol::{Command, Descriptor};

use super::{misplaced, no_transaction, select_all};
use crate::call::Call;
use crate::tickets::{Facts, plain_info, query_info, unbound_info};
use crate::{Flight, Result, metadata};

/// Describes a result and how to get it. A query is planned, not run; an effect runs here, exactly once, and its ticket
/// holds what it did: clients do not fetch the result of an effect reliably.
///
/// # Errors
/// Whatever is wrong with the descriptor or the statement.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
) -> Result<FlightInfo> {
    let command = match Descriptor::decode(&descriptor)? {
        Descriptor::Path(path) => {
            return statement(flight, call, descriptor, &select_all(&path)).await;
        }
        Descriptor::Command(command) => command,
    };
    match command {
        Command::Statement { query, transaction } => {
            no_transaction(transaction.as_ref())?;
            statement(flight, call, descriptor, &query).await
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
            plain_info(flight, call, descriptor, &schema, body, Facts::UNKNOWN)
        }
    }
}

async fn statement(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
    sql: &str,
) -> Result<FlightInfo> {
    let session = call.session(flight)?;
    let permit = call.permit(flight, Intent::Query)?;
    let statement = flight.engine.describe(&session, &permit, sql).await?;
    match statement.kind {
        StatementKind::Query => query_info(flight, call, descriptor, &session, &statement),
        StatementKind::Effect => {
            let permit = call.permit(flight, Intent::Update)?;
            let outcome = flight.engine.execute(&session, &permit, &statement).await?;
            outcome_info(flight, call, descriptor, outcome)
        }
    }
}

async fn prepared(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
    sealed: Bytes,
) -> Result<FlightInfo> {
    let (session, handle) = call.prepared(flight, &sealed)?;
    let id = handle.statement;
    let permit = call.permit(flight, Intent::Query)?;
    let prepared = flight.engine.prepared(&session, &permit, id)?;
    match prepared.kind {
        StatementKind::Query if !flight.engine.is_bound(&session, &permit, id)? => {
            unbound_info(flight, call, descriptor, &session, &prepared, sealed)
        }
        StatementKind::Query => {
            let statement = flight.engine.instantiate(&session, &permit, id).await?;
            query_info(flight, call, descriptor, &session, &statement)
        }
        StatementKind::Effect => {
            let permit = call.permit(flight, Intent::Update)?;
            let outcome = flight
                .engine
                .execute_prepared(&session, &permit, id)
                .await?;
            outcome_info(flight, call, descriptor, outcome)
        }
    }
}

fn outcome_info(
    flight: &Flight,
    call: &Call,
    descriptor: FlightDescriptor,
    outcome: Outcome,
) -> Result<FlightInfo> {
    let body = TicketBody::Outcome { rows: outcome.rows };
    let schema = metadata::outcome::schema();
    plain_info(flight, call, descriptor, &schema, body, Facts::ONE_ROW)
}
