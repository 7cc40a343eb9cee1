use arrow_flight::{Action as FlightAction, CancelStatus, Result as ActionResult};
use bytes::Bytes;
use futures::stream;
use godwit_auth::Intent;
use godwit_engine::Kill;
use godwit_protocol::action::{Action, cancel_query_result, cancel_result, renew_result};
use godwit_protocol::ticket::TicketBody;
use tonic::Response;

use crate::call::Call;
use crate::service::{Answers, answers};
use crate::tickets::is_sealed;
use crate::{Error, Flight, Result, kept};

mod prepared;
mod session;
mod transaction;

/// Runs an action. Most answer with one message; closing a prepared statement, ending a transaction and killing with none.
///
/// # Errors
/// UNIMPLEMENTED for unknown actions; else whatever is wrong with the body.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    action: FlightAction,
) -> Result<Response<Answers<ActionResult>>> {
    let result = match Action::decode(&action)? {
        Action::CreatePrepared { query, transaction } => {
            Some(prepared::create(flight, call, &query, transaction.as_ref()).await?)
        }
        Action::ClosePrepared { handle } => {
            prepared::close(flight, call, &handle)?;
            None
        }
        Action::CancelFlightInfo { tickets, command } => {
            Some(cancel_result(cancel(flight, call, &tickets, command)?))
        }
        Action::CancelQuery { tickets, command } => Some(cancel_query_result(cancel(
            flight, call, &tickets, command,
        )?)),
        Action::RenewFlightEndpoint { ticket } => {
            let ticket = call.ticket(flight, &ticket)?;
            Some(renew_result(&kept::renewed(flight, call, ticket)?))
        }
        Action::SetSessionOptions(changes) => Some(session::set(flight, call, changes).await?),
        Action::GetSessionOptions => Some(session::get(flight, call)?),
        Action::CloseSession => return session::close(flight, call),
        Action::CreatePreparedSubstraitPlan => {
            return Err(Error::not_served(
                "Substrait plans are not served; send SQL",
            ));
        }
        Action::BeginTransaction => Some(transaction::begin(flight, call)?),
        Action::EndTransaction { transaction, how } => {
            transaction::end(flight, call, &transaction, how).await?;
            None
        }
        Action::BeginSavepoint { transaction, name } => {
            Some(transaction::mark(flight, call, &transaction, &name).await?)
        }
        Action::KillQuery(id) => {
            kill(flight, call, Kill::Query(id)).await?;
            None
        }
        Action::KillSession(id) => {
            kill(flight, call, Kill::Session(id)).await?;
            None
        }
        Action::EndSavepoint { savepoint, how } => {
            transaction::end_mark(flight, call, &savepoint, how).await?;
            None
        }
    };
    Ok(Response::new(results(call, result)))
}

fn results(call: &Call, body: Option<Bytes>) -> Answers<ActionResult> {
    let result = body.map(|body| Ok(ActionResult { body }));
    answers(call.id, stream::iter(result))
}

async fn kill(flight: &Flight, call: &Call, what: Kill) -> Result<()> {
    let permit = call.permit(flight, Intent::Query)?;
    let session = call.session(flight)?;
    Ok(flight.engine.kill(&session, &permit, what).await?)
}

/// Stops what these tickets and this command stand for: streams, a query in the background, a kept result. What was never
/// fetched, or has ended, or is no query, cannot be stopped.
fn cancel(
    flight: &Flight,
    call: &Call,
    tickets: &[Bytes],
    command: Option<Bytes>,
) -> Result<CancelStatus> {
    let permit = call.permit(flight, Intent::Query)?;
    let mut statements = Vec::with_capacity(tickets.len() + 1);
    for ticket in tickets {
        match call.ticket(flight, ticket)?.body {
            TicketBody::Query { statement, .. } | TicketBody::Kept { statement, .. } => {
                statements.push(statement);
            }
            TicketBody::Prepared { run, .. } => statements.push(run),
            TicketBody::Outcome { .. } | TicketBody::Metadata { .. } => {}
        }
    }
    if let Some(handle) = command.filter(|command| is_sealed(command)) {
        statements.push(call.poll_handle(flight, &handle)?.statement);
    }
    let mut status = CancelStatus::NotCancellable;
    for statement in statements {
        let is_kept = flight.engine.cancel_kept(&permit, statement)?;
        if flight.running.cancel(statement) || is_kept {
            status = CancelStatus::Cancelled;
        }
    }
    Ok(status)
}
