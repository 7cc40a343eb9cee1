//! The schema that a client is told is the schema that it gets, to the nullability, for every command.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Schema};
use arrow_flight::sql::*;
use arrow_flight::{FlightDescriptor, IpcMessage, PollInfo};
use godwit_protocol::messages;
use prost::Message;

use crate::support::{Server, command, packed, path, statement, ticket};

fn metadata_commands() -> Vec<FlightDescriptor> {
    let tables = |include_schema| CommandGetTables {
        include_schema,
        ..CommandGetTables::default()
    };
    vec![
        command(&CommandGetCatalogs {}),
        command(&CommandGetDbSchemas::default()),
        command(&tables(false)),
        command(&tables(true)),
        command(&CommandGetTables {
            table_name_filter_pattern: Some("nothing has this name".to_owned()),
            include_schema: true,
            ..CommandGetTables::default()
        }),
        command(&CommandGetTableTypes {}),
        command(&CommandGetPrimaryKeys {
            table: "people".to_owned(),
            ..CommandGetPrimaryKeys::default()
        }),
        command(&CommandGetExportedKeys::default()),
        command(&CommandGetImportedKeys::default()),
        command(&CommandGetCrossReference::default()),
        command(&CommandGetSqlInfo::default()),
        command(&CommandGetSqlInfo {
            info: vec![8, 99_999],
        }),
        command(&CommandGetXdbcTypeInfo::default()),
        command(&CommandGetXdbcTypeInfo {
            data_type: Some(-5),
        }),
    ]
}

fn queries() -> Vec<FlightDescriptor> {
    let texts = [
        "SELECT 1",
        "SELECT 1 WHERE false",
        "SELECT * FROM people",
        "SELECT * FROM types",
        "SELECT count(*), min(id), max(text), sum(price) FROM types",
        "SELECT word, array_agg(text) FROM types GROUP BY word",
        "SELECT struct(id, text) AS s, make_array(id) AS l, map(['k'], [text]) AS m FROM types",
        "SELECT * FROM people UNION ALL SELECT id, text FROM types ORDER BY 1",
        "SELECT a.id, b.text FROM people a LEFT JOIN types b ON a.id = b.id",
        "SHOW TABLES",
        "DESCRIBE types",
        "EXPLAIN SELECT * FROM types",
        "SELECT * FROM information_schema.columns",
        "SELECT NULL",
        "SET batch_rows = 1000",
    ];
    let mut all: Vec<_> = texts.iter().map(|sql| statement(sql)).collect();
    // SQL text that is not packed, as some drivers send it.
    all.push(FlightDescriptor::new_cmd("SELECT * FROM types"));
    all.push(path(&["people"]));
    all.push(path(&["files", "people"]));
    all.push(path(&["godwit", "files", "types"]));
    all
}

#[tokio::test]
async fn flight_info_get_schema_and_stream_agree_for_every_command() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    for descriptor in metadata_commands().into_iter().chain(queries()) {
        let shown = String::from_utf8_lossy(&descriptor.cmd).into_owned();
        let info = client
            .info(descriptor.clone())
            .await
            .unwrap_or_else(|e| panic!("{shown}: {e}"));
        assert_eq!(info.flight_descriptor, Some(descriptor.clone()));
        let request = client.request(descriptor.clone());
        let schema = client
            .flight
            .get_schema(request)
            .await
            .unwrap()
            .into_inner();
        assert_eq!(schema.schema, info.schema, "{shown}");
        let told = info.clone().try_decode_schema().unwrap();
        let (got, batches) = client
            .get(ticket(&info))
            .await
            .unwrap_or_else(|e| panic!("{shown}: {e}"));
        assert_eq!(got, told, "{shown}");
        assert!(
            batches
                .iter()
                .all(|batch| batch.schema_ref().as_ref() == &told),
            "{shown}"
        );
        let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
        if info.total_records >= 0 {
            assert_eq!(info.total_records, rows as i64, "{shown}");
        }
        // The command itself in the place of a ticket: one round trip.
        if !descriptor.cmd.is_empty() {
            let direct = arrow_flight::Ticket {
                ticket: descriptor.cmd,
            };
            assert_eq!(client.get(direct).await.unwrap().0, told, "{shown}");
        }
    }
}

