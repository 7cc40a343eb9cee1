use arrow_flight::FlightData;
use futures::{FutureExt, StreamExt, TryStreamExt};
use godwit_auth::Intent;
use godwit_protocol::{Command, Descriptor};

use super::do_get::query_rows;
use super::{misplaced, opening};
use crate::call::Call;
use crate::incoming::{Incoming, lend};
use crate::service::Answers;
use crate::{Error, Flight, Result, upload};

/// Runs the SQL of the descriptor over the rows that the client uploads: they are its table `input`. Its rows flow back
/// while the client still sends; dropping the answer ends both directions, and so does the query's end, a moment later.
///
/// # Errors
/// Whatever is wrong with the descriptor, the statement or the schema of the upload. What is wrong with its rows comes
/// with the answers.
pub(crate) async fn run(
    flight: &Flight,
    call: &Call,
    mut messages: Incoming,
) -> Result<Answers<FlightData>> {
    let (first, descriptor) = opening(&mut messages, "DoExchange").await?;
    let (sql, transaction) = match descriptor {
        Descriptor::Command(Command::Statement { query, transaction }) => (query, transaction),
        Descriptor::Command(command) => return Err(misplaced(command.name(), "DoExchange")),
        Descriptor::Path(_) => {
            let text = "the descriptor of DoExchange is SQL over the table input, not the path of a table; rows are \
                        stored in a table by DoPut, and read by DoGet";
            return Err(Error::Invalid(text.to_owned()));
        }
    };
    let permit = call.permit(flight, Intent::Query)?;
    let session = call.session_in(flight, &permit, transaction.as_ref())?;
    let limit = flight.options.max_request_bytes;
    let (messages, rest) = lend(messages);
    let upload = async move { Ok(upload::open(first, messages, limit).await?) }.boxed();
    let engine = &flight.engine;
    let statement = engine.exchange(&session, &permit, &sql, upload).await?;
    let format = call.format(&session);
    let rows = query_rows(flight, call, &session, &statement, &format, statement.id).await?;
    Ok(rows.map_ok(FlightData::from).chain(rest.pass()).boxed())
}
