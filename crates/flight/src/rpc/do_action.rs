use arrow_flight::{Action as FlightAction, CancelStatus, Result as ActionResult};
use bytes::Bytes;
use futures::stream;
use godwit_auth::Intent;
use godwit_protocol::action::{Action, cancel_query_result, cancel_result, renew_result};
use godwit_protocol::ticket::TicketBody;
use tonic::Response;

use super::NO_TRANSACTIONS;
use crate::call::Call;
use crate::service::{Answers, answers};
use crate::{Error, Flight, Result, tickets};

mod prepared;
mod session;

/// Runs an action. Most answer with one message; closing a prepared statement with none.
///
/// # Errors
/// UNIMPLEMENTED for unknown actions and for transactions; else whatever is wrong with the body.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    action: FlightAction,
) -> Result<Response<Answers<ActionResult>>> {
    let result = match Action::decode(&action)? {
        Action::CreatePrepared { query, transaction } => {
            super::no_transaction(transaction.as_ref())?;
            Some(prepared::create(flight, call, &query).await?)
        }
        Action::ClosePrepared { handle } => {
            prepared::close(flight, call, &handle)?;
            None
        }
        Action::CancelFlightInfo { tickets } => {
            Some(cancel_result(cancel(flight, call, &tickets)?))
        }
        Action::CancelQuery { tickets } => {
            Some(cancel_query_result(cancel(flight, call, &tickets)?))
        }
        Action::RenewFlightEndpoint { ticket } => {
            let ticket = call.ticket(flight, &ticket)?;
            let endpoint = tickets::endpoint(flight, call, ticket.body, ticket.format);
            Some(renew_result(&endpoint))
        }
        Action::SetSessionOptions(changes) => Some(session::set(flight, call, changes)?),
        Action::GetSessionOptions => Some(session::get(flight, call)?),
        Action::CloseSession => return session::close(flight, call),
        Action::CreatePreparedSubstraitPlan => {
            return Err(Error::not_served(
                "Substrait plans are not served; send SQL",
            ));
        }
        Action::BeginTransaction
        | Action::EndTransaction { .. }
        | Action::BeginSavepoint { .. }
        | Action::EndSavepoint { .. } => return Err(Error::not_served(NO_TRANSACTIONS)),
    };
    Ok(Response::new(results(call, result)))
}

fn results(call: &Call, body: Option<Bytes>) -> Answers<ActionResult> {
    let result = body.map(|body| Ok(ActionResult { body }));
    answers(call.id, stream::iter(result))
}

/// Stops the streams of these tickets. What was never fetched, or has ended, or is no query, cannot be stopped.
fn cancel(flight: &Flight, call: &Call, tickets: &[Bytes]) -> Result<CancelStatus> {
    call.permit(flight, Intent::Query)?;
    let mut status = CancelStatus::NotCancellable;
    for ticket in tickets {
        let run = match call.ticket(flight, ticket)?.body {
            TicketBody::Query { statement, .. } => statement,
            TicketBody::Prepared { run, .. } => run,
            TicketBody::Outcome { .. } | TicketBody::Metadata { .. } => continue,
        };
        if flight.running.cancel(run) {
            status = CancelStatus::Cancelled;
        }
    }
    Ok(status)
}