#[tokio::test]
async fn engine_types_arrive_as_classic_ones_with_their_values() {
    let server = Server::start().await;
    let rows = server
        .alice()
        .await
        .query("SELECT * FROM types ORDER BY id")
        .await
        .unwrap();
    let schema = rows.schema();
    let types: Vec<_> = schema
        .fields()
        .iter()
        .map(|field| field.data_type().clone())
        .collect();
    assert_eq!(
        types,
        [
            DataType::Int64,
            DataType::Utf8,
            DataType::Utf8,
            DataType::Float32,
            DataType::Decimal128(10, 2),
            DataType::Binary,
        ]
    );
    assert!(!schema.field(0).is_nullable() && schema.field(1).is_nullable());
    let shown = arrow::util::pretty::pretty_format_batches(&[rows])
        .unwrap()
        .to_string();
    let last = shown.lines().nth(5).unwrap().split('|').map(str::trim);
    let last: Vec<_> = last.filter(|cell| !cell.is_empty()).collect();
    assert_eq!(
        last,
        [
            "3",
            "a longer text than fits a view",
            "x",
            "3.0",
            "-0.03",
            "333333"
        ]
    );
}

#[tokio::test]
async fn a_prepared_statement_tells_its_schemas() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    for (sql, parameters, columns, update) in [
        (
            "SELECT text, price FROM types WHERE id = ? AND text <> ?",
            2,
            2,
            false,
        ),
        ("SELECT ?", 1, 1, false),
        ("SELECT 1", 0, 1, false),
        ("SET batch_rows = 100", 0, 0, true),
    ] {
        let request = ActionCreatePreparedStatementRequest {
            query: sql.to_owned(),
            transaction_id: None,
        };
        let results = client
            .action("CreatePreparedStatement", packed(&request))
            .await
            .unwrap();
        let any = Any::decode(results[0].body.clone()).unwrap();
        let result = messages::ActionCreatePreparedStatementResult::decode(any.value).unwrap();
        assert_eq!(result.is_update, Some(update), "{sql}");
        let dataset = Schema::try_from(IpcMessage(result.dataset_schema)).unwrap();
        assert_eq!(dataset.fields().len(), columns, "{sql}");
        let bound = Schema::try_from(IpcMessage(result.parameter_schema)).unwrap();
        assert_eq!(bound.fields().len(), parameters, "{sql}");
        assert!(
            bound.fields().iter().all(|field| field.is_nullable()),
            "{sql}"
        );
        let views = [DataType::Utf8View, DataType::BinaryView, DataType::Null];
        assert!(
            bound
                .fields()
                .iter()
                .all(|field| !views.contains(field.data_type())),
            "{sql}"
        );
        if parameters == 0 && !update {
            let handle = CommandPreparedStatementQuery {
                prepared_statement_handle: result.prepared_statement_handle,
            };
            let info = client.info(command(&handle)).await.unwrap();
            assert_eq!(info.clone().try_decode_schema().unwrap(), dataset);
            let (got, _) = client.get(ticket(&info)).await.unwrap();
            assert_eq!(got, dataset);
        }
    }
}

#[tokio::test]
async fn polling_finds_a_query_complete() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let request = client.request(statement("SELECT 7"));
    let poll: PollInfo = client
        .flight
        .poll_flight_info(request)
        .await
        .unwrap()
        .into_inner();
    assert_eq!(poll.progress, Some(1.0));
    assert_eq!(poll.flight_descriptor, None);
    let (_, rows) = client.get(ticket(&poll.info.unwrap())).await.unwrap();
    assert_eq!(rows[0].num_rows(), 1);
}

#[tokio::test]
async fn sql_info_has_the_layout_that_drivers_cast_to() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let info = client
        .info(command(&CommandGetSqlInfo { info: vec![8] }))
        .await
        .unwrap();
    let (schema, rows) = client.get(ticket(&info)).await.unwrap();
    assert_eq!(schema.field(0).data_type(), &DataType::UInt32);
    let union = rows[0].column(1).as_union();
    assert_eq!((union.len(), union.type_id(0)), (1, 3));
}
