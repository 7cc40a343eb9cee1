use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionBeginTransactionRequest,
    ActionBeginTransactionResult, ActionEndSavepointRequest, ActionEndTransactionRequest,
    EndTransaction,
};
use bytes::Bytes;

use crate::client::{Client, packed, unpacked};
use crate::finding::{Finding, Outcome};
use crate::lab::Lab;

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
