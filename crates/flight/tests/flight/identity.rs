//! Who may call, and how they prove it.

use arrow_flight::HandshakeRequest;
use arrow_flight::sql::client::FlightSqlServiceClient;
use futures::TryStreamExt;
use godwit_config::AuthMode;
use tonic::Code;

use crate::support::{Server, assert_fails, basic, path, statement};

#[tokio::test]
async fn a_password_buys_a_token_and_a_token_is_as_good_as_the_password() {
    let server = Server::start().await;
    let mut login = server.client(Some(&basic("alice"))).await;
    let token = login.handshake().await.unwrap();
    assert!(token.starts_with("Bearer "));
    let mut client = server.client(Some(&token)).await;
    assert_eq!(client.number("SELECT 1").await.unwrap(), 1);
    // A token in a handshake, with any payload.
    let payload = HandshakeRequest {
        protocol_version: 7,
        payload: "anything".into(),
    };
    let request = client.request(futures::stream::iter(vec![payload; 3]));
    let response = client.flight.handshake(request).await.unwrap();
    let messages: Vec<_> = response.into_inner().try_collect().await.unwrap();
    assert_eq!(messages.len(), 0);
    // The password with each call.
    assert_eq!(login.number("SELECT 1").await.unwrap(), 1);
}

#[tokio::test]
async fn the_rust_client_logs_in_prepares_and_queries() {
    let server = Server::start().await;
    let channel = server.client(None).await.channel;
    let mut client = FlightSqlServiceClient::new(channel);
    client.handshake("alice", "alicealice").await.unwrap();
    let info = client
        .execute("SELECT 41 + 1".to_owned(), None)
        .await
        .unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let rows: Vec<_> = client
        .do_get(ticket)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(rows[0].num_rows(), 1);
    assert_eq!(
        client
            .execute_update("SET batch_rows = 9".to_owned(), None)
            .await
            .unwrap(),
        0
    );
    let mut prepared = client
        .prepare("SELECT ? + 1".to_owned(), None)
        .await
        .unwrap();
    let info = prepared.execute().await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let rows = client.do_get(ticket).await;
    assert!(rows.is_err(), "a parameter is missing");
    prepared.close().await.unwrap();
}

#[tokio::test]
async fn nobody_passes_without_credentials() {
    let server = Server::start().await;
    let wrong = [
        None,
        Some(basic("mallory")),
        Some(basic("alice").replace("Basic ", "Basic A")),
        Some("Bearer None".to_owned()),
        Some("Bearer a.b.c".to_owned()),
        Some("Negotiate abc".to_owned()),
        Some(String::new()),
    ];
    let mut texts = std::collections::BTreeSet::new();
    for authorization in wrong {
        let mut client = server.client(authorization.as_deref()).await;
        assert_fails(client.handshake().await, Code::Unauthenticated, "password");
        let refused = client.sql_info("SELECT 1").await.unwrap_err();
        assert_eq!(refused.code(), Code::Unauthenticated);
        texts.insert(
            refused
                .message()
                .split(" [query")
                .next()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(texts.len(), 1, "no hint at what was wrong: {texts:?}");
}

#[tokio::test]
async fn every_rpc_is_closed_to_strangers() {
    let server = Server::start().await;
    let mut client = server.client(None).await;
    let flight = &mut client.flight;
    let says = "password";
    let refused = Code::Unauthenticated;
    assert_fails(
        flight.get_flight_info(statement("SELECT 1")).await,
        refused,
        says,
    );
    assert_fails(
        flight.poll_flight_info(statement("SELECT 1")).await,
        refused,
        says,
    );
    assert_fails(flight.get_schema(path(&["people"])).await, refused, says);
    assert_fails(
        flight.do_get(arrow_flight::Ticket::new("SELECT 1")).await,
        refused,
        says,
    );
    let action = arrow_flight::Action::new("GetSessionOptions", "");
    assert_fails(flight.do_action(action).await, refused, says);
    assert_fails(
        flight.list_flights(arrow_flight::Criteria::default()).await,
        refused,
        says,
    );
    assert_fails(
        flight.list_actions(arrow_flight::Empty {}).await,
        refused,
        says,
    );
    assert_fails(flight.do_put(futures::stream::empty()).await, refused, says);
    assert_fails(
        flight.do_exchange(futures::stream::empty()).await,
        refused,
        says,
    );
}

#[tokio::test]
async fn without_authentication_everyone_is_the_same() {
    let server = Server::start_with(|config| config.auth.mode = AuthMode::Off, |_| {}).await;
    let mut client = server.client(None).await;
    assert_eq!(client.number("SELECT 1").await.unwrap(), 1);
    let request = client.request(futures::stream::empty());
    client.flight.handshake(request).await.unwrap();
    let mut other = server.client(Some("Bearer None")).await;
    assert_eq!(other.number("SELECT 1").await.unwrap(), 1);
}
