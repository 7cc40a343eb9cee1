//! The client of the `arrow-flight` crate, as a program uses it; the row "arrow-flight" of the client matrix.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Date32Array, Decimal128Array,
    Float32Array, Float64Array, Int8Array, Int16Array, Int32Array, Int64Array, RecordBatch,
    StringArray, Time64NanosecondArray, TimestampNanosecondArray, UInt8Array, UInt16Array,
    UInt32Array, UInt64Array,
};
use arrow::datatypes::Int64Type;
use arrow_flight::FlightInfo;
use arrow_flight::error::FlightError;
use arrow_flight::sql::client::FlightSqlServiceClient;
use arrow_flight::sql::*;
use futures::{StreamExt, TryStreamExt, stream};
use tonic::transport::Channel;

use crate::cancel::{LONG, wait_until};
use crate::support::{Server, typed_batch};

type Client = FlightSqlServiceClient<Channel>;

async fn login(server: &Server) -> Client {
    let channel = Channel::from_shared(format!("http://{}", server.address)).unwrap();
    let mut client = Client::new(channel.connect().await.unwrap());
    client.handshake("alice", "alicealice").await.unwrap();
    client
}

async fn rows(client: &mut Client, info: FlightInfo) -> RecordBatch {
    let schema = Arc::new(info.clone().try_decode_schema().unwrap());
    let mut batches = Vec::new();
    for endpoint in info.endpoint {
        let stream = client.do_get(endpoint.ticket.unwrap()).await.unwrap();
        batches.extend(stream.try_collect::<Vec<_>>().await.unwrap());
    }
    arrow::compute::concat_batches(&schema, &batches).unwrap()
}

async fn query(client: &mut Client, sql: &str) -> RecordBatch {
    let info = client.execute(sql.to_owned(), None).await.unwrap();
    rows(client, info).await
}

async fn number(client: &mut Client, sql: &str) -> i64 {
    let rows = query(client, sql).await;
    rows.column(0).as_primitive::<Int64Type>().value(0)
}

fn texts(rows: &RecordBatch, column: &str) -> Vec<String> {
    let texts = rows.column_by_name(column).unwrap().as_string::<i32>();
    texts.iter().map(|text| text.unwrap().to_owned()).collect()
}

#[tokio::test]
async fn connect() {
    let server = Server::start().await;
    let client = login(&server).await;
    assert!(client.token().is_some_and(|token| !token.is_empty()));
    let channel = Channel::from_shared(format!("http://{}", server.address)).unwrap();
    let mut stranger = Client::new(channel.connect().await.unwrap());
    assert!(stranger.handshake("alice", "wrong").await.is_err());
}

#[tokio::test]
async fn query_and_update() {
    let server = Server::start().await;
    let mut client = login(&server).await;
    let people = query(&mut client, "SELECT id, name FROM people ORDER BY id").await;
    assert_eq!(texts(&people, "name"), ["Ada", "Grace", "Edsger"]);
    let count = client
        .execute_update("SET batch_rows = 5".to_owned(), None)
        .await;
    assert_eq!(count.unwrap(), 0);
}

/// What can be bound, with the literal that it equals.
fn parameters() -> Vec<(ArrayRef, &'static str)> {
    let decimal = Decimal128Array::from(vec![-125]).with_precision_and_scale(10, 2);
    vec![
        (Arc::new(BooleanArray::from(vec![true])), "true"),
        (Arc::new(Int8Array::from(vec![-7])), "-7"),
        (Arc::new(Int16Array::from(vec![-7])), "-7"),
        (Arc::new(Int32Array::from(vec![-7])), "-7"),
        (Arc::new(Int64Array::from(vec![-7])), "-7"),
        (Arc::new(UInt8Array::from(vec![7])), "7"),
        (Arc::new(UInt16Array::from(vec![7])), "7"),
        (Arc::new(UInt32Array::from(vec![7])), "7"),
        (Arc::new(UInt64Array::from(vec![7])), "7"),
        (Arc::new(Float32Array::from(vec![1.5])), "1.5"),
        (Arc::new(Float64Array::from(vec![-0.25])), "-0.25"),
        (Arc::new(decimal.unwrap()), "CAST(-1.25 AS DECIMAL(10, 2))"),
        (Arc::new(StringArray::from(vec!["Ada"])), "'Ada'"),
        (
            Arc::new(BinaryArray::from(vec![b"\x00\xff".as_slice()])),
            "X'00ff'",
        ),
        (
            Arc::new(Date32Array::from(vec![20_778])),
            "DATE '2026-11-21'",
        ),
        (
            Arc::new(Time64NanosecondArray::from(vec![1_000_000_000])),
            "TIME '00:00:01'",
        ),
        (
            Arc::new(TimestampNanosecondArray::from(vec![1_000_000_000])),
            "TIMESTAMP '1970-01-01T00:00:01'",
        ),
    ]
}

async fn bound(client: &mut Client, sql: String, value: ArrayRef) -> RecordBatch {
    let mut statement = client.prepare(sql, None).await.unwrap();
    assert_eq!(statement.parameter_schema().unwrap().fields().len(), 1);
    let row = RecordBatch::try_from_iter([("value", value)]).unwrap();
    statement.set_parameters(row).unwrap();
    let info = statement.execute().await.unwrap();
    let rows = rows(client, info).await;
    statement.close().await.unwrap();
    rows
}

