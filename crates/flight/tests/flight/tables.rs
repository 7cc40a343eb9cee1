//! What there is: ListFlights and the metadata commands.

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Schema;
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetTables, ProstMessageExt};
use arrow_flight::{Criteria, FlightInfo, IpcMessage};
use bytes::Bytes;
use futures::TryStreamExt;
use tonic::{Code, Status};

use crate::support::{Client, Server, assert_fails, command, ticket};

impl Client {
    pub(crate) async fn list(&mut self, criteria: &str) -> Vec<FlightInfo> {
        self.list_result(criteria.as_bytes().to_vec())
            .await
            .unwrap()
    }

    async fn list_result(&mut self, expression: Vec<u8>) -> Result<Vec<FlightInfo>, Status> {
        let request = self.request(Criteria {
            expression: expression.into(),
        });
        self.flight
            .list_flights(request)
            .await?
            .into_inner()
            .try_collect()
            .await
    }
}

fn names(infos: &[FlightInfo]) -> Vec<String> {
    let paths = infos
        .iter()
        .map(|info| info.flight_descriptor.clone().unwrap().path);
    paths.map(|path| path.join(".")).collect()
}

async fn rows(client: &mut Client, message: &impl ProstMessageExt) -> RecordBatch {
    let info = client.info(command(message)).await.unwrap();
    let (schema, batches) = client.get(ticket(&info)).await.unwrap();
    arrow::compute::concat_batches(&schema.into(), &batches).unwrap()
}

fn column(batch: &RecordBatch, name: &str) -> Vec<String> {
    let column = batch.column_by_name(name).unwrap().as_string::<i32>();
    column.iter().flatten().map(str::to_owned).collect()
}

#[tokio::test]
async fn list_flights_names_every_readable_table_and_its_tickets_work() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let all = client.list("").await;
    let listed = names(&all);
    for table in ["changing", "people", "types"] {
        assert!(
            listed.contains(&format!("godwit.files.{table}")),
            "{listed:?}"
        );
    }
    assert!(
        listed.contains(&"godwit.system.mounts".to_owned()),
        "{listed:?}"
    );
    assert!(
        !listed.iter().any(|name| name.contains("broken")),
        "{listed:?}"
    );
    for info in &all {
        let told = info.clone().try_decode_schema().unwrap();
        let again = client
            .info(info.flight_descriptor.clone().unwrap())
            .await
            .unwrap();
        assert_eq!(again.schema, info.schema);
        let (got, _) = client.get(ticket(info)).await.unwrap();
        assert_eq!(got, told);
    }
    assert_eq!(names(&client.list("people").await), ["godwit.files.people"]);
    assert_eq!(
        names(&client.list("files.p%").await),
        ["godwit.files.people"]
    );
    assert_eq!(names(&client.list("nothing").await), Vec::<String>::new());
    assert_fails(
        client.list_result(vec![0xff]).await,
        Code::InvalidArgument,
        "LIKE",
    );
}

#[tokio::test]
async fn tables_are_filtered_by_pattern_type_and_catalog() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let text = |text: &str| Some(text.to_owned());
    let any = CommandGetTables::default();
    let cases = [
        (
            CommandGetTables {
                table_name_filter_pattern: text("peo%"),
                ..any.clone()
            },
            vec!["people"],
        ),
        (
            CommandGetTables {
                db_schema_filter_pattern: text("files"),
                table_types: vec!["BASE TABLE".to_owned(), "table".to_owned()],
                ..any.clone()
            },
            vec!["broken", "changing", "people", "types"],
        ),
        (
            CommandGetTables {
                db_schema_filter_pattern: text("files"),
                table_types: vec!["VIEW".to_owned()],
                ..any.clone()
            },
            vec![],
        ),
        (
            CommandGetTables {
                catalog: text(""),
                ..any.clone()
            },
            vec![],
        ),
        (
            CommandGetTables {
                catalog: text("godwit"),
                table_name_filter_pattern: text("people"),
                ..any.clone()
            },
            vec!["people"],
        ),
        (
            CommandGetTables {
                table_name_filter_pattern: text(r"peopl\_"),
                ..any.clone()
            },
            vec![],
        ),
        (
            CommandGetTables {
                table_name_filter_pattern: text("peopl_"),
                ..any
            },
            vec!["people"],
        ),
    ];
    for (message, expected) in cases {
        let tables = rows(&mut client, &message).await;
        assert_eq!(column(&tables, "table_name"), expected, "{message:?}");
    }
    let schemas = rows(&mut client, &CommandGetDbSchemas::default()).await;
    let schemas = column(&schemas, "db_schema_name");
    assert!(
        schemas.is_sorted() && schemas.contains(&"files".to_owned()),
        "{schemas:?}"
    );
}

#[tokio::test]
async fn a_table_schema_is_the_wire_schema_with_the_names_of_its_types() {
    let server = Server::start().await;
    let mut client = server.alice().await;
    let message = CommandGetTables {
        db_schema_filter_pattern: Some("files".to_owned()),
        include_schema: true,
        ..CommandGetTables::default()
    };
    let tables = rows(&mut client, &message).await;
    let schemas = tables.column(4).as_binary::<i32>();
    let schema_of = |table: &str| {
        let row = column(&tables, "table_name")
            .iter()
            .position(|name| name == table)
            .unwrap();
        let message = IpcMessage(Bytes::copy_from_slice(schemas.value(row)));
        Schema::try_from(message).unwrap()
    };
    assert_eq!(schema_of("broken").fields().len(), 0);
    let described = schema_of("types");
    let info = client.sql_info("SELECT * FROM types").await.unwrap();
    let told = info.try_decode_schema().unwrap();
    let types = |schema: &Schema| {
        let fields = schema.fields().iter();
        fields
            .map(|f| (f.name().clone(), f.data_type().clone(), f.is_nullable()))
            .collect::<Vec<_>>()
    };
    assert_eq!(types(&described), types(&told));
    let names = described.fields().iter();
    let names = names.map(|field| field.metadata()["ARROW:FLIGHT:SQL:TYPE_NAME"].as_str());
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            "BIGINT",
            "VARCHAR",
            "VARCHAR",
            "REAL",
            "DECIMAL",
            "VARBINARY"
        ]
    );
}
