//! PollFlightInfo, and results over several endpoints.

use std::time::{Duration, Instant};

use arrow::array::AsArray;
use arrow::compute::concat_batches;
use arrow::datatypes::{Int64Type, Schema};
use arrow_flight::sql::{ActionCancelQueryRequest, ActionCancelQueryResult, CommandGetCatalogs};
use arrow_flight::{
    CancelFlightInfoRequest, CancelFlightInfoResult, CancelStatus, FlightDescriptor,
    FlightEndpoint, FlightInfo, PollInfo, RenewFlightEndpointRequest,
};
use godwit_config::Config;
use prost::Message;
use tonic::{Code, Status};

use crate::support::{
    Client, Server, assert_fails, basic, command, packed, path, statement, ticket, unpack,
};

/// Takes seconds, and its progress shows.
const SLOW: &str = "SELECT count(*) AS n FROM generate_series(1, 3000) a, generate_series(1, 100000) b WHERE a.value * b.value % 7 = 3";

/// Would run for hours.
const ENDLESS: &str = "SELECT a.value FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b ORDER BY b.value, a.value LIMIT 5";

impl Client {
    async fn poll(&mut self, descriptor: FlightDescriptor) -> Result<PollInfo, Status> {
        let request = self.request(descriptor);
        let response = self.flight.poll_flight_info(request).await?;
        Ok(response.into_inner())
    }

    /// Polls until the query has ended.
    async fn polled(&mut self, descriptor: FlightDescriptor) -> Result<FlightInfo, Status> {
        let started = Instant::now();
        let mut next = descriptor;
        loop {
            let told = self.poll(next).await?;
            match told.flight_descriptor {
                None => return Ok(told.info.unwrap()),
                Some(descriptor) => next = descriptor,
            }
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "it does not end"
            );
        }
    }

    async fn endpoints(&mut self, parts: u32) {
        let set = format!("SET endpoints = {parts}");
        self.query(&set).await.unwrap();
    }

    /// The numbers of an endpoint's first column.
    async fn numbers(&mut self, endpoint: &FlightEndpoint) -> Result<Vec<i64>, Status> {
        assert!(endpoint.location.is_empty());
        let (schema, batches) = self.get(endpoint.ticket.clone().unwrap()).await?;
        let all = concat_batches(&schema.into(), &batches).unwrap();
        Ok(all.column(0).as_primitive::<Int64Type>().values().to_vec())
    }

    async fn cancel(&mut self, info: FlightInfo) -> Result<CancelStatus, Status> {
        let body = CancelFlightInfoRequest { info: Some(info) }.encode_to_vec();
        let results = self.action("CancelFlightInfo", body).await?;
        let result = CancelFlightInfoResult::decode(results[0].body.clone()).unwrap();
        Ok(result.status())
    }
}

fn schema(info: &FlightInfo) -> Schema {
    info.clone().try_decode_schema().unwrap()
}

async fn server_with(configure: impl FnOnce(&mut Config)) -> Server {
    Server::start_with(configure, |_| {}).await
}

#[tokio::test]
async fn a_quick_query_is_complete_at_once() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let table = path(&["godwit", "files", "people"]);
    let text = FlightDescriptor::new_cmd("SELECT * FROM people");
    for descriptor in [statement("SELECT * FROM people"), table, text] {
        let info = client.polled(descriptor.clone()).await.unwrap();
        assert_eq!(info.total_records, 3);
        assert!(info.total_bytes > 0);
        assert!(!info.ordered);
        let described = client.info(descriptor).await.unwrap();
        assert_eq!(info.schema, described.schema);
        assert!(info.endpoint[0].expiration_time.is_some());
        let (got, rows) = client.get(ticket(&info)).await.unwrap();
        assert_eq!(got, schema(&info));
        assert_eq!(rows[0].num_rows(), 3);
    }
}

#[tokio::test]
async fn a_slow_query_tells_how_far_it_is() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let mut next = Some(statement(SLOW));
    let mut seen = Vec::new();
    let mut last = None;
    while let Some(descriptor) = next.take() {
        let told = client.poll(descriptor).await.unwrap();
        let info = told.info.unwrap();
        assert_eq!(schema(&info).field(0).name(), "n");
        seen.extend(told.progress);
        assert!(told.expiration_time.is_some());
        if told.flight_descriptor.is_some() {
            assert_eq!(info.endpoint, []);
            assert_eq!(info.flight_descriptor, told.flight_descriptor);
            assert!(told.progress < Some(1.0));
        } else {
            assert_eq!(told.progress, Some(1.0));
            last = Some(info);
        }
        next = told.flight_descriptor;
    }
    assert!(seen.is_sorted(), "{seen:?}");
    assert!(seen.len() > 2, "{seen:?}");
    let info = last.unwrap();
    assert_eq!(info.total_records, 1);
    // The handle of a complete query still says the same, until its rows are read.
    let handle = info.flight_descriptor.clone().unwrap();
    let again = client.poll(handle.clone()).await.unwrap();
    assert_eq!(again.flight_descriptor, None);
    assert_eq!(again.info.unwrap().total_records, 1);
    assert!(client.numbers(&info.endpoint[0]).await.unwrap()[0] > 0);
    assert_fails(client.poll(handle).await, Code::NotFound, "again");
    assert_fails(client.get(ticket(&info)).await, Code::NotFound, "again");
}

