use arrow_flight::FlightDescriptor;
use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionBeginTransactionRequest,
    ActionBeginTransactionResult, ActionEndSavepointRequest, ActionEndTransactionRequest,
    CommandStatementQuery, CommandStatementUpdate, EndTransaction,
};
use bytes::Bytes;
use futures::{TryStreamExt, stream};

use super::put::drop_table;
use crate::client::{Client, command, packed, unpacked};
use crate::finding::{Finding, Outcome};
use crate::lab::{self, Lab};

/// `END_SAVEPOINT_RELEASE` of the specification.
const RELEASE: i32 = 1;

pub(super) async fn begin(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let transaction = begun(&client).await?;
    // What is left open ends with the session.
    let _ = ended(&client, transaction, EndTransaction::Rollback).await;
    Ok(Finding::yes("with an id"))
}

pub(super) async fn end(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    for how in [EndTransaction::Commit, EndTransaction::Rollback] {
        let transaction = begun(&client)
            .await
            .map_err(|finding| finding.at("BeginTransaction"))?;
        ended(&client, transaction, how).await?;
    }
    Ok(Finding::yes("commit and rollback"))
}

pub(super) async fn begin_savepoint(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let transaction = begun(&client)
        .await
        .map_err(|finding| finding.at("BeginTransaction"))?;
    let savepoint = marked(&client, transaction.clone()).await;
    let _ = ended(&client, transaction, EndTransaction::Rollback).await;
    savepoint?;
    Ok(Finding::yes("with an id"))
}

pub(super) async fn end_savepoint(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let transaction = begun(&client)
        .await
        .map_err(|finding| finding.at("BeginTransaction"))?;
    let released = release(&client, transaction.clone()).await;
    let _ = ended(&client, transaction, EndTransaction::Rollback).await;
    released?;
    Ok(Finding::yes("released"))
}

/// Makes a table in a transaction that sees it, and takes it back.
pub(super) async fn rollback(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let table = lab.scratch();
    let transaction = begun(&client)
        .await
        .map_err(|finding| finding.at("BeginTransaction"))?;
    let seen = made_and_seen(&client, &transaction, &table).await;
    let back = ended(&client, transaction, EndTransaction::Rollback).await;
    seen?;
    back?;
    match lab::rows(&client, select(&table, None)).await {
        Ok(_) => {
            drop_table(&client, &table).await?;
            Ok(Finding::no("the table is still there after the rollback"))
        }
        Err(_) => Ok(Finding::yes("a table made, seen and taken back")),
    }
}

async fn made_and_seen(client: &Client, transaction: &Bytes, table: &str) -> Outcome<()> {
    let made = lab::bare(command(&CommandStatementUpdate {
        query: format!("CREATE TABLE {table} AS SELECT CAST(1 AS BIGINT) AS a"),
        transaction_id: Some(transaction.clone()),
    }));
    let answers = client.put(stream::iter([made])).await;
    let answers: Result<Vec<_>, _> = match answers {
        Ok(answers) => answers.try_collect().await.map_err(Finding::from),
        Err(status) => Err(status.into()),
    };
    answers.map_err(|finding| finding.at("CREATE TABLE"))?;
    let rows = lab::rows(client, select(table, Some(transaction.clone()))).await;
    match rows
        .map_err(|finding| finding.at("reading the new table"))?
        .count()
    {
        1 => Ok(()),
        count => Err(Finding::no(format_args!(
            "the transaction sees {count} of its 1 row"
        ))),
    }
}

fn select(table: &str, transaction_id: Option<Bytes>) -> FlightDescriptor {
    command(&CommandStatementQuery {
        query: format!("SELECT a FROM {table}"),
        transaction_id,
    })
}

async fn begun(client: &Client) -> Outcome<Bytes> {
    let request = packed(&ActionBeginTransactionRequest {});
    let answers = client.action("BeginTransaction", request).await?;
    let id = unpacked::<ActionBeginTransactionResult>(&answers)?.transaction_id;
    named(id)
}

async fn ended(client: &Client, transaction_id: Bytes, how: EndTransaction) -> Outcome<()> {
    let request = packed(&ActionEndTransactionRequest {
        transaction_id,
        action: how.into(),
    });
    client.action("EndTransaction", request).await?;
    Ok(())
}

async fn marked(client: &Client, transaction_id: Bytes) -> Outcome<Bytes> {
    let request = packed(&ActionBeginSavepointRequest {
        transaction_id,
        name: "conformance".to_owned(),
    });
    let answers = client.action("BeginSavepoint", request).await?;
    let id = unpacked::<ActionBeginSavepointResult>(&answers)?.savepoint_id;
    named(id)
}

async fn release(client: &Client, transaction: Bytes) -> Outcome<()> {
    let savepoint = marked(client, transaction).await;
    let request = packed(&ActionEndSavepointRequest {
        savepoint_id: savepoint.map_err(|finding| finding.at("BeginSavepoint"))?,
        action: RELEASE,
    });
    client.action("EndSavepoint", request).await?;
    Ok(())
}

fn named(id: Bytes) -> Outcome<Bytes> {
    if id.is_empty() {
        return Err(Finding::broken(
            "the id is empty, which clients take for an error",
        ));
    }
    Ok(id)
}
