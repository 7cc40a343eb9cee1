//! Transactions over the wire: their actions, and the commands that name one.

use arrow_flight::sql::{
    ActionBeginSavepointRequest, ActionBeginSavepointResult, ActionBeginTransactionRequest,
    ActionBeginTransactionResult, ActionEndSavepointRequest, ActionEndTransactionRequest,
    CommandStatementQuery, CommandStatementUpdate, DoPutUpdateResult,
};
use arrow_flight::{Action, FlightData, FlightDescriptor};
use bytes::Bytes;
use futures::{TryStreamExt, stream};
use prost::Message;
use tonic::{Code, Status};

use crate::support::{Client, Server, assert_fails, command, packed, statement, ticket, unpack};

const COMMIT: i32 = 1;
const ROLLBACK: i32 = 2;
const RELEASE: i32 = 1;

impl Client {
    async fn begin(&mut self) -> Bytes {
        let request = packed(&ActionBeginTransactionRequest {});
        let results = self.action("BeginTransaction", request).await.unwrap();
        let id = unpack::<ActionBeginTransactionResult>(&results[0]).transaction_id;
        assert_eq!(id.len(), 16);
        id
    }

    async fn end(&mut self, transaction_id: &Bytes, action: i32) -> Result<(), Status> {
        let request = packed(&ActionEndTransactionRequest {
            transaction_id: transaction_id.clone(),
            action,
        });
        let results = self.action("EndTransaction", request).await?;
        assert!(results.is_empty());
        Ok(())
    }

    async fn mark(&mut self, transaction_id: &Bytes) -> Bytes {
        let request = packed(&ActionBeginSavepointRequest {
            transaction_id: transaction_id.clone(),
            name: "mark".to_owned(),
        });
        let results = self.action("BeginSavepoint", request).await.unwrap();
        unpack::<ActionBeginSavepointResult>(&results[0]).savepoint_id
    }

    async fn end_mark(&mut self, savepoint_id: &Bytes, action: i32) -> Result<(), Status> {
        let request = packed(&ActionEndSavepointRequest {
            savepoint_id: savepoint_id.clone(),
            action,
        });
        self.action("EndSavepoint", request).await.map(drop)
    }

    async fn change(&mut self, sql: &str, transaction: Option<&Bytes>) -> Result<i64, Status> {
        let descriptor = command(&CommandStatementUpdate {
            query: sql.to_owned(),
            transaction_id: transaction.cloned(),
        });
        let message = FlightData::new().with_descriptor(descriptor);
        let request = self.request(stream::iter([message]));
        let answers = self.flight.do_put(request).await?.into_inner();
        let answers: Vec<_> = answers.try_collect().await?;
        let update = DoPutUpdateResult::decode(&*answers[0].app_metadata).unwrap();
        Ok(update.record_count)
    }

    async fn count(&mut self, transaction: Option<&Bytes>) -> Result<usize, Status> {
        let info = self.info(select(transaction)).await?;
        let (_, batches) = self.get(ticket(&info)).await?;
        Ok(batches.iter().map(|batch| batch.num_rows()).sum())
    }
}

fn select(transaction: Option<&Bytes>) -> FlightDescriptor {
    command(&CommandStatementQuery {
        query: "select a from t".to_owned(),
        transaction_id: transaction.cloned(),
    })
}

const INSERT: &str = "insert into t values (1)";

#[tokio::test]
async fn a_transaction_is_committed_or_rolled_back() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    client
        .change("create table t (a bigint)", None)
        .await
        .unwrap();
    for (how, left) in [(ROLLBACK, 0), (COMMIT, 2)] {
        let id = client.begin().await;
        for _ in 0..2 {
            assert_eq!(client.change(INSERT, Some(&id)).await.unwrap(), 1);
        }
        assert_eq!(client.count(Some(&id)).await.unwrap(), 2);
        assert_eq!(client.count(None).await.unwrap(), 0);
        client.end(&id, how).await.unwrap();
        assert_eq!(client.count(None).await.unwrap(), left);
        let ended = client.change(INSERT, Some(&id)).await;
        assert_fails(ended, Code::NotFound, "has ended");
        assert_fails(client.end(&id, COMMIT).await, Code::NotFound, "has ended");
    }
}

