use arrow_flight::FlightDescriptor;
use arrow_flight::sql::{Any, CommandStatementUpdate, DoPutUpdateResult};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, future, stream};
use prost::Message;
use tonic::{Code, Status};

use super::put::{drop_table, exists};
use crate::client::{command, get};
use crate::finding::{Finding, Outcome};
use crate::lab::{self, Lab};
use crate::statements::{self, create_temporary};

/// What Go's, Rust's and Grafana's clients take at most, in bytes.
const CLIENT_LIMIT: usize = 4 << 20;

pub(super) async fn one_endpoint(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let info = client.info(lab::query(&lab.options.sql)).await?;
    let [endpoint] = info.endpoint.as_slice() else {
        return Ok(Finding::no(format_args!(
            "{} endpoints, of which some clients read the first",
            info.endpoint.len()
        )));
    };
    match endpoint.location.as_slice() {
        [] => Ok(Finding::yes("")),
        [first, ..] => Ok(Finding::partly(format_args!(
            "the location is {:?}, to which some clients connect anew",
            first.uri
        ))),
    }
}

pub(super) async fn small_messages(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let rows = lab::rows(&client, lab::query(&statements::wide())).await?;
    let largest = format!(
        "the largest of a 10 MB result has {} KiB",
        rows.largest >> 10
    );
    match rows.largest < CLIENT_LIMIT {
        true => Ok(Finding::yes(largest)),
        false => Ok(Finding::no(largest)),
    }
}

pub(super) async fn empty(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let rows = lab::rows(&client, lab::query(&statements::empty(&lab.options.sql))).await?;
    match (rows.schema()?.fields().len(), rows.count()) {
        (0, _) => Ok(Finding::no("the schema has no fields")),
        (columns, 0) => Ok(Finding::yes(format_args!("{columns} column(s), no row"))),
        (_, count) => Ok(Finding::no(format_args!("{count} row(s) of none"))),
    }
}

/// C++ and flightsql-dbapi wait for the answer before they end their stream, so that waiting for the end is a deadlock.
pub(super) async fn early_answer(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let table = lab.scratch();
    let message = lab::bare(command(&CommandStatementUpdate {
        query: create_temporary(&table),
        transaction_id: None,
    }));
    let open = stream::iter([message]).chain(stream::once(future::pending()));
    let mut answers = client.put(open).await?;
    let Some(answer) = answers.try_next().await? else {
        return Ok(Finding::broken("no PutResult"));
    };
    DoPutUpdateResult::decode(&*answer.app_metadata)?;
    drop(answers);
    exists(&client, &table).await?;
    drop_table(&client, &table).await?;
    Ok(Finding::yes(""))
}

pub(super) async fn unknown_command(lab: Lab) -> Outcome {
    let any = Any {
        type_url: "type.googleapis.com/arrow.flight.protocol.sql.CommandNobodyKnows".to_owned(),
        value: Bytes::new(),
    };
    let client = lab.client().await?;
    refused(
        client
            .info(FlightDescriptor::new_cmd(any.encode_to_vec()))
            .await,
    )
}

pub(super) async fn unknown_action(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    refused(client.action("NobodyKnows", Bytes::new()).await)
}

pub(super) async fn wrong_sql(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    match client.info(lab::query("SELEC 1")).await {
        Ok(info) => match get(&client, lab::ticket(&info)?).await {
            Ok(_) => Ok(Finding::no("it is taken")),
            Err(finding) => Ok(Finding::partly(format_args!(
                "only in DoGet: {}",
                finding.reason
            ))),
        },
        Err(status) => refused(Err::<(), _>(status)),
    }
}

/// The client's mistake must not look like the server's, nor like success.
fn refused<T>(answer: Result<T, Status>) -> Outcome {
    let Err(status) = answer else {
        return Ok(Finding::no("it is taken"));
    };
    let reason = crate::finding::said(&status);
    match status.code() {
        Code::InvalidArgument | Code::Unimplemented | Code::NotFound => Ok(Finding::yes(reason)),
        Code::Internal | Code::Unknown | Code::Unavailable | Code::DataLoss => {
            Ok(Finding::no(reason))
        }
        _ => Ok(Finding::partly(reason)),
    }
}

pub(super) async fn dropped(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let info = client.info(lab::query(&statements::long())).await?;
    let mut stream = client.stream(lab::ticket(&info)?).await?;
    stream.try_next().await?;
    drop(stream);
    drop(client);
    let again = lab.client().await?;
    let rows = lab::rows(&again, lab::query(&lab.options.sql)).await;
    rows.map_err(|finding| finding.at("the next query"))?;
    Ok(Finding::yes("the next query is answered"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Mark;

    #[test]
    fn the_clients_mistake_is_told_by_its_code() {
        let mark = |code: Code| {
            refused(Err::<(), _>(Status::new(code, "why")))
                .unwrap()
                .mark
        };
        assert_eq!(mark(Code::InvalidArgument), Mark::Yes);
        assert_eq!(mark(Code::Unimplemented), Mark::Yes);
        assert_eq!(mark(Code::Internal), Mark::No);
        assert_eq!(mark(Code::FailedPrecondition), Mark::Partly);
        assert_eq!(refused(Ok(())).unwrap().mark, Mark::No);
    }
}
