use arrow::array::AsArray;
use arrow::datatypes::Schema;
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetCrossReference, CommandGetDbSchemas, CommandGetExportedKeys,
    CommandGetImportedKeys, CommandGetPrimaryKeys, CommandGetTableTypes, CommandGetTables,
    CommandGetXdbcTypeInfo, ProstMessageExt,
};

use super::flights::table;
use crate::client::command;
use crate::finding::{Finding, Outcome};
use crate::lab::{self, Lab, TableName};
use crate::schemas;

/// What an encapsulated IPC message begins with.
const CONTINUATION: [u8; 4] = [0xff; 4];

pub(super) async fn catalogs(lab: Lab) -> Outcome {
    rows(&lab, &CommandGetCatalogs {}, &schemas::catalogs()).await
}

pub(super) async fn db_schemas(lab: Lab) -> Outcome {
    rows(
        &lab,
        &CommandGetDbSchemas::default(),
        &schemas::db_schemas(),
    )
    .await
}

pub(super) async fn tables(lab: Lab) -> Outcome {
    rows(&lab, &CommandGetTables::default(), &schemas::tables(false)).await
}

pub(super) async fn tables_with_schema(lab: Lab) -> Outcome {
    rows(&lab, &with_schemas(), &schemas::tables(true)).await
}

pub(super) async fn table_types(lab: Lab) -> Outcome {
    rows(&lab, &CommandGetTableTypes {}, &schemas::table_types()).await
}

pub(super) async fn primary_keys(lab: Lab) -> Outcome {
    rows(&lab, &primary(&name(&lab)), &schemas::primary_keys()).await
}

pub(super) async fn exported_keys(lab: Lab) -> Outcome {
    rows(&lab, &exported(&name(&lab)), &schemas::foreign_keys()).await
}

pub(super) async fn imported_keys(lab: Lab) -> Outcome {
    rows(&lab, &imported(&name(&lab)), &schemas::foreign_keys()).await
}

pub(super) async fn cross_reference(lab: Lab) -> Outcome {
    rows(&lab, &cross(&name(&lab)), &schemas::foreign_keys()).await
}

pub(super) async fn xdbc_type_info(lab: Lab) -> Outcome {
    let Some(wanted) = schemas::xdbc_type_info() else {
        return Err(Finding::untested(
            "the schema of the specification could not be made",
        ));
    };
    rows(&lab, &CommandGetXdbcTypeInfo::default(), &wanted).await
}

/// Asks, and compares the stream with the specification.
async fn rows(lab: &Lab, message: &impl ProstMessageExt, wanted: &Schema) -> Outcome {
    let client = lab.client().await?;
    let rows = lab::rows(&client, command(message)).await?;
    match schemas::difference(rows.schema()?, wanted) {
        None => Ok(Finding::yes(format_args!("{} row(s)", rows.count()))),
        Some(difference) => Ok(Finding::partly(difference)),
    }
}

pub(super) async fn encapsulated(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let rows = lab::rows(&client, command(&with_schemas())).await?;
    let mut count = 0;
    for batch in &rows.batches {
        let column = batch
            .column_by_name("table_schema")
            .and_then(|column| column.as_binary_opt::<i32>());
        let Some(column) = column else {
            return Ok(Finding::no(
                "there is no column table_schema of type Binary",
            ));
        };
        for bytes in column.iter() {
            match bytes {
                Some(bytes) if bytes.starts_with(&CONTINUATION) => count += 1,
                Some([]) => return Ok(Finding::no("it is empty")),
                Some(_) => return Ok(Finding::no("it is a bare flatbuffer")),
                None => return Ok(Finding::no("it is null")),
            }
        }
    }
    match count {
        0 => Err(Finding::untested("there are no tables")),
        _ => Ok(Finding::yes(format_args!("{count} table(s)"))),
    }
}

/// Tools ask for keys before they show a table, and show nothing after an error.
pub(super) async fn keys_are_empty(lab: Lab) -> Outcome {
    let name = table(&lab)?;
    let client = lab.client().await?;
    let commands = [
        ("primary", command(&primary(name))),
        ("exported", command(&exported(name))),
        ("imported", command(&imported(name))),
        ("cross", command(&cross(name))),
    ];
    let mut failed = Vec::new();
    let mut last = None;
    for (what, command) in commands {
        if let Err(finding) = lab::rows(&client, command).await {
            failed.push(what);
            last = Some(finding);
        }
    }
    match (failed.len(), last) {
        (0, _) | (_, None) => Ok(Finding::yes("four answers")),
        (4, Some(finding)) => Err(finding),
        (_, Some(finding)) => Ok(Finding::partly(format_args!(
            "{} fail: {}",
            failed.join(", "),
            finding.reason
        ))),
    }
}

pub(super) fn with_schemas() -> CommandGetTables {
    CommandGetTables {
        include_schema: true,
        ..CommandGetTables::default()
    }
}

/// The table that was found, else one that does not exist: the answer must have the same form.
fn name(lab: &Lab) -> TableName {
    lab.found.table.clone().unwrap_or_else(|| TableName {
        parts: vec!["conformance_no_such_table".to_owned()],
    })
}

/// The parts of a name from its end: catalog, schema, table.
fn parts(name: &TableName) -> (Option<String>, Option<String>, String) {
    let mut parts = name.parts.iter().rev().cloned();
    let table = parts.next().unwrap_or_default();
    let schema = parts.next();
    (parts.next(), schema, table)
}

fn primary(name: &TableName) -> CommandGetPrimaryKeys {
    let (catalog, db_schema, table) = parts(name);
    CommandGetPrimaryKeys {
        catalog,
        db_schema,
        table,
    }
}

fn exported(name: &TableName) -> CommandGetExportedKeys {
    let (catalog, db_schema, table) = parts(name);
    CommandGetExportedKeys {
        catalog,
        db_schema,
        table,
    }
}

fn imported(name: &TableName) -> CommandGetImportedKeys {
    let (catalog, db_schema, table) = parts(name);
    CommandGetImportedKeys {
        catalog,
        db_schema,
        table,
    }
}

fn cross(name: &TableName) -> CommandGetCrossReference {
    let (catalog, db_schema, table) = parts(name);
    CommandGetCrossReference {
        pk_catalog: catalog.clone(),
        pk_db_schema: db_schema.clone(),
        pk_table: table.clone(),
        fk_catalog: catalog,
        fk_db_schema: db_schema,
        fk_table: table,
    }
}
