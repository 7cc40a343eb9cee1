//! What there is, by name: for completion, and for the commands that list it.

use arrow::array::{Array, AsArray, BinaryArray, RecordBatch, UnionArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Schema};
use arrow_flight::IpcMessage;
use arrow_flight::sql::{CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTables, SqlInfo};
use bytes::Bytes;
use godwit_client::{Client, command};

use crate::Result;
use crate::rows::{facts, texts};

/// A table as the metadata commands tell of it.
#[derive(Debug, Clone)]
pub(crate) struct TableFacts {
    pub(crate) catalog: Option<String>,
    pub(crate) schema: Option<String>,
    pub(crate) name: String,
    pub(crate) kind: String,
    /// Where it was asked for.
    pub(crate) columns: Option<Schema>,
}

/// Catalog and name of each schema.
pub(crate) async fn schemas(client: &Client) -> Result<Vec<(Option<String>, String)>> {
    let batches = facts(client, command(&CommandGetDbSchemas::default())).await?;
    let mut schemas = Vec::new();
    for batch in &batches {
        let names = texts(batch, "db_schema_name");
        let pairs = texts(batch, "catalog_name").into_iter().zip(names);
        schemas.extend(pairs.filter_map(|(catalog, name)| Some((catalog, name?))));
    }
    Ok(schemas)
}

/// The tables that a command asks for.
pub(crate) async fn tables(client: &Client, asked: CommandGetTables) -> Result<Vec<TableFacts>> {
    let batches = facts(client, command(&asked)).await?;
    let mut tables = Vec::new();
    for batch in &batches {
        let [catalogs, schemas, names, kinds] =
            ["catalog_name", "db_schema_name", "table_name", "table_type"]
                .map(|name| texts(batch, name));
        let columns = columns(batch);
        for (row, name) in names.into_iter().enumerate() {
            let Some(name) = name else { continue };
            tables.push(TableFacts {
                catalog: catalogs[row].clone(),
                schema: schemas[row].clone(),
                name,
                kind: kinds[row].clone().unwrap_or_default(),
                columns: columns.get(row).cloned().flatten(),
            });
        }
    }
    Ok(tables)
}

/// The names of all functions, sorted.
pub(crate) async fn functions(client: &Client) -> Result<Vec<String>> {
    let wanted = [
        SqlInfo::SqlNumericFunctions,
        SqlInfo::SqlStringFunctions,
        SqlInfo::SqlSystemFunctions,
        SqlInfo::SqlDatetimeFunctions,
    ];
    let asked = CommandGetSqlInfo {
        info: wanted.iter().map(|info| *info as u32).collect(),
    };
    let batches = facts(client, command(&asked)).await?;
    let mut names: Vec<String> = batches.iter().flat_map(lists).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// The texts in the lists of an answer about the server.
fn lists(batch: &RecordBatch) -> Vec<String> {
    let values = batch.column_by_name("value");
    let union = values.and_then(|values| values.as_any().downcast_ref::<UnionArray>());
    let Some(union) = union else {
        return Vec::new();
    };
    let mut all = Vec::new();
    for row in 0..union.len() {
        let value = union.value(row);
        let Some(list) = value.as_list_opt::<i32>() else {
            continue;
        };
        for index in (0..list.len()).filter(|index| list.is_valid(*index)) {
            let items = list.value(index);
            if let Some(items) = items.as_string_opt::<i32>() {
                all.extend(items.iter().flatten().map(str::to_owned));
            }
        }
    }
    all
}

fn columns(batch: &RecordBatch) -> Vec<Option<Schema>> {
    let column = batch.column_by_name("table_schema");
    let bytes = column.and_then(|column| cast(column, &DataType::Binary).ok());
    let bytes = bytes
        .as_ref()
        .and_then(|bytes| bytes.as_any().downcast_ref::<BinaryArray>());
    let Some(bytes) = bytes else {
        return Vec::new();
    };
    let schema = |bytes: &[u8]| Schema::try_from(IpcMessage(Bytes::copy_from_slice(bytes))).ok();
    bytes.iter().map(|bytes| bytes.and_then(schema)).collect()
}
