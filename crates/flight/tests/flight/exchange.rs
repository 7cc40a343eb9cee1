//! DoExchange: SQL over the rows that the client is uploading.

use std::sync::Arc;
use std::time::Duration;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::{Int64Type, Schema};
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::encode::{DictionaryHandling, FlightDataEncoderBuilder};
use arrow_flight::error::FlightError;
use arrow_flight::sql::*;
use arrow_flight::utils::batches_to_flight_data;
use arrow_flight::{FlightData, FlightDescriptor};
use bytes::Bytes;
use futures::channel::mpsc::unbounded;
use futures::{TryStreamExt, stream};
use tonic::{Code, Status, Streaming};

use crate::support::{Client, Server, assert_fails, command, path, statement, typed_batch};

fn batch(from: i64, rows: i64) -> RecordBatch {
    let ids = Int64Array::from_iter_values(from..from + rows);
    RecordBatch::try_from_iter([("id", Arc::new(ids) as ArrayRef)]).unwrap()
}

/// The messages of an upload, the descriptor in the first together with the schema.
fn upload(descriptor: FlightDescriptor, batches: &[RecordBatch]) -> Vec<FlightData> {
    let schema = batches[0].schema();
    let mut messages = batches_to_flight_data(&schema, batches.to_vec()).unwrap();
    messages[0].flight_descriptor = Some(descriptor);
    messages
}

/// The descriptor in a message of its own, as pyarrow sends it.
fn apart(mut messages: Vec<FlightData>) -> Vec<FlightData> {
    let descriptor = messages[0].flight_descriptor.take().unwrap();
    messages.insert(0, FlightData::new().with_descriptor(descriptor));
    messages
}

fn sql(text: &str) -> FlightDescriptor {
    FlightDescriptor::new_cmd(text.to_owned())
}

impl Client {
    async fn start(
        &mut self,
        messages: impl futures::Stream<Item = FlightData> + Send + 'static,
    ) -> Result<Streaming<FlightData>, Status> {
        let request = self.request(messages);
        Ok(self.flight.do_exchange(request).await?.into_inner())
    }

    async fn exchange(
        &mut self,
        messages: Vec<FlightData>,
    ) -> Result<(Schema, Vec<RecordBatch>), Status> {
        let answers = self.start(stream::iter(messages)).await?;
        let answers: Vec<_> = answers.try_collect().await?;
        let schema = Schema::try_from(&answers[0]).unwrap();
        let answers = stream::iter(answers.into_iter().map(Ok::<_, FlightError>));
        let batches = FlightRecordBatchStream::new_from_flight_data(answers);
        Ok((schema, batches.try_collect().await.unwrap()))
    }

    /// The only number of the answer.
    async fn exchanged(&mut self, messages: Vec<FlightData>) -> Result<i64, Status> {
        let (_, batches) = self.exchange(messages).await?;
        let numbers: &Int64Array = batches[0].column(0).as_primitive::<Int64Type>();
        assert_eq!((batches.len(), numbers.len()), (1, 1));
        Ok(numbers.value(0))
    }
}

/// Waits until the server runs nothing.
async fn idle(server: &Server) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(5);
    while server.engine.running() > 0 {
        assert!(tokio::time::Instant::now() < deadline, "a query still runs");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_stream_is_queried_whatever_way_it_begins() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let batches = [batch(0, 10), batch(10, 90)];
    let text = "SELECT sum(id) AS total FROM input";
    for descriptor in [sql(text), statement(text)] {
        let messages = upload(descriptor, &batches);
        assert_eq!(client.exchanged(messages.clone()).await.unwrap(), 4950);
        assert_eq!(client.exchanged(apart(messages)).await.unwrap(), 4950);
    }
    // Joined with a table of the server.
    let text = "SELECT sum(id) AS total FROM input JOIN people USING (id)";
    let messages = upload(sql(text), &batches);
    assert_eq!(client.exchanged(messages).await.unwrap(), 6);
}

#[tokio::test]
async fn without_rows_and_without_a_schema() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let only = |text| vec![FlightData::new().with_descriptor(sql(text))];
    let count = "SELECT count(*) AS n FROM input";
    let nothing = upload(sql(count), &[batch(0, 0)]);
    assert_eq!(client.exchanged(nothing).await.unwrap(), 0);
    let people = "SELECT count(*) AS n FROM people";
    assert_eq!(client.exchanged(only(people)).await.unwrap(), 3);
    let ignored = upload(sql(people), &[batch(0, 10)]);
    assert_eq!(client.exchanged(ignored).await.unwrap(), 3);
    let missing = client.exchange(only(count)).await;
    assert_fails(missing, Code::NotFound, "uploaded nothing");
}

#[tokio::test]
async fn the_answer_has_the_form_of_do_get() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let encoded = FlightDataEncoderBuilder::new()
        .with_dictionary_handling(DictionaryHandling::Resend)
        .with_flight_descriptor(Some(sql("SELECT * FROM input")))
        .build(stream::iter([Ok(typed_batch())]));
    let messages = encoded.try_collect().await.unwrap();
    let (schema, rows) = client.exchange(messages).await.unwrap();
    let info = client.sql_info("SELECT * FROM types").await.unwrap();
    let (wanted, expected) = client.get(crate::support::ticket(&info)).await.unwrap();
    assert_eq!(schema.fields(), wanted.fields());
    assert_eq!(rows, expected);
}