#[tokio::test]
async fn what_is_no_query_is_complete_at_once_and_an_effect_happens_once() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    for descriptor in [
        statement("SET batch_rows = 77"),
        command(&CommandGetCatalogs {}),
    ] {
        let told = client.poll(descriptor).await.unwrap();
        assert_eq!((told.flight_descriptor, told.progress), (None, Some(1.0)));
        let info = told.info.unwrap();
        for _ in 0..2 {
            assert_eq!(client.get(ticket(&info)).await.unwrap().1[0].num_rows(), 1);
        }
    }
    assert_fails(
        client.poll(statement("SELEC 1")).await,
        Code::InvalidArgument,
        "SQL",
    );
}

#[tokio::test]
async fn a_query_in_the_background_is_cancelled_by_its_info() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    for old_form in [false, true] {
        let told = client.poll(statement(ENDLESS)).await.unwrap();
        let info = told.info.unwrap();
        let handle = told.flight_descriptor.unwrap();
        assert_eq!(server.engine.running(), 1);
        let status = if old_form {
            let info = info.encode_to_vec().into();
            let body = packed(&ActionCancelQueryRequest { info });
            let results = client.action("CancelQuery", body).await.unwrap();
            unpack::<ActionCancelQueryResult>(&results[0]).result
        } else {
            client.cancel(info.clone()).await.unwrap() as i32
        };
        assert_eq!(status, CancelStatus::Cancelled as i32);
        for _ in 0..2 {
            let error = client.poll(handle.clone()).await;
            assert_fails(error, Code::Cancelled, "cancelled");
        }
        let again = client.cancel(info).await.unwrap();
        assert_eq!(again, CancelStatus::NotCancellable);
        let stopped = async {
            while server.engine.running() > 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), stopped)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_query_that_fails_says_so_at_every_poll() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let failing = "SELECT 1 / (max(a.value * b.value) - 300000000) FROM generate_series(1, 3000) a, generate_series(1, 100000) b";
    let told = client.poll(statement(failing)).await.unwrap();
    let handle = told.flight_descriptor.unwrap();
    for _ in 0..2 {
        let error = client.polled(handle.clone()).await;
        assert_fails(error, Code::InvalidArgument, "zero");
    }
    let at_once = client
        .polled(statement("SELECT 1 / (id - 2) FROM people"))
        .await;
    assert_fails(at_once, Code::InvalidArgument, "zero");
}

#[tokio::test]
async fn a_handle_is_its_users_own_and_cannot_be_made() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let told = client.poll(statement(ENDLESS)).await.unwrap();
    let handle = told.flight_descriptor.unwrap();
    let mut bob = server.client(Some(&basic("bob"))).await;
    let theirs = bob.poll(handle.clone()).await;
    assert_fails(theirs, Code::PermissionDenied, "another user");
    let stopped = bob.cancel(told.info.clone().unwrap()).await;
    assert_fails(stopped, Code::PermissionDenied, "another user");
    for at in [1, 20, handle.cmd.len() - 1] {
        let mut forged = handle.cmd.to_vec();
        forged[at] ^= 1;
        let forged = FlightDescriptor::new_cmd(forged);
        let polled = client.poll(forged.clone()).await;
        assert_fails(polled, Code::InvalidArgument, "not issued");
        let info = FlightInfo::new().with_descriptor(forged);
        assert_fails(
            client.cancel(info).await,
            Code::InvalidArgument,
            "not issued",
        );
    }
    let misplaced = client.info(handle).await;
    assert_fails(misplaced, Code::InvalidArgument, "");
    client.cancel(told.info.unwrap()).await.unwrap();
}

