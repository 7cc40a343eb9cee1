use arrow_flight::Ticket;
use arrow_flight::sql::{Any, ProstMessageExt};
use bytes::Bytes;
pub(crate) use godwit_client::{Client, command, packed};
use prost::Message;

use crate::finding::{Finding, Outcome};
use crate::rows::Rows;

#[cfg(test)]
mod tests;

/// The rows that a ticket stands for.
pub(crate) async fn get(client: &Client, ticket: Ticket) -> Outcome<Rows> {
    Rows::read(client.stream(ticket).await?).await
}

/// Reads the only answer of an action, packed in an `Any` of the right type.
pub(crate) fn unpacked<M: ProstMessageExt>(answers: &[Bytes]) -> Outcome<M> {
    let any = Any::decode(only(answers)?.clone())?;
    if any.type_url != M::type_url() {
        return Err(Finding::broken(format_args!(
            "the answer is a {:?}",
            any.type_url
        )));
    }
    Ok(M::decode(any.value)?)
}

/// The only answer of an action.
pub(crate) fn only(answers: &[Bytes]) -> Outcome<&Bytes> {
    match answers {
        [answer] => Ok(answer),
        [] => Err(Finding::broken("no answer, but the end of the stream")),
        many => Err(Finding::broken(format_args!(
            "{} answers instead of one",
            many.len()
        ))),
    }
}
