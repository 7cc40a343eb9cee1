use arrow_flight::FlightDescriptor;
use futures::stream;

use super::put::{messages, numbers};
use crate::finding::{Finding, Outcome};
use crate::lab::Lab;
use crate::rows::Rows;

/// What an exchange means is every server's own choice; ours is SQL over what the client sends.
pub(super) async fn sql(lab: Lab) -> Outcome {
    let descriptor = FlightDescriptor::new_cmd("SELECT a + 1 AS b FROM input");
    let messages = messages(descriptor, &numbers(&[40, 41, 42])?)?;
    let answer = lab.client().await?.exchange(stream::iter(messages)).await?;
    let rows = Rows::read(answer).await?;
    match (rows.count(), rows.first()?.as_str()) {
        (3, "41") => Ok(Finding::yes("three rows sent, three rows back")),
        (count, first) => Ok(Finding::no(format_args!(
            "{count} row(s) back, the first is {first}"
        ))),
    }
}