#[tokio::test]
async fn each_batch_is_answered_before_the_next_is_sent() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let text = "SELECT id * 2 AS twice FROM input WHERE id % 10 = 0";
    let mut messages = upload(sql(text), &[batch(0, 100)]);
    let rows = messages.pop().unwrap();
    let (sender, sent) = unbounded();
    messages
        .into_iter()
        .for_each(|message| sender.unbounded_send(message).unwrap());
    let mut answers = client.start(sent).await.unwrap();
    let schema = answers.message().await.unwrap().unwrap();
    assert_eq!(Schema::try_from(&schema).unwrap().field(0).name(), "twice");
    for _ in 0..5 {
        sender.unbounded_send(rows.clone()).unwrap();
        let answer = answers.message().await.unwrap().unwrap();
        assert!(!answer.data_body.is_empty());
        assert_eq!(server.engine.running(), 1);
    }
    // It is seen by who asks what runs.
    let running =
        "SELECT count(*) FROM system.queries WHERE ended IS NULL AND sql LIKE '%twice FROM input%'";
    let mut other = server.alice().await;
    assert_eq!(other.number(running).await.unwrap(), 2);
    drop(sender);
    assert!(answers.message().await.unwrap().is_none());
    idle(&server).await;
}

#[tokio::test]
async fn a_limit_ends_it_while_the_client_still_sends() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let messages = upload(sql("SELECT id FROM input LIMIT 150"), &[batch(0, 100)]);
    let (sender, sent) = unbounded();
    for message in messages.iter().chain([&messages[1]]) {
        sender.unbounded_send(message.clone()).unwrap();
    }
    let answers = client.start(sent).await.unwrap();
    let answers = answers.map_err(|status| FlightError::Tonic(Box::new(status)));
    let rows = FlightRecordBatchStream::new_from_flight_data(answers);
    let rows: Vec<_> = rows.try_collect().await.unwrap();
    assert_eq!(rows.iter().map(RecordBatch::num_rows).sum::<usize>(), 150);
    idle(&server).await;
    drop(sender);
}

#[tokio::test]
async fn bad_beginnings() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let good = upload(sql("SELECT * FROM input"), &[batch(0, 10)]);
    let with = |descriptor| upload(descriptor, &[batch(0, 10)]);
    let invalid = Code::InvalidArgument;
    let prepared = command(&CommandPreparedStatementQuery {
        prepared_statement_handle: Bytes::from_static(b"h"),
    });
    let in_transaction = command(&CommandStatementQuery {
        query: "SELECT 1".to_owned(),
        transaction_id: Some("t".into()),
    });
    for (messages, code, says) in [
        (vec![], invalid, "any message"),
        (good[1..].to_vec(), invalid, "descriptor"),
        (with(path(&["people"])), invalid, "DoPut"),
        (with(command(&CommandGetCatalogs {})), invalid, "DoExchange"),
        (with(prepared), invalid, "DoExchange"),
        (
            with(in_transaction),
            Code::InvalidArgument,
            "malformed transaction id",
        ),
        (with(sql("SELEC 1")), invalid, "SQL syntax"),
        (with(sql("SELECT nothing FROM input")), invalid, "nothing"),
        (
            with(sql("SELECT * FROM nowhere")),
            Code::NotFound,
            "nowhere",
        ),
        (
            with(sql("SET batch_rows = 5")),
            invalid,
            "DoExchange is for",
        ),
        (
            with(sql("SELECT * FROM input a, input b")),
            invalid,
            "more than once",
        ),
        (
            with(sql("SELECT * FROM input WHERE id = ?")),
            invalid,
            "parameters",
        ),
        // Rows before their schema.
        (
            vec![good[1].clone().with_descriptor(sql("SELECT * FROM input"))],
            invalid,
            "before their schema",
        ),
        (
            vec![good[0].clone().with_data_header("no header")],
            invalid,
            "Arrow data",
        ),
    ] {
        assert_fails(client.exchange(messages).await, code, says);
    }
    idle(&server).await;
}

#[tokio::test]
async fn bad_rows() {
    let server = Server::start_with(|_| {}, |options| options.max_request_bytes = 10_000).await;
    let mut client = server.alice().await;
    let good = upload(sql("SELECT * FROM input"), &[batch(0, 1000)]);
    let mut short = good[1].clone();
    short.data_body = short.data_body.slice(..100);
    let mut noise = good[1].clone();
    noise.data_header = Bytes::from_static(b"no header");
    let large = upload(sql(""), &[batch(0, 1300)]).remove(1);
    for (bad, code, says) in [
        (good[0].clone(), Code::InvalidArgument, "second schema"),
        (short, Code::InvalidArgument, "outside"),
        (noise, Code::InvalidArgument, "Arrow data"),
        (large, Code::ResourceExhausted, "wire.max_request_bytes"),
    ] {
        let messages = vec![good[0].clone(), good[1].clone(), bad, good[1].clone()];
        assert_fails(client.exchange(messages).await, code, says);
    }
    idle(&server).await;
}