#[tokio::test]
async fn a_handle_and_a_result_expire() {
    let server = server_with(|config| config.results.ttl = Duration::from_millis(300)).await;
    let mut client = server.alice().await;
    let info = client.polled(statement("SELECT 1")).await.unwrap();
    let endpoint = info.endpoint[0].clone();
    // What is renewed lives on.
    let started = Instant::now();
    while started.elapsed() < Duration::from_millis(700) {
        let request = RenewFlightEndpointRequest {
            endpoint: Some(endpoint.clone()),
        };
        let body = request.encode_to_vec();
        let results = client.action("RenewFlightEndpoint", body).await.unwrap();
        let renewed = FlightEndpoint::decode(results[0].body.clone()).unwrap();
        assert!(
            renewed.expiration_time.unwrap().seconds >= endpoint.expiration_time.unwrap().seconds
        );
    }
    // A poll prolongs too, so that they must be further apart than the time to live.
    let mut ticks = tokio::time::interval(Duration::from_millis(400));
    let handle = info.flight_descriptor.clone().unwrap();
    let gone = async {
        while client.poll(handle.clone()).await.is_ok() {
            ticks.tick().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone)
        .await
        .unwrap();
    assert_fails(client.get(ticket(&info)).await, Code::NotFound, "again");
    let short = Server::start_with(|_| {}, |options| options.ticket_ttl = Duration::ZERO).await;
    let mut client = short.alice().await;
    let told = client.poll(statement(ENDLESS)).await.unwrap();
    let late = client.poll(told.flight_descriptor.unwrap()).await;
    assert_fails(late, Code::NotFound, "expired");
}

#[tokio::test]
async fn the_bounds_of_kept_results_show_in_the_code() {
    let server = server_with(|config| {
        config.results.max_per_user = 1;
        config.results.max_bytes = 1 << 20;
    })
    .await;
    let mut client = server.alice().await;
    let large = statement("SELECT value FROM generate_series(1, 1000000)");
    let error = client.polled(large).await;
    assert_fails(error, Code::ResourceExhausted, "results.max_bytes");
    client.polled(statement("SELECT 1")).await.unwrap();
    let error = client.poll(statement("SELECT 2")).await;
    assert_fails(error, Code::ResourceExhausted, "results.max_per_user");
    // Others have their own.
    let mut bob = server.client(Some(&basic("bob"))).await;
    bob.polled(statement("SELECT 1")).await.unwrap();
}

#[tokio::test]
async fn endpoints_are_together_the_single_stream() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    for (order, ordered) in [("", false), (" ORDER BY value DESC", true)] {
        let sql = format!("SELECT value FROM generate_series(1, 500000){order}");
        client.endpoints(1).await;
        let single = client.sql_info(&sql).await.unwrap();
        let single = client.numbers(&single.endpoint[0]).await.unwrap();
        client.endpoints(4).await;
        let info = client.sql_info(&sql).await.unwrap();
        assert_eq!((info.endpoint.len(), info.ordered), (4, ordered));
        let mut parts = Vec::new();
        for endpoint in &info.endpoint {
            // A connection of its own for each.
            let mut other = server.alice().await;
            let endpoint = endpoint.clone();
            parts.push(tokio::spawn(async move { other.numbers(&endpoint).await }));
        }
        let mut union = Vec::new();
        for part in parts {
            let part = part.await.unwrap().unwrap();
            assert!(!part.is_empty());
            union.extend(part);
        }
        if !ordered {
            union.sort_unstable();
        }
        assert_eq!(union, single);
        let gone = client.numbers(&info.endpoint[0]).await;
        assert_fails(gone, Code::NotFound, "again");
    }
}

#[tokio::test]
async fn an_endpoint_is_read_again_until_all_were_read() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    client.endpoints(2).await;
    let info = client
        .sql_info("SELECT * FROM (VALUES (1), (2), (3)) t(n) ORDER BY n")
        .await
        .unwrap();
    for _ in 0..3 {
        assert_eq!(client.numbers(&info.endpoint[1]).await.unwrap(), [2, 3]);
    }
    assert_eq!(client.numbers(&info.endpoint[0]).await.unwrap(), [1]);
    for endpoint in &info.endpoint {
        assert_fails(client.numbers(endpoint).await, Code::NotFound, "again");
    }
    // The polled form has as many, with exact counts; a closed session does not end them.
    let info = client
        .polled(statement("SELECT id FROM people"))
        .await
        .unwrap();
    assert_eq!((info.endpoint.len(), info.total_records), (2, 3));
    client.action("CloseSession", Vec::new()).await.unwrap();
    let mut later = server.client(Some(&basic("alice"))).await;
    let mut rows = Vec::new();
    for endpoint in &info.endpoint {
        rows.extend(later.numbers(endpoint).await.unwrap());
    }
    assert_eq!(rows, [1, 2, 3]);
}

#[tokio::test]
async fn cancelling_a_kept_result_drops_it() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    client.endpoints(3).await;
    let info = client.sql_info("SELECT 1").await.unwrap();
    let status = client.cancel(info.clone()).await.unwrap();
    assert_eq!(status, CancelStatus::Cancelled);
    let read = client.numbers(&info.endpoint[0]).await;
    assert_fails(read, Code::Cancelled, "cancelled");
    for (value, allowed) in [("0", false), ("65", false), ("x", false), ("64", true)] {
        let set = client.query(&format!("SET endpoints = '{value}'")).await;
        assert_eq!(set.is_ok(), allowed, "{value}");
    }
}
