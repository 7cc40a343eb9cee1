use arrow_flight::sql::{
    ActionBeginTransactionRequest, Any, CommandGetTables, CommandStatementQuery, ProstMessageExt,
    TableDefinitionOptions, TicketStatementQuery,
};
use prost::Message;

use super::*;

fn packed(message: &impl ProstMessageExt) -> Vec<u8> {
    message.as_any().encode_to_vec()
}

fn any(type_url: &str, value: &'static [u8]) -> Vec<u8> {
    let any = Any {
        type_url: type_url.to_owned(),
        value: Bytes::from_static(value),
    };
    any.encode_to_vec()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn table(name: &str) -> TableRef {
    TableRef {
        catalog: text("godwit"),
        schema: None,
        table: name.to_owned(),
    }
}

fn one_of_each() -> Vec<Command> {
    let handle = Bytes::from_static(b"\x00handle\xff");
    let query = "SELECT 'ö'".to_owned();
    let transaction = Some(handle.clone());
    let ingest = CommandStatementIngest {
        table_definition_options: Some(TableDefinitionOptions {
            if_not_exist: 1,
            if_exists: 2,
        }),
        table: "t".to_owned(),
        schema: text("main"),
        catalog: None,
        temporary: true,
        transaction_id: None,
        options: [("k".to_owned(), "v".to_owned())].into(),
    };
    let tables = TableQuery {
        catalog: text(""),
        schema_pattern: text("m%"),
        table_pattern: text("a\\_b"),
        types: vec!["TABLE".to_owned(), String::new()],
        include_schema: true,
    };
    vec![
        Command::Statement {
            query: query.clone(),
            transaction: None,
        },
        Command::Update { query, transaction },
        Command::Prepared {
            handle: handle.clone(),
        },
        Command::PreparedUpdate { handle },
        Command::Ingest(ingest),
        Command::Catalogs,
        Command::DbSchemas {
            catalog: text(""),
            schema_pattern: None,
        },
        Command::Tables(tables),
        Command::TableTypes,
        Command::PrimaryKeys(table("p")),
        Command::ExportedKeys(table("e")),
        Command::ImportedKeys(table("i")),
        Command::CrossReference {
            pk: table("p"),
            fk: table("f"),
        },
        Command::SqlInfo {
            codes: vec![0, 8, 576, u32::MAX],
        },
        Command::XdbcTypeInfo {
            data_type: Some(-9),
        },
        Command::Unsupported {
            name: "CommandStatementSubstraitPlan",
        },
    ]
}

#[test]
fn every_command_survives_the_wire_under_its_name() {
    for command in one_of_each() {
        let bytes = command.encode();
        assert_eq!(Command::decode(&bytes), Ok(command.clone()));
        let any = Any::decode(bytes).unwrap();
        assert_eq!(
            any.type_url,
            format!(
                "type.googleapis.com/arrow.flight.protocol.sql.{}",
                command.name()
            )
        );
    }
}

#[test]
fn absent_and_empty_filters_differ() {
    let schemas = |catalog| Command::DbSchemas {
        catalog,
        schema_pattern: None,
    };
    for command in [schemas(None), schemas(text(""))] {
        assert_eq!(Command::decode(&command.encode()), Ok(command));
    }
}

#[test]
fn bare_sql_is_a_statement() {
    for sql in [
        "SELECT 1",
        "select *\r\n\tfrom t -- ü 数",
        " ",
        "/* type.googleapis.com/arrow.flight.protocol.sql.CommandStatementQuery */ SELECT 1",
        // A line feed, a length of nine, and nine bytes: in form a packed message of type "select 1;".
        "\n\tselect 1;",
    ] {
        let decoded = Command::decode(sql.as_bytes());
        if sql.trim().is_empty() {
            assert!(matches!(decoded, Err(Error::Malformed { .. })));
        } else {
            let query = sql.to_owned();
            let transaction = None;
            assert_eq!(decoded, Ok(Command::Statement { query, transaction }));
        }
    }
}

#[test]
fn bytes_that_are_neither_message_nor_text_are_malformed() {
    let truncated = &packed(&CommandStatementQuery {
        query: "SELECT 1".to_owned(),
        transaction_id: None,
    })[..75];
    for bytes in [
        b"".as_slice(),
        b"\n\n\t ",
        b"SELECT \x00",
        b"SELECT \x7f",
        b"SELECT \xc2\x85",
        b"\xff\xfe",
        b"SELECT '\xc3'",
        truncated,
    ] {
        let decoded = Command::decode(bytes);
        assert!(
            matches!(
                decoded,
                Err(Error::Malformed {
                    what: "command",
                    ..
                })
            ),
            "{bytes:?}: {decoded:?}"
        );
    }
}

#[test]
fn messages_of_other_types_are_unknown_commands_with_their_name() {
    let ticket = TicketStatementQuery {
        statement_handle: Bytes::new(),
    };
    for (bytes, name) in [
        (
            packed(&ticket),
            "type.googleapis.com/arrow.flight.protocol.sql.TicketStatementQuery",
        ),
        (
            packed(&ActionBeginTransactionRequest {}),
            "type.googleapis.com/arrow.flight.protocol.sql.ActionBeginTransactionRequest",
        ),
        (
            any("type.googleapis.com/google.protobuf.Duration", b"\x08\x01"),
            "type.googleapis.com/google.protobuf.Duration",
        ),
        // Printable throughout, and still a packed message.
        (
            any("type.googleapis.com/x.Y", b""),
            "type.googleapis.com/x.Y",
        ),
        (
            any(
                "type.googleapis.com/arrow.flight.protocol.sql.CommandOfTomorrow",
                b"",
            ),
            "type.googleapis.com/arrow.flight.protocol.sql.CommandOfTomorrow",
        ),
    ] {
        let type_url = name.to_owned();
        assert_eq!(
            Command::decode(&bytes),
            Err(Error::UnknownCommand { type_url })
        );
    }
}

#[test]
fn a_long_type_is_shortened_in_the_message() {
    let type_url = format!("a/{}", "b".repeat(10_000));
    let Err(error) = Command::decode(&any(&type_url, b"")) else {
        panic!("decoded");
    };
    assert!(error.to_string().len() < 200, "{error}");
}

#[test]
fn a_value_of_the_wrong_form_names_the_command() {
    let bytes = any(
        "type.googleapis.com/arrow.flight.protocol.sql.CommandGetTables",
        b"\x0a\x05x",
    );
    let decoded = Command::decode(&bytes);
    let what = "CommandGetTables";
    assert!(matches!(decoded, Err(Error::Malformed { what: w, .. }) if w == what));
}

#[test]
fn metadata_commands_are_bounded_and_sql_is_not() {
    let many = CommandGetTables {
        table_types: vec![String::new(); MAX_COMMAND_BYTES / 2 + 1],
        ..CommandGetTables::default()
    };
    let size = many.encoded_len();
    let refused = Err(Error::TooLarge {
        what: "CommandGetTables",
        size,
        limit: MAX_COMMAND_BYTES,
    });
    assert_eq!(Command::decode(&packed(&many)), refused);

    let long = Command::Statement {
        query: "x".repeat(3 * MAX_COMMAND_BYTES),
        transaction: None,
    };
    assert_eq!(Command::decode(&long.encode()), Ok(long));
}
