//! Bytes that no client should send: an error with the right code each, and the server lives on.

use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::{FlightDescriptor, Ticket};
use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use prost::Message;
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::{Code, Response, Status};

use crate::support::{Client, Server, assert_fails, path, statement};

/// Sends bytes as they are, in the place of messages.
#[derive(Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, out: &mut EncodeBuf<'_>) -> Result<(), Status> {
        out.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(from.copy_to_bytes(from.remaining())))
    }
}

impl Client {
    async fn raw(&mut self, rpc: &str, body: &[u8]) -> Result<Response<Bytes>, Status> {
        let mut grpc = Grpc::new(self.channel.clone());
        grpc.ready().await.unwrap();
        let path = format!("/arrow.flight.protocol.FlightService/{rpc}");
        let path = PathAndQuery::try_from(path).unwrap();
        let request = self.request(Bytes::copy_from_slice(body));
        grpc.unary(request, path, Raw).await
    }
}

#[tokio::test]
async fn messages_that_are_no_protobuf() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    for rpc in [
        "GetFlightInfo",
        "GetSchema",
        "PollFlightInfo",
        "DoGet",
        "DoAction",
        "ListFlights",
    ] {
        for body in [&b"\xff\xff\xff\xff"[..], b"\x0a\xff\xff\xff\x7f", b"\x0b"] {
            assert_fails(
                client.raw(rpc, body).await,
                Code::InvalidArgument,
                "cannot be read",
            );
        }
    }
    let put = client.raw("DoPut", b"\xff\xff\xff\xff").await;
    assert_fails(put, Code::InvalidArgument, "");
    assert_eq!(client.number("SELECT 1").await.unwrap(), 1);
}

#[tokio::test]
async fn unknown_rpcs_and_services() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let unknown = client.raw("MakeCoffee", b"").await.unwrap_err();
    assert_eq!(unknown.code(), Code::Unimplemented);
    assert_eq!(client.number("SELECT 1").await.unwrap(), 1);
}

#[tokio::test]
async fn descriptors_of_no_use() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let unknown = arrow_flight::sql::Any {
        type_url: "type.googleapis.com/arrow.flight.protocol.sql.CommandMakeCoffee".to_owned(),
        value: Bytes::new(),
    };
    let truncated = arrow_flight::sql::Any {
        type_url: "type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery".to_owned(),
        value: Bytes::from_static(b"\x0a\xff"),
    };
    let typeless = FlightDescriptor {
        r#type: DescriptorType::Unknown.into(),
        ..FlightDescriptor::default()
    };
    let command = |bytes: Vec<u8>| FlightDescriptor::new_cmd(bytes);
    let cases = [
        (
            command(unknown.encode_to_vec()),
            Code::Unimplemented,
            "CommandMakeCoffee",
        ),
        (
            command(truncated.encode_to_vec()),
            Code::InvalidArgument,
            "malformed",
        ),
        (command(vec![0xff; 10]), Code::InvalidArgument, "malformed"),
        (command(vec![]), Code::InvalidArgument, ""),
        (typeless, Code::InvalidArgument, "neither CMD nor PATH"),
        (path(&[]), Code::InvalidArgument, "one to three parts"),
        (
            path(&["a", "b", "c", "d"]),
            Code::InvalidArgument,
            "one to three parts",
        ),
        (path(&["no_such_table"]), Code::NotFound, "no_such_table"),
        (path(&["\"; DROP TABLE x"]), Code::NotFound, ""),
        (
            statement("SELECT * FROM nowhere.people"),
            Code::NotFound,
            "",
        ),
        (statement("SELEC 1"), Code::InvalidArgument, ""),
        (statement(""), Code::InvalidArgument, ""),
        (statement("SELECT 1; SELECT 2"), Code::InvalidArgument, ""),
        (statement("SELECT ?"), Code::InvalidArgument, ""),
        (
            statement("INSERT INTO people VALUES (1, 'x')"),
            Code::InvalidArgument,
            "read-only",
        ),
    ];
    for (descriptor, code, says) in cases {
        assert_fails(client.info(descriptor.clone()).await, code, says);
        let request = client.request(descriptor);
        assert_fails(client.flight.get_schema(request).await, code, says);
    }
    assert_eq!(client.number("SELECT 1").await.unwrap(), 1);
}

#[tokio::test]
async fn failures_of_a_running_query_end_its_stream_with_their_code() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let info = client
        .sql_info("SELECT 1 / (id - 2) FROM people")
        .await
        .unwrap();
    let failed = client.get(crate::support::ticket(&info)).await;
    assert_fails(failed, Code::InvalidArgument, "");
    assert_fails(
        client.sql_info("SELECT * FROM broken").await,
        Code::DataLoss,
        "missing.parquet",
    );
    assert_eq!(client.number("SELECT 1").await.unwrap(), 1);
}

#[tokio::test]
async fn requests_beyond_the_limits() {
    let server = Server::start_with(|_| {}, |options| options.max_request_bytes = 1 << 20).await;
    let mut client = server.alice().await;
    let huge = "x".repeat(2 << 20);
    let refused = client.info(statement(&huge)).await;
    assert_fails(refused, Code::ResourceExhausted, "wire.max_request_bytes");
    let refused = client.get(Ticket::new(huge)).await;
    assert_fails(refused, Code::ResourceExhausted, "wire.max_request_bytes");
    // Below that, above the limit of a statement.
    let long = format!("SELECT '{}'", "x".repeat(1_010_000));
    let refused = client.info(statement(&long)).await;
    assert_fails(refused, Code::InvalidArgument, "query.max_sql_bytes");
    let deep = format!("SELECT {}1{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_fails(
        client.info(statement(&deep)).await,
        Code::InvalidArgument,
        "",
    );
    client
        .headers
        .insert("x-much".to_owned(), "y".repeat(64 << 10));
    assert!(client.sql_info("SELECT 1").await.is_err());
    client.headers.remove("x-much");
    assert_eq!(client.number("SELECT 1").await.unwrap(), 1);
}

#[tokio::test]
async fn a_long_message_still_reaches_the_client() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let name = "é".repeat(100_000);
    let failed = client.sql_info(&format!("SELECT * FROM \"{name}\"")).await;
    assert_fails(failed, Code::NotFound, "é");
}
