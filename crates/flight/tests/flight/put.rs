//! DoPut: updates, and parameters.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::Schema;
use arrow_flight::sql::*;
use arrow_flight::utils::batches_to_flight_data;
use arrow_flight::{FlightData, FlightDescriptor, PutResult};
use bytes::Bytes;
use futures::channel::mpsc;
use futures::{StreamExt, TryStreamExt, stream};
use prost::Message;
use tonic::{Code, Status};

use crate::support::{Client, Server, assert_fails, command, packed, ticket, unpack};

fn only(descriptor: FlightDescriptor) -> FlightData {
    FlightData::new().with_descriptor(descriptor)
}

fn upload(descriptor: FlightDescriptor, batches: Vec<RecordBatch>) -> Vec<FlightData> {
    let schema = batches
        .first()
        .map_or_else(|| Arc::new(Schema::empty()), RecordBatch::schema);
    let mut messages = batches_to_flight_data(&schema, batches).unwrap();
    messages[0].flight_descriptor = Some(descriptor);
    messages
}

fn batch(columns: Vec<ArrayRef>) -> RecordBatch {
    let named = columns.into_iter().enumerate();
    RecordBatch::try_from_iter(named.map(|(at, column)| (format!("any name {at}"), column)))
        .unwrap()
}

fn count(result: &PutResult) -> i64 {
    DoPutUpdateResult::decode(result.app_metadata.clone())
        .unwrap()
        .record_count
}

impl Client {
    pub(crate) async fn put(
        &mut self,
        messages: Vec<FlightData>,
    ) -> Result<Vec<PutResult>, Status> {
        let request = self.request(stream::iter(messages));
        self.flight
            .do_put(request)
            .await?
            .into_inner()
            .try_collect()
            .await
    }

    async fn prepare(&mut self, sql: &str) -> Bytes {
        let request = ActionCreatePreparedStatementRequest {
            query: sql.to_owned(),
            transaction_id: None,
        };
        let results = self
            .action("CreatePreparedStatement", packed(&request))
            .await
            .unwrap();
        let result: ActionCreatePreparedStatementResult = unpack(&results[0]);
        result.prepared_statement_handle
    }
}

fn update(sql: &str) -> FlightDescriptor {
    command(&CommandStatementUpdate {
        query: sql.to_owned(),
        transaction_id: None,
    })
}

fn prepared(handle: &Bytes) -> FlightDescriptor {
    command(&CommandPreparedStatementQuery {
        prepared_statement_handle: handle.clone(),
    })
}

fn prepared_update(handle: &Bytes) -> FlightDescriptor {
    command(&CommandPreparedStatementUpdate {
        prepared_statement_handle: handle.clone(),
    })
}

#[tokio::test]
async fn an_update_is_answered_before_the_client_ends_its_stream() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let (sender, messages) = mpsc::unbounded();
    sender
        .unbounded_send(only(update("SET batch_rows = 123")))
        .unwrap();
    let request = client.request(messages);
    let mut results = client.flight.do_put(request).await.unwrap().into_inner();
    assert_eq!(count(&results.message().await.unwrap().unwrap()), 0);
    drop(sender);
    assert!(results.message().await.unwrap().is_none());
    assert_eq!(client.option("batch_rows").await, "123");
}

#[tokio::test]
async fn an_effect_runs_once_in_get_flight_info() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let info = client.sql_info("SET batch_rows = 77").await.unwrap();
    assert_eq!(client.option("batch_rows").await, "77");
    client.sql_info("RESET batch_rows").await.unwrap();
    // Fetching its count row does not run it again.
    let (_, rows) = client.get(ticket(&info)).await.unwrap();
    assert_eq!(rows[0].num_rows(), 1);
    assert_eq!(client.option("batch_rows").await, "8192");
    // Describing and preparing run nothing.
    let request = client.request(crate::support::statement("SET batch_rows = 78"));
    client.flight.get_schema(request).await.unwrap();
    client.prepare("SET batch_rows = 78").await;
    assert_eq!(client.option("batch_rows").await, "8192");
}

#[tokio::test]
async fn parameters_are_bound_by_position_and_the_handle_stays() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let handle = client
        .prepare("SELECT name FROM people WHERE id = ? OR name = ?")
        .await;
    for (id, name, rows) in [(1, "Grace", 2), (3, "nobody", 1), (9, "nobody", 0)] {
        let id: ArrayRef = Arc::new(Int32Array::from(vec![id]));
        let name: ArrayRef = Arc::new(StringArray::from(vec![name]));
        let results = client
            .put(upload(prepared(&handle), vec![batch(vec![id, name])]))
            .await
            .unwrap();
        let [result] = results.as_slice() else {
            panic!("{results:?}");
        };
        let result = DoPutPreparedStatementResult::decode(result.app_metadata.clone()).unwrap();
        assert_eq!(result.prepared_statement_handle, Some(handle.clone()));
        let info = client.info(prepared(&handle)).await.unwrap();
        let (_, batches) = client.get(ticket(&info)).await.unwrap();
        assert_eq!(
            batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
            rows
        );
    }
}

