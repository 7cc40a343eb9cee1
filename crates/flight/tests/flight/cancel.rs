//! Stopping a query: by its ticket, or by going away.

use std::time::Duration;

use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult};
use arrow_flight::{CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus};
use prost::Message;
use tonic::Code;

use crate::support::{Server, packed, ticket, unpack};

/// Would run for hours, and gives rows from the start.
pub(crate) const LONG: &str =
    "SELECT a.value, b.value FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b";

pub(crate) async fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let waiting = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(5));
        while !condition() {
            ticks.tick().await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(5), waiting).await;
    waited.unwrap_or_else(|_| panic!("{what} did not happen"));
}

#[tokio::test]
async fn a_client_that_goes_away_frees_its_query() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let info = client.sql_info(LONG).await.unwrap();
    let request = client.request(ticket(&info));
    let mut rows = client.flight.do_get(request).await.unwrap().into_inner();
    rows.message().await.unwrap().unwrap();
    rows.message().await.unwrap().unwrap();
    assert_eq!(server.engine.running(), 1);
    drop(rows);
    wait_until("the end of the query", || server.engine.running() == 0).await;
}

#[tokio::test]
async fn another_call_can_cancel_by_the_ticket() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    for old_form in [false, true] {
        let info = client.sql_info(LONG).await.unwrap();
        let request = client.request(ticket(&info));
        let mut rows = client.flight.do_get(request).await.unwrap().into_inner();
        rows.message().await.unwrap().unwrap();
        let status = if old_form {
            let body = packed(&ActionCancelQueryRequest {
                info: info.encode_to_vec().into(),
            });
            let results = client.action("CancelQuery", body).await.unwrap();
            unpack::<ActionCancelQueryResult>(&results[0]).result
        } else {
            let body = CancelFlightInfoRequest { info: Some(info) }.encode_to_vec();
            let results = client.action("CancelFlightInfo", body).await.unwrap();
            CancelFlightInfoResult::decode(results[0].body.clone())
                .unwrap()
                .status
        };
        assert_eq!(status, CancelStatus::Cancelled as i32);
        let end = loop {
            match rows.message().await {
                Ok(Some(_)) => {}
                Ok(None) => panic!("the stream ended as if it were complete"),
                Err(status) => break status,
            }
        };
        assert_eq!(end.code(), Code::Cancelled);
        wait_until("the end of the query", || server.engine.running() == 0).await;
    }
}

#[tokio::test]
async fn what_does_not_run_cannot_be_cancelled() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    for sql in [LONG, "SET batch_rows = 9"] {
        let info = client.sql_info(sql).await.unwrap();
        let body = CancelFlightInfoRequest { info: Some(info) }.encode_to_vec();
        let results = client.action("CancelFlightInfo", body).await.unwrap();
        let result = CancelFlightInfoResult::decode(results[0].body.clone()).unwrap();
        assert_eq!(result.status(), CancelStatus::NotCancellable);
    }
}
