use std::sync::Arc;

use arrow::array::{ArrayRef, Int32Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use godwit_auth::Permit;
use godwit_engine::{CATALOG, Engine, KeyInfo, Session};
use godwit_protocol::command::TableRef;

use super::in_catalog;
use crate::Result;

/// Of CommandGetPrimaryKeys. A table without a key, or one that does not exist, has no rows: clients take an error for the
/// failure of whatever they are doing.
pub(super) fn primary_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text("catalog_name", true),
        text("db_schema_name", true),
        text("table_name", false),
        text("column_name", false),
        text("key_name", true),
        Field::new("key_sequence", DataType::Int32, false),
    ]))
}

/// One row for each column of the primary key, numbered from one.
///
/// # Errors
/// When the engine cannot tell.
pub(super) async fn primary_rows(
    engine: &Engine,
    session: &Arc<Session>,
    permit: &Permit,
    table: &TableRef,
) -> Result<RecordBatch> {
    let mut keys = if in_catalog(table.catalog.as_deref(), CATALOG) {
        let schema = table.schema.as_deref();
        engine.keys(session, permit, schema, &table.table).await?
    } else {
        Vec::new()
    };
    keys.retain(|key| key.primary);
    let columns = keys.iter().flat_map(|key| {
        let columns = key.columns.iter().zip(1..);
        columns.map(move |(column, at)| (key, column.as_str(), at))
    });
    let columns: Vec<(&KeyInfo, &str, i32)> = columns.collect();
    let texts = |text: fn(&(&KeyInfo, &str, i32)) -> String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(columns.iter().map(text)))
    };
    let numbers = columns.iter().map(|(_, _, at)| *at);
    Ok(RecordBatch::try_new(
        primary_schema(),
        vec![
            texts(|_| CATALOG.to_owned()),
            texts(|(key, _, _)| key.schema.clone()),
            texts(|(key, _, _)| key.table.clone()),
            texts(|(_, column, _)| (*column).to_owned()),
            texts(|(key, _, _)| key.name.clone()),
            Arc::new(Int32Array::from_iter_values(numbers)),
        ],
    )?)
}

/// Of CommandGetExportedKeys, CommandGetImportedKeys and CommandGetCrossReference. There are no foreign keys, so there
/// are never rows.
pub(super) fn foreign_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![
        text("pk_catalog_name", true),
        text("pk_db_schema_name", true),
        text("pk_table_name", false),
        text("pk_column_name", false),
        text("fk_catalog_name", true),
        text("fk_db_schema_name", true),
        text("fk_table_name", false),
        text("fk_column_name", false),
        Field::new("key_sequence", DataType::Int32, false),
        text("fk_key_name", true),
        text("pk_key_name", true),
        Field::new("update_rule", DataType::UInt8, false),
        Field::new("delete_rule", DataType::UInt8, false),
    ]))
}

fn text(name: &str, nullable: bool) -> Field {
    Field::new(name, DataType::Utf8, nullable)
}