#[tokio::test]
async fn several_rows_of_parameters_give_the_rows_of_all() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let handle = client.prepare("SELECT name FROM people WHERE id = ?").await;
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 3]));
    client
        .put(upload(prepared(&handle), vec![batch(vec![ids])]))
        .await
        .unwrap();
    let info = client.info(prepared(&handle)).await.unwrap();
    let (_, batches) = client.get(ticket(&info)).await.unwrap();
    assert_eq!(batches.iter().map(RecordBatch::num_rows).sum::<usize>(), 2);
}

#[tokio::test]
async fn a_prepared_update_without_parameters_runs_once() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let handle = client.prepare("SET batch_rows = 55").await;
    let no_columns = upload(prepared_update(&handle), vec![]);
    for messages in [vec![only(prepared_update(&handle))], no_columns] {
        client.sql_info("RESET batch_rows").await.unwrap();
        let results = client.put(messages).await.unwrap();
        assert_eq!(results.len(), 1);
        assert_eq!(count(&results[0]), 0);
        assert_eq!(client.option("batch_rows").await, "55");
    }
}

#[tokio::test]
async fn what_cannot_be_put_is_said() {
    let server = Server::start_with(|_| {}, |options| options.max_request_bytes = 1 << 20).await;
    let mut client = server.alice().await;
    let rows = "returns rows";
    assert_fails(
        client.put(vec![only(update("SELECT 1"))]).await,
        Code::InvalidArgument,
        rows,
    );
    let handle = client.prepare("SELECT 1 WHERE 1 = ?").await;
    let result = client.put(vec![only(prepared_update(&handle))]).await;
    assert_fails(result, Code::InvalidArgument, rows);
    assert_fails(
        client.put(vec![]).await,
        Code::InvalidArgument,
        "any message",
    );
    let bare = vec![FlightData::default()];
    assert_fails(client.put(bare).await, Code::InvalidArgument, "descriptor");
    let catalogs = command(&CommandGetCatalogs {});
    assert_fails(
        client.put(vec![only(catalogs)]).await,
        Code::InvalidArgument,
        "DoPut",
    );
    let two: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    let two = upload(prepared(&handle), vec![batch(vec![Arc::clone(&two), two])]);
    assert_fails(client.put(two).await, Code::InvalidArgument, "");
    // Small messages, and too many of them together.
    let part = batch(vec![Arc::new(Int64Array::from(vec![0; 50_000]))]);
    let many = upload(prepared(&handle), vec![part; 10]);
    assert_fails(
        client.put(many).await,
        Code::ResourceExhausted,
        "wire.max_request_bytes",
    );
    let mut broken = upload(
        prepared(&handle),
        vec![batch(vec![Arc::new(Int64Array::from(vec![1]))])],
    );
    broken[1].data_body = Bytes::from_static(b"short");
    assert_fails(
        client.put(broken).await,
        Code::InvalidArgument,
        "Arrow data",
    );
    let in_transaction = command(&CommandStatementUpdate {
        query: "SET batch_rows = 1".to_owned(),
        transaction_id: Some("t".into()),
    });
    let result = client.put(vec![only(in_transaction)]).await;
    assert_fails(result, Code::InvalidArgument, "malformed transaction id");
}

#[tokio::test]
async fn a_closed_or_foreign_handle_is_not_found() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let handle = client.prepare("SELECT 1").await;
    let close = packed(&ActionClosePreparedStatementRequest {
        prepared_statement_handle: handle.clone(),
    });
    let mut other = server.alice().await;
    let gone = "prepared statement";
    assert_fails(other.info(prepared(&handle)).await, Code::NotFound, gone);
    for _ in 0..2 {
        let results = client
            .action("ClosePreparedStatement", close.clone())
            .await
            .unwrap();
        assert_eq!(results, []);
    }
    assert_fails(client.info(prepared(&handle)).await, Code::NotFound, "");
    let forged = Bytes::from_static(b"\x01 a handle of nobody");
    assert_fails(
        client.info(prepared(&forged)).await,
        Code::InvalidArgument,
        "not issued",
    );
    let mut bob = server.client(Some(&crate::support::basic("bob"))).await;
    assert_fails(
        bob.info(prepared(&handle)).await,
        Code::PermissionDenied,
        "another user",
    );
}

#[tokio::test]
async fn an_upload_that_breaks_off_binds_nothing() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let handle = client.prepare("SELECT ?").await;
    let (sender, messages) = mpsc::unbounded();
    let mut parts = upload(
        prepared(&handle),
        vec![batch(vec![Arc::new(Int64Array::from(vec![1]))])],
    );
    sender.unbounded_send(parts.remove(0)).unwrap();
    let request = client.request(messages);
    let mut flight = client.flight.clone();
    let call = tokio::spawn(async move { flight.do_put(request).await.map(|_| ()) });
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    drop(sender);
    let info = client.info(prepared(&handle)).await.unwrap();
    assert_fails(
        client.get(ticket(&info)).await,
        Code::InvalidArgument,
        "none are bound",
    );
    let _ = stream::empty::<()>().next().await;
}
