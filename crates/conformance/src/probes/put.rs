use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::ipc::writer::IpcWriteOptions;
use arrow_flight::sql::{
    CommandPreparedStatementQuery, CommandPreparedStatementUpdate, DoPutPreparedStatementResult,
    DoPutUpdateResult,
};
use arrow_flight::utils::batches_to_flight_data;
use arrow_flight::{FlightData, FlightDescriptor, PutResult};
use bytes::Bytes;
use futures::{TryStreamExt, stream};
use prost::Message;

use super::actions::prepare;
use crate::client::{Client, command};
use crate::finding::{Finding, Mark, Outcome};
use crate::lab::{self, Lab};
use crate::statements::create_temporary;

pub(super) async fn update(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let table = lab.scratch();
    make_table(&client, &table).await?;
    drop_table(&client, &table).await?;
    Ok(Finding::yes("CREATE TEMPORARY TABLE and DROP TABLE"))
}

/// Makes the temporary table with one row.
pub(super) async fn make_table(client: &Client, table: &str) -> Outcome<()> {
    lab::update(client, &create_temporary(table)).await?;
    exists(client, table).await
}

/// Some servers answer an update without doing it.
pub(super) async fn exists(client: &Client, table: &str) -> Outcome<()> {
    let rows = lab::rows(client, lab::query(&format!("SELECT a FROM {table}"))).await;
    match rows {
        Ok(rows) if rows.first()? == "1" => Ok(()),
        Ok(_) => Err(Finding::no("the new table does not hold its row")),
        Err(finding) => Err(Finding::no(format_args!(
            "answered, but the table cannot be read: {}",
            finding.reason
        ))),
    }
}

pub(super) async fn bind(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let mut refused = None;
    for placeholder in ["?", "$1"] {
        let sql = format!("SELECT CAST({placeholder} AS BIGINT) AS a");
        match bound(&client, &sql).await {
            Ok(value) if value == "7" => {
                return Ok(Finding::yes(format_args!("a row for {placeholder}")));
            }
            Ok(value) => return Ok(Finding::no(format_args!("7 was bound, {value} came back"))),
            Err(finding) => refused = refused.or(Some(finding)),
        }
    }
    Err(refused.unwrap_or_else(|| Finding::no("no placeholder is known")))
}

/// Binds 7 and runs the statement.
async fn bound(client: &Client, sql: &str) -> Outcome<String> {
    let prepared = prepare(client, sql)
        .await
        .map_err(|finding| finding.at("preparing"))?;
    let handle = prepared.prepared_statement_handle;
    let query = |handle: &Bytes| {
        command(&CommandPreparedStatementQuery {
            prepared_statement_handle: handle.clone(),
        })
    };
    let answers = put(client, query(&handle), &numbers(&[7])?).await?;
    let updated = match answers.first() {
        Some(answer) => {
            DoPutPreparedStatementResult::decode(&*answer.app_metadata)?.prepared_statement_handle
        }
        None => None,
    };
    let handle = updated
        .filter(|handle| !handle.is_empty())
        .unwrap_or(handle);
    lab::rows(client, query(&handle)).await?.first()
}

/// Without parameters, which clients say with a schema of no fields.
pub(super) async fn prepared(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let table = lab.scratch();
    let prepared = prepare(&client, &create_temporary(&table)).await;
    let handle = prepared
        .map_err(|finding| finding.at("preparing"))?
        .prepared_statement_handle;
    run_prepared(&client, handle, &nothing()?).await?;
    exists(&client, &table).await?;
    drop_table(&client, &table).await?;
    Ok(Finding::yes("CREATE TEMPORARY TABLE, run once"))
}

pub(super) async fn prepared_rows(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let table = lab.scratch();
    if let Err(finding) = make_table(&client, &table).await {
        let tried =
            run_prepared(&client, Bytes::from_static(b"conformance"), &numbers(&[2])?).await;
        return Err(without_table(&finding, tried.err()));
    }
    let prepared = prepare(&client, &format!("INSERT INTO {table} VALUES (?)")).await;
    let handle = prepared
        .map_err(|finding| finding.at("preparing"))?
        .prepared_statement_handle;
    let count = run_prepared(&client, handle, &numbers(&[2, 3])?).await?;
    let rows = lab::rows(&client, lab::query(&format!("SELECT a FROM {table}")))
        .await?
        .count();
    drop_table(&client, &table).await?;
    match (count, rows) {
        (2, 3) => Ok(Finding::yes("two rows inserted")),
        _ => Ok(Finding::no(format_args!(
            "two rows sent, {count} counted, {rows} of 3 found"
        ))),
    }
}

async fn run_prepared(client: &Client, handle: Bytes, batch: &RecordBatch) -> Outcome<i64> {
    let descriptor = command(&CommandPreparedStatementUpdate {
        prepared_statement_handle: handle,
    });
    count(&put(client, descriptor, batch).await?)
}

/// How many rows the first answer speaks of.
pub(super) fn count(answers: &[PutResult]) -> Outcome<i64> {
    match answers.first() {
        Some(answer) => Ok(DoPutUpdateResult::decode(&*answer.app_metadata)?.record_count),
        None => Err(Finding::broken("no PutResult")),
    }
}

/// A whole DoPut with one batch.
pub(super) async fn put(
    client: &Client,
    descriptor: FlightDescriptor,
    batch: &RecordBatch,
) -> Outcome<Vec<PutResult>> {
    let messages = messages(descriptor, batch)?;
    Ok(client
        .put(stream::iter(messages))
        .await?
        .try_collect()
        .await?)
}

/// A schema and a batch, with a descriptor on the first message.
pub(super) fn messages(
    descriptor: FlightDescriptor,
    batch: &RecordBatch,
) -> Outcome<Vec<FlightData>> {
    let schema = batch.schema();
    let options = IpcWriteOptions::default();
    let first: FlightData = arrow_flight::SchemaAsIpc::new(&schema, &options).into();
    let first = first.with_descriptor(descriptor);
    let rest = batches_to_flight_data(&schema, vec![batch.clone()])?
        .into_iter()
        .skip(1);
    Ok(std::iter::once(first).chain(rest).collect())
}

/// A batch with the column `a`.
pub(super) fn numbers(values: &[i64]) -> Outcome<RecordBatch> {
    let schema = Schema::new(vec![Field::new("a", DataType::Int64, true)]);
    let column = Arc::new(Int64Array::from(values.to_vec()));
    Ok(RecordBatch::try_new(Arc::new(schema), vec![column])?)
}

fn nothing() -> Outcome<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(0));
    let schema = Arc::new(Schema::empty());
    Ok(RecordBatch::try_new_with_options(schema, vec![], &options)?)
}

pub(super) async fn drop_table(client: &Client, table: &str) -> Outcome<()> {
    let dropped = lab::update(client, &format!("DROP TABLE {table}")).await;
    dropped
        .map(|_| ())
        .map_err(|finding| finding.at("DROP TABLE"))
}

/// Without a table there is nothing to write to, so what was tried on none counts only where it is not served at all.
pub(super) fn without_table(why: &Finding, tried: Option<Finding>) -> Finding {
    match tried {
        Some(finding) if finding.mark == Mark::Refused => finding,
        _ => Finding::untested(format_args!("no temporary table: {}", why.reason)),
    }
}
