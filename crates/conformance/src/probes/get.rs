use arrow_flight::Ticket;

use crate::client::get;
use crate::finding::{Finding, Outcome};
use crate::lab::{self, Lab};

pub(super) async fn ticket(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let rows = lab::rows(&client, lab::query(&lab.options.sql)).await?;
    rows.schema()?;
    match rows.count() {
        0 => Ok(Finding::no("no row came back")),
        count => Ok(Finding::yes(format_args!("{count} row(s)"))),
    }
}

pub(super) async fn twice(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let info = client.info(lab::query(&lab.options.sql)).await?;
    let first = get(&client, lab::ticket(&info)?).await?;
    let second = get(&client, lab::ticket(&info)?).await;
    let second = second.map_err(|finding| finding.at("the second time"))?;
    if first.batches == second.batches {
        return Ok(Finding::yes("the same rows"));
    }
    let (first, second) = (first.count(), second.count());
    Ok(Finding::partly(format_args!(
        "{first} rows, then {second} others"
    )))
}

pub(super) async fn text(lab: Lab) -> Outcome {
    let ticket = Ticket::new(lab.options.sql.clone());
    let rows = get(&lab.client().await?, ticket).await?;
    Ok(Finding::yes(format_args!("{} row(s)", rows.count())))
}