#[tokio::test]
async fn savepoints_are_gone_back_to_and_released() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    client
        .change("create table t (a bigint)", None)
        .await
        .unwrap();
    let id = client.begin().await;
    let outer = client.mark(&id).await;
    client.change(INSERT, Some(&id)).await.unwrap();
    let inner = client.mark(&id).await;
    client.change(INSERT, Some(&id)).await.unwrap();
    client.end_mark(&inner, ROLLBACK).await.unwrap();
    assert_eq!(client.count(Some(&id)).await.unwrap(), 1);
    client.end_mark(&outer, RELEASE).await.unwrap();
    let gone = client.end_mark(&inner, ROLLBACK).await;
    assert_fails(gone, Code::NotFound, "savepoint");
    client.end(&id, COMMIT).await.unwrap();
    assert_eq!(client.count(None).await.unwrap(), 1);
}

#[tokio::test]
async fn the_second_to_commit_is_aborted() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    client
        .change("create table t (a bigint)", None)
        .await
        .unwrap();
    client.change(INSERT, None).await.unwrap();
    let (one, two) = (client.begin().await, client.begin().await);
    for id in [&one, &two] {
        let update = client.change("update t set a = a + 1", Some(id)).await;
        assert_eq!(update.unwrap(), 1);
    }
    client.end(&one, COMMIT).await.unwrap();
    assert_fails(client.end(&two, COMMIT).await, Code::Aborted, "");
    // Clients roll back what failed, and that is no second error.
    client.end(&two, ROLLBACK).await.unwrap();
    assert_fails(
        client.count(Some(&two)).await,
        Code::NotFound,
        "nothing of it was kept",
    );
}

#[tokio::test]
async fn ids_of_others_and_of_nobody() {
    let server = Server::start().await;
    let (mut alice, mut again) = (server.alice().await, server.alice().await);
    let mut bob = server.client(Some(&crate::support::basic("bob"))).await;
    let id = alice.begin().await;
    assert_fails(
        bob.end(&id, COMMIT).await,
        Code::PermissionDenied,
        "another user",
    );
    assert_fails(
        again.end(&id, COMMIT).await,
        Code::NotFound,
        "not of this session",
    );
    for (wrong, code) in [
        (Bytes::from_static(b"t"), Code::InvalidArgument),
        (Bytes::from_static(&[7; 16]), Code::NotFound),
    ] {
        assert_fails(alice.end(&wrong, COMMIT).await, code, "transaction");
        assert_fails(
            alice.change("select 1", Some(&wrong)).await,
            code,
            "transaction",
        );
        assert_fails(alice.info(select(Some(&wrong))).await, code, "transaction");
    }
    let odd = alice.end_mark(&Bytes::from_static(b"x"), RELEASE).await;
    assert_fails(odd, Code::InvalidArgument, "malformed savepoint id");
    alice.end(&id, COMMIT).await.unwrap();
}

#[tokio::test]
async fn a_client_without_a_session_has_them_by_their_ids_only() {
    let server = Server::start().await;
    let mut bob = server.client(Some(&crate::support::basic("bob"))).await;
    bob.change("create table t (a bigint)", None).await.unwrap();
    let id = bob.begin().await;
    bob.change(INSERT, Some(&id)).await.unwrap();
    assert_eq!(bob.count(Some(&id)).await.unwrap(), 1);
    assert_eq!(bob.count(None).await.unwrap(), 0);
    bob.end(&id, COMMIT).await.unwrap();
    assert_eq!(bob.count(None).await.unwrap(), 1);
    let begin = bob.info(statement("begin")).await;
    assert_fails(begin, Code::InvalidArgument, "handshake");
}

#[tokio::test]
async fn a_transaction_that_nobody_uses_expires() {
    let timeout = std::time::Duration::from_secs(1);
    let configure =
        |config: &mut godwit_config::Config| config.lake.transaction_idle_timeout = timeout;
    let server = Server::start_with(configure, |_| {}).await;
    let mut client = server.alice().await;
    client
        .change("create table t (a bigint)", None)
        .await
        .unwrap();
    let id = client.begin().await;
    client.change(INSERT, Some(&id)).await.unwrap();
    let open = "select sum(transactions) from system.sessions";
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while client
        .number(&format!("select cast(({open}) as bigint)"))
        .await
        .unwrap()
        > 0
    {
        assert!(std::time::Instant::now() < deadline, "it is still open");
    }
    let late = client.change(INSERT, Some(&id)).await;
    assert_fails(late, Code::NotFound, "lake.transaction_idle_timeout");
    client.end(&id, ROLLBACK).await.unwrap();
    assert_eq!(client.count(None).await.unwrap(), 0);
    let unknown = Action::new("EndTransaction", packed(&ActionBeginTransactionRequest {}));
    let refused = client.action(&unknown.r#type, unknown.body.to_vec()).await;
    assert_fails(
        refused,
        Code::InvalidArgument,
        "ActionEndTransactionRequest",
    );
}
