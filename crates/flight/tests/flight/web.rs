//! Calls of browsers: gRPC-web over HTTP/1.1, read from the socket byte by byte, as no gRPC library would let a test.

use arrow_flight::{FlightDescriptor, FlightInfo};
use prost::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{Server, basic};

const PAGE: &str = "https://app.example.com";

/// Sends one request on a connection of its own; the head of the answer in lower case, and its body.
async fn send(server: &Server, head: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut connection = TcpStream::connect(server.address).await.unwrap();
    let length = body.len();
    let head =
        format!("{head}\r\nhost: a\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n");
    connection.write_all(head.as_bytes()).await.unwrap();
    connection.write_all(body).await.unwrap();
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let body = answer.split_off(end + 4);
    let body = match head.contains("transfer-encoding: chunked") {
        true => unchunked(&body),
        false => body,
    };
    (head, body)
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = body.windows(2).position(|w| w == b"\r\n") {
        let size = std::str::from_utf8(&body[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        whole.extend_from_slice(&body[end + 2..end + 2 + size]);
        body = &body[end + 4 + size..];
    }
    whole
}

fn framed(message: &[u8]) -> Vec<u8> {
    let mut frame = vec![0];
    frame.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    frame.extend(message);
    frame
}

/// The messages of an answer, and its trailers as text.
fn frames(mut body: &[u8]) -> (Vec<&[u8]>, String) {
    let (mut messages, mut trailers) = (Vec::new(), String::new());
    while let [flag, a, b, c, d, rest @ ..] = body {
        let size = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let (part, after) = rest.split_at(size);
        match flag {
            0 => messages.push(part),
            _ => trailers.push_str(&String::from_utf8_lossy(part)),
        }
        body = after;
    }
    (messages, trailers)
}

fn head(method: &str, more: &str) -> String {
    format!(
        "POST /arrow.flight.protocol.FlightService/{method} HTTP/1.1\r\ncontent-type: application/grpc-web+proto{more}"
    )
}

fn preflight(origin: &str) -> String {
    format!(
        "OPTIONS /arrow.flight.protocol.FlightService/DoGet HTTP/1.1\r\norigin: {origin}\r\n\
         access-control-request-method: POST\r\naccess-control-request-headers: authorization"
    )
}

#[tokio::test]
async fn a_call_of_a_browser_is_a_call_like_any_other() {
    let server = Server::start().await;
    let descriptor = FlightDescriptor::new_cmd("SELECT 1 AS one").encode_to_vec();
    let authorization = format!("\r\nauthorization: {}", basic("alice"));
    let (headers, body) = send(
        &server,
        &head("GetFlightInfo", &authorization),
        &framed(&descriptor),
    )
    .await;
    assert!(headers.starts_with("http/1.1 200"), "{headers}");
    assert!(
        headers.contains("content-type: application/grpc-web"),
        "{headers}"
    );
    let (messages, trailers) = frames(&body);
    assert!(trailers.contains("grpc-status:0"), "{trailers}");
    let info = FlightInfo::decode(messages[0]).unwrap();
    let rows = info.endpoint[0].ticket.clone().unwrap().encode_to_vec();
    let (_, body) = send(&server, &head("DoGet", &authorization), &framed(&rows)).await;
    let (messages, trailers) = frames(&body);
    assert_eq!(messages.len(), 2, "the schema and one batch");
    assert!(trailers.contains("grpc-status:0"), "{trailers}");
}

#[tokio::test]
async fn credentials_are_asked_for() {
    let server = Server::start().await;
    let descriptor = FlightDescriptor::new_cmd("SELECT 1").encode_to_vec();
    for authorization in ["", "\r\nauthorization: Bearer x"] {
        let (headers, body) = send(
            &server,
            &head("GetFlightInfo", authorization),
            &framed(&descriptor),
        )
        .await;
        let (messages, trailers) = frames(&body);
        assert!(messages.is_empty());
        let status = format!("{headers}\r\n{trailers}").replace(": ", ":");
        assert!(status.contains("grpc-status:16"), "{status}");
    }
}

#[tokio::test]
async fn a_handshake_gives_a_token() {
    let server = Server::start().await;
    let authorization = format!("\r\nauthorization: {}", basic("alice"));
    let (headers, _) = send(&server, &head("Handshake", &authorization), &framed(b"")).await;
    assert!(headers.contains("authorization: bearer "), "{headers}");
}

#[tokio::test]
async fn only_listed_pages_may_call() {
    let listed = |options: &mut godwit_flight::FlightOptions| {
        options.allowed_origins = vec![PAGE.to_owned()];
    };
    let server = Server::start_with(|_| {}, listed).await;
    let (headers, _) = send(&server, &preflight(PAGE), b"").await;
    assert!(headers.starts_with("http/1.1 200"), "{headers}");
    assert!(
        headers.contains(&format!("access-control-allow-origin: {PAGE}")),
        "{headers}"
    );
    let (headers, _) = send(&server, &preflight("https://evil.example"), b"").await;
    assert!(
        !headers.contains("access-control-allow-origin"),
        "{headers}"
    );
    let none = Server::start().await;
    let (headers, _) = send(&none, &preflight(PAGE), b"").await;
    assert!(
        !headers.contains("access-control-allow-origin"),
        "{headers}"
    );
}

#[tokio::test]
async fn what_is_no_call_is_refused() {
    let server = Server::start().await;
    for (request, status) in [
        ("GET / HTTP/1.1".to_owned(), "400"),
        (head("DoGet", "").replace("POST", "GET"), "405"),
        (
            head("DoGet", "").replace("application/grpc-web+proto", "text/html"),
            "400",
        ),
    ] {
        let (headers, _) = send(&server, &request, b"").await;
        assert!(
            headers.starts_with(&format!("http/1.1 {status}")),
            "{headers}"
        );
    }
}
