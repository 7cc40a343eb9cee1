use std::time::Duration;

use arrow::datatypes::Schema;
use arrow_flight::sql::{CommandStatementSubstraitPlan, SubstraitPlan};
use arrow_flight::{FlightDescriptor, IpcMessage};
use tokio::time::{Instant, sleep};

use crate::client::{command, get};
use crate::finding::{Finding, Outcome};
use crate::lab::{self, Lab, TableName};
use crate::schemas::difference;

/// Between two polls, as ADBC begins.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) async fn list(lab: Lab) -> Outcome {
    let flights = lab.client().await?.list_flights("").await?;
    if flights.is_empty() && lab.found.table.is_some() {
        return Ok(Finding::partly("no flights, although there are tables"));
    }
    let descriptors = flights
        .iter()
        .filter_map(|info| info.flight_descriptor.as_ref());
    let paths = descriptors
        .filter(|descriptor| !descriptor.path.is_empty())
        .count();
    Ok(Finding::yes(format_args!(
        "{} flights, {paths} of them with a PATH",
        flights.len()
    )))
}

pub(super) async fn statement(lab: Lab) -> Outcome {
    let info = lab
        .client()
        .await?
        .info(lab::query(&lab.options.sql))
        .await?;
    lab::ticket(&info)?;
    let known = |count: i64| {
        if count < 0 {
            "unknown".to_owned()
        } else {
            count.to_string()
        }
    };
    let rows = known(info.total_records);
    Ok(Finding::yes(format_args!(
        "{} endpoint(s), rows: {rows}",
        info.endpoint.len()
    )))
}

pub(super) async fn path(lab: Lab) -> Outcome {
    let table = table(&lab)?;
    let client = lab.client().await?;
    let full = FlightDescriptor::new_path(table.parts.clone());
    let first = match client.info(full).await {
        Ok(info) => {
            let schema: Schema = info.try_decode_schema()?;
            return Ok(Finding::yes(format_args!(
                "{}: {} columns",
                table.parts.join("/"),
                schema.fields().len()
            )));
        }
        Err(status) => status,
    };
    let short = FlightDescriptor::new_path(vec![table.last().to_owned()]);
    match client.info(short).await {
        Ok(_) => Ok(Finding::yes(format_args!(
            "by its last part only, {:?}",
            table.last()
        ))),
        Err(_) => Err(first.into()),
    }
}

pub(super) async fn text(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let descriptor = FlightDescriptor::new_cmd(lab.options.sql.clone());
    let rows = lab::rows(&client, descriptor).await?;
    Ok(Finding::yes(format_args!("{} row(s)", rows.count())))
}

/// An empty plan is a valid message, but nothing can run it: a server that knows plans says INVALID_ARGUMENT.
pub(super) async fn substrait(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let plan = Some(SubstraitPlan::default());
    let answer = client
        .info(command(&CommandStatementSubstraitPlan {
            plan,
            transaction_id: None,
        }))
        .await;
    match answer {
        Ok(_) => Ok(Finding::yes("an empty plan is taken")),
        Err(status) if status.code() == tonic::Code::InvalidArgument => {
            Ok(Finding::from(status).at("known or not, an empty plan"))
        }
        Err(status) => Err(status.into()),
    }
}

pub(super) async fn poll(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let mut descriptor = lab::query(&lab.options.sql);
    let end = Instant::now() + lab.limit();
    let mut polls = 0;
    let mut without_info = false;
    let info = loop {
        let poll = client.poll(descriptor).await?;
        polls += 1;
        without_info |= poll.info.is_none();
        match poll.flight_descriptor {
            None => break poll.info,
            Some(next) => descriptor = next,
        }
        if Instant::now() > end {
            return Err(Finding::hangs(format_args!(
                "not complete after {polls} polls"
            )));
        }
        sleep(PAUSE).await;
    };
    let Some(info) = info else {
        return Err(Finding::broken("complete, but without a FlightInfo"));
    };
    let rows = get(&client, lab::ticket(&info)?).await?;
    if without_info {
        return Ok(Finding::partly(
            "a PollInfo without a FlightInfo, on which ADBC fails",
        ));
    }
    Ok(Finding::yes(format_args!(
        "complete after {polls} poll(s), {} row(s)",
        rows.count()
    )))
}

pub(super) async fn schema(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let answer = client.schema(lab::query(&lab.options.sql)).await?;
    let schema = Schema::try_from(IpcMessage(answer.schema))?;
    let rows = lab::rows(&client, lab::query(&lab.options.sql)).await?;
    match difference(&schema, rows.schema()?) {
        None => Ok(Finding::yes(format_args!(
            "{} column(s), as in the stream",
            schema.fields().len()
        ))),
        Some(difference) => Ok(Finding::partly(format_args!(
            "other than the stream's: {difference}"
        ))),
    }
}

/// The table that was found.
pub(super) fn table(lab: &Lab) -> Outcome<&TableName> {
    let table = lab.found.table.as_ref();
    table.ok_or_else(|| Finding::untested("no table was found; name one"))
}
