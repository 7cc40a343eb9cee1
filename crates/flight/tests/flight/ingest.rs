//! DoPut of rows that are to be stored: what is refused before any table is touched. Storing is tested with the tables.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow_flight::sql::{CommandStatementIngest, TableDefinitionOptions};
use arrow_flight::utils::batches_to_flight_data;
use arrow_flight::{FlightData, FlightDescriptor};
use tonic::Code;

use crate::support::{Server, assert_fails, command, path};

/// `create_append` into a temporary table.
fn ingest(change: impl FnOnce(&mut CommandStatementIngest)) -> FlightDescriptor {
    let mut ingest = CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: 1,
            if_exists: 2,
        }),
        table: "t".to_owned(),
        temporary: true,
        ..CommandStatementIngest::default()
    };
    change(&mut ingest);
    command(&ingest)
}

fn upload(descriptor: FlightDescriptor) -> Vec<FlightData> {
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..100));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let mut messages = batches_to_flight_data(&batch.schema(), vec![batch]).unwrap();
    messages[0].flight_descriptor = Some(descriptor);
    messages
}

#[tokio::test]
async fn what_an_ingest_cannot_ask_for() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let invalid = Code::InvalidArgument;
    let options = HashMap::from([("fast".to_owned(), "yes".to_owned())]);
    for (descriptor, code, says) in [
        (ingest(|i| i.options = options), invalid, "\"fast\""),
        (
            ingest(|i| i.table_definition_options = None),
            invalid,
            "if_not_exist",
        ),
        (ingest(|i| i.table.clear()), invalid, "no table"),
        (
            ingest(|i| i.transaction_id = Some("t".into())),
            invalid,
            "malformed transaction id",
        ),
        (
            ingest(|i| i.transaction_id = Some(vec![7; 16].into())),
            Code::NotFound,
            "does not exist",
        ),
        (path(&["nowhere"]), Code::NotFound, "nowhere"),
        (path(&["files", "nowhere"]), invalid, "into schema 'files'"),
        (path(&["files", "people"]), invalid, "read-only"),
    ] {
        assert_fails(client.put(upload(descriptor)).await, code, says);
    }
}

#[tokio::test]
async fn rows_that_cannot_be_read() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let good = upload(ingest(|_| {}));
    let only = FlightData::new().with_descriptor(ingest(|_| {}));
    let result = client.put(vec![only]).await;
    assert_fails(result, Code::InvalidArgument, "no schema");
    let early = good[1].clone().with_descriptor(ingest(|_| {}));
    let result = client.put(vec![early]).await;
    assert_fails(result, Code::InvalidArgument, "before their schema");
}
