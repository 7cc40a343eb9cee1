//! What a ticket is good for, and for whom.

use std::time::Duration;

use arrow_flight::sql::{CommandGetCatalogs, CommandStatementUpdate};
use arrow_flight::{FlightEndpoint, RenewFlightEndpointRequest, Ticket};
use bytes::Bytes;
use prost::Message;
use tonic::Code;

use crate::support::{Server, assert_fails, basic, command, packed, statement, ticket};

fn ticket_of(bytes: impl Into<Bytes>) -> Ticket {
    Ticket::new(bytes)
}

#[tokio::test]
async fn a_ticket_can_be_used_again_and_does_not_need_the_plan_cache() {
    let configure = |config: &mut godwit_config::Config| config.statements.cached_plans = 0;
    let server = Server::start_with(configure, |_| {}).await;
    let mut client = server.alice().await;
    let info = client.sql_info("SELECT * FROM people").await.unwrap();
    for _ in 0..3 {
        let (_, rows) = client.get(ticket(&info)).await.unwrap();
        assert_eq!(rows[0].num_rows(), 3);
    }
}

#[tokio::test]
async fn forged_and_truncated_tickets_are_refused() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    for descriptor in [
        statement("SELECT * FROM people"),
        command(&CommandGetCatalogs {}),
    ] {
        let info = client.info(descriptor).await.unwrap();
        let good = ticket(&info).ticket;
        for at in [1, good.len() / 2, good.len() - 1] {
            let mut forged = good.to_vec();
            forged[at] ^= 1;
            assert_fails(
                client.get(ticket_of(forged)).await,
                Code::InvalidArgument,
                "not issued",
            );
        }
        for length in [1, 10, good.len() - 1] {
            let truncated = good.slice(..length);
            assert_fails(
                client.get(ticket_of(truncated)).await,
                Code::InvalidArgument,
                "not issued",
            );
        }
        let longer = [good.as_ref(), b"x"].concat();
        assert_fails(
            client.get(ticket_of(longer)).await,
            Code::InvalidArgument,
            "not issued",
        );
    }
}

#[tokio::test]
async fn what_is_no_ticket_at_all_is_refused() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    for bytes in [
        &b""[..],
        b"\x00",
        b"\x0a\xff\xff",
        b"\xff\xfe\xfd",
        &[0x80; 100],
    ] {
        let result = client.get(ticket_of(bytes.to_vec())).await;
        assert_fails(result, Code::InvalidArgument, "");
    }
    // A prepared statement's handle is no ticket, though the same key sealed it.
    let update = packed(&CommandStatementUpdate {
        query: "SET batch_rows = 1".to_owned(),
        transaction_id: None,
    });
    assert_fails(
        client.get(ticket_of(update)).await,
        Code::InvalidArgument,
        "DoGet",
    );
}

#[tokio::test]
async fn an_expired_ticket_says_so() {
    let server = Server::start_with(|_| {}, |options| options.ticket_ttl = Duration::ZERO).await;
    let mut client = server.alice().await;
    let info = client.sql_info("SELECT 1").await.unwrap();
    assert_fails(client.get(ticket(&info)).await, Code::NotFound, "expired");
}

#[tokio::test]
async fn a_ticket_is_its_users_own() {
    let server = Server::start().await;
    let info = server.alice().await.sql_info("SELECT 1").await.unwrap();
    let mut bob = server.client(Some(&basic("bob"))).await;
    assert_fails(
        bob.get(ticket(&info)).await,
        Code::PermissionDenied,
        "another user",
    );
}

#[tokio::test]
async fn sql_text_in_place_of_a_ticket_is_a_query_in_one_round_trip() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let (_, rows) = client.get(ticket_of("SELECT * FROM people")).await.unwrap();
    assert_eq!(rows[0].num_rows(), 3);
    assert_fails(
        client.get(ticket_of("SELEC 1")).await,
        Code::InvalidArgument,
        "",
    );
}

#[tokio::test]
async fn a_table_that_changed_its_columns_asks_to_run_again() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let planned = client.sql_info("SELECT * FROM changing").await.unwrap();
    let listed = client.list("%changing").await;
    let [unplanned] = listed.as_slice() else {
        panic!("{listed:?}");
    };
    client.get(ticket(&planned)).await.unwrap();
    server.write_changing("id,more\n1,one\n2,two\n");
    let changed = client.get(ticket(&planned)).await;
    assert_fails(changed, Code::InvalidArgument, "changed");
    let changed = client.get(ticket(unplanned)).await;
    assert_fails(changed, Code::InvalidArgument, "run the statement again");
    let info = client.sql_info("SELECT * FROM changing").await.unwrap();
    let (schema, _) = client.get(ticket(&info)).await.unwrap();
    assert_eq!(schema.fields().len(), 2);
}

#[tokio::test]
async fn an_endpoint_can_be_renewed() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let info = client.sql_info("SELECT 5").await.unwrap();
    let before = info.endpoint[0].clone();
    let request = RenewFlightEndpointRequest {
        endpoint: Some(before.clone()),
    };
    let results = client
        .action("RenewFlightEndpoint", request.encode_to_vec())
        .await
        .unwrap();
    let after = FlightEndpoint::decode(results[0].body.clone()).unwrap();
    assert!(after.expiration_time.unwrap().seconds >= before.expiration_time.unwrap().seconds);
    let (_, rows) = client.get(after.ticket.unwrap()).await.unwrap();
    assert_eq!(rows[0].num_rows(), 1);
}
