//! The end of the server.

use std::time::{Duration, Instant};

use crate::support::{GRACE, Server, ticket};

#[tokio::test]
async fn the_server_ends_at_once_when_nothing_runs() {
    let mut server = Server::start().await;
    let mut client = server.alice().await;
    client.number("SELECT 1").await.unwrap();
    let asked = Instant::now();
    server.stop.take().unwrap().send(()).unwrap();
    server.serving.await.unwrap().unwrap();
    assert!(asked.elapsed() < GRACE);
    assert!(client.number("SELECT 1").await.is_err());
}

#[tokio::test]
async fn a_client_that_does_not_end_is_not_waited_for_longer_than_the_grace() {
    let mut server = Server::start().await;
    let mut client = server.alice().await;
    let long = "SELECT a.value FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b";
    let info = client.sql_info(long).await.unwrap();
    let request = client.request(ticket(&info));
    let mut rows = client.flight.do_get(request).await.unwrap().into_inner();
    rows.message().await.unwrap().unwrap();
    let asked = Instant::now();
    server.stop.take().unwrap().send(()).unwrap();
    server.serving.await.unwrap().unwrap();
    assert!((GRACE..GRACE + Duration::from_secs(3)).contains(&asked.elapsed()));
}