#[tokio::test]
async fn parameters_of_every_type() {
    let server = Server::start().await;
    let mut client = login(&server).await;
    for (value, literal) in parameters() {
        let kind = value.data_type().clone();
        let sql = format!("SELECT {literal} = ? AS same");
        let rows = bound(&mut client, sql, value).await;
        assert!(rows.column(0).as_boolean().value(0), "{kind}");
    }
    let batch = typed_batch();
    for (field, column) in batch.schema().fields().iter().zip(batch.columns()) {
        let sql = format!("SELECT count(*) FROM types WHERE {} = ?", field.name());
        let rows = bound(&mut client, sql, column.slice(0, 1)).await;
        let count = rows.column(0).as_primitive::<Int64Type>().value(0);
        assert!(count > 0, "{field}");
    }
}

#[tokio::test]
async fn metadata() {
    let server = Server::start().await;
    let mut client = login(&server).await;
    let info = client.get_catalogs().await.unwrap();
    assert_eq!(
        texts(&rows(&mut client, info).await, "catalog_name"),
        ["godwit"]
    );
    let info = client.get_db_schemas(CommandGetDbSchemas::default());
    let info = info.await.unwrap();
    let schemas = texts(&rows(&mut client, info).await, "db_schema_name");
    assert!(schemas.contains(&"files".to_owned()));
    let people = CommandGetTables {
        table_name_filter_pattern: Some("people".to_owned()),
        include_schema: true,
        ..CommandGetTables::default()
    };
    let info = client.get_tables(people).await.unwrap();
    let tables = rows(&mut client, info).await;
    assert_eq!(texts(&tables, "table_type"), ["TABLE"]);
    let info = client.get_table_types().await.unwrap();
    assert!(texts(&rows(&mut client, info).await, "table_type").contains(&"VIEW".to_owned()));
    let info = client.get_sql_info(vec![SqlInfo::FlightSqlServerName]);
    let info = info.await.unwrap();
    assert_eq!(rows(&mut client, info).await.num_rows(), 1);
    let info = client.get_xdbc_type_info(CommandGetXdbcTypeInfo::default());
    let info = info.await.unwrap();
    assert!(rows(&mut client, info).await.num_rows() > 10);
    let keys = CommandGetPrimaryKeys {
        table: "people".to_owned(),
        ..CommandGetPrimaryKeys::default()
    };
    let info = client.get_primary_keys(keys).await.unwrap();
    assert_eq!(rows(&mut client, info).await.num_rows(), 0);
}

#[tokio::test]
async fn ingest() {
    let server = Server::start().await;
    let mut client = login(&server).await;
    let ids: ArrayRef = Arc::new(Int64Array::from(vec![1, 2, 3]));
    let batch = RecordBatch::try_from_iter([("id", ids)]).unwrap();
    let command = |if_exists| CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: TableNotExistOption::Create.into(),
            if_exists,
        }),
        table: "numbers".to_owned(),
        temporary: true,
        ..CommandStatementIngest::default()
    };
    let append = command(TableExistsOption::Append.into());
    for total in [3, 6] {
        let stream = stream::iter([Ok::<_, FlightError>(batch.clone())]);
        let count = client.execute_ingest(append.clone(), stream).await;
        assert_eq!(count.unwrap(), 3);
        let sql = "SELECT count(*) FROM temp.numbers";
        assert_eq!(number(&mut client, sql).await, total);
    }
    let stream = stream::iter([Ok::<_, FlightError>(batch.clone())]);
    let fail = command(TableExistsOption::Fail.into());
    assert!(client.execute_ingest(fail, stream).await.is_err());
}

/// The crate has no messages for session options, but a session has statements.
#[tokio::test]
async fn session() {
    let server = Server::start().await;
    let mut client = login(&server).await;
    let set = "SET schema = 'system'".to_owned();
    client.execute_update(set, None).await.unwrap();
    assert!(number(&mut client, "SELECT count(*) FROM settings").await > 0);
    let mut other = login(&server).await;
    let unknown = "SELECT count(*) FROM settings".to_owned();
    assert!(other.execute(unknown, None).await.is_err());
}

#[tokio::test]
async fn cancel() {
    let server = Server::start().await;
    let mut client = login(&server).await;
    let info = client.execute(LONG.to_owned(), None).await.unwrap();
    let ticket = info.endpoint[0].ticket.clone().unwrap();
    let mut stream = client.do_get(ticket).await.unwrap();
    assert!(stream.next().await.unwrap().unwrap().num_rows() > 0);
    assert_eq!(server.engine.running(), 1);
    drop(stream);
    wait_until("the end of the query", || server.engine.running() == 0).await;
}

#[tokio::test]
async fn close() {
    let server = Server::start().await;
    let mut client = login(&server).await;
    let statement = client.prepare("SELECT 1".to_owned(), None).await.unwrap();
    statement.close().await.unwrap();
    client.close().await.unwrap();
}
