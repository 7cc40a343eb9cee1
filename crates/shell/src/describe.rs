//! The commands that list what there is.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema};
use arrow_flight::sql::{CommandGetCatalogs, CommandGetPrimaryKeys, CommandGetTables};
use godwit_client::{Client, command};

use crate::names::{self, TableFacts};
use crate::rows::{facts, texts};
use crate::{Error, Result};

mod pattern;

pub(crate) use pattern::Pattern;

/// Most tables that one pattern describes.
const MOST: usize = 100;

/// Where Flight SQL says what the database calls a type.
const TYPE_NAME: &str = "ARROW:FLIGHT:SQL:TYPE_NAME";

pub(crate) async fn catalogs(client: &Client) -> Result<RecordBatch> {
    let batches = facts(client, command(&CommandGetCatalogs {})).await?;
    let names = batches
        .iter()
        .flat_map(|batch| texts(batch, "catalog_name"));
    listed(&["catalog"], names.map(|name| vec![name]).collect())
}

pub(crate) async fn schemas(client: &Client, pattern: Option<&str>) -> Result<RecordBatch> {
    let pattern = Pattern::parse(pattern)?;
    let all = names::schemas(client).await?.into_iter();
    let matching =
        all.filter(|(catalog, schema)| pattern.matches(&[catalog.as_deref(), Some(schema)]));
    listed(
        &["catalog", "schema"],
        matching
            .map(|(catalog, schema)| vec![catalog, Some(schema)])
            .collect(),
    )
}

pub(crate) async fn tables(client: &Client, pattern: Option<&str>) -> Result<RecordBatch> {
    let found = matching(client, pattern).await?.into_iter();
    let rows = found.map(|table| {
        vec![
            table.catalog,
            table.schema,
            Some(table.name),
            Some(table.kind),
        ]
    });
    listed(&["catalog", "schema", "table", "type"], rows.collect())
}

pub(crate) async fn functions(client: &Client, pattern: Option<&str>) -> Result<RecordBatch> {
    let pattern = Pattern::parse(pattern)?;
    let all = names::functions(client).await?.into_iter();
    let matching = all.filter(|name| pattern.matches(&[Some(name)]));
    listed(
        &["function"],
        matching.map(|name| vec![Some(name)]).collect(),
    )
}

/// The columns of every table of that name.
pub(crate) async fn columns(client: &Client, name: &str) -> Result<RecordBatch> {
    let found = matching(client, Some(name)).await?;
    if found.is_empty() {
        return Err(Error::Failed(format!(
            "there is no table {name}; \\dt lists those that you may see"
        )));
    }
    if found.len() > MOST {
        return Err(Error::Failed(format!(
            "{} tables match {name}, and at most {MOST} are described",
            found.len()
        )));
    }
    let mut rows = Vec::new();
    for table in &found {
        let keys = keys(client, table).await;
        for field in schema(client, table).await?.fields() {
            rows.push(vec![
                Some(full_name(table)),
                Some(field.name().clone()),
                Some(type_name(field)),
                Some(if field.is_nullable() { "yes" } else { "no" }.to_owned()),
                keys.contains(field.name())
                    .then(|| "primary key".to_owned()),
            ]);
        }
    }
    listed(&["table", "column", "type", "nullable", "key"], rows)
}

/// The columns of a table; an error where it is not exactly one.
pub(crate) async fn schema(client: &Client, table: &TableFacts) -> Result<Schema> {
    let asked = CommandGetTables {
        catalog: table.catalog.clone(),
        db_schema_filter_pattern: table.schema.clone(),
        table_name_filter_pattern: Some(table.name.clone()),
        table_types: Vec::new(),
        include_schema: true,
    };
    // An underscore of a name matches any character.
    let all = names::tables(client, asked).await?.into_iter();
    let mut same = all.filter(|other| other.name == table.name && other.schema == table.schema);
    let columns = same.next().and_then(|table| table.columns);
    columns.ok_or_else(|| {
        Error::Failed(format!(
            "the server does not tell the columns of {}",
            full_name(table)
        ))
    })
}

/// The tables whose names match, sorted.
pub(crate) async fn matching(client: &Client, pattern: Option<&str>) -> Result<Vec<TableFacts>> {
    let pattern = Pattern::parse(pattern)?;
    let mut found = names::tables(client, CommandGetTables::default()).await?;
    found.retain(|table| {
        pattern.matches(&[
            table.catalog.as_deref(),
            table.schema.as_deref(),
            Some(&table.name),
        ])
    });
    found.sort_by(|a, b| (&a.catalog, &a.schema, &a.name).cmp(&(&b.catalog, &b.schema, &b.name)));
    Ok(found)
}

/// The columns of the primary key; none where the server does not tell.
async fn keys(client: &Client, table: &TableFacts) -> HashSet<String> {
    let asked = CommandGetPrimaryKeys {
        catalog: table.catalog.clone(),
        db_schema: table.schema.clone(),
        table: table.name.clone(),
    };
    let batches = facts(client, command(&asked)).await.unwrap_or_default();
    let names = batches.iter().flat_map(|batch| texts(batch, "column_name"));
    names.flatten().collect()
}

fn full_name(table: &TableFacts) -> String {
    match &table.schema {
        Some(schema) if !schema.is_empty() => format!("{schema}.{}", table.name),
        _ => table.name.clone(),
    }
}

/// What the database calls the type, else what Arrow does.
fn type_name(field: &Field) -> String {
    let told = field.metadata().get(TYPE_NAME);
    told.cloned()
        .unwrap_or_else(|| field.data_type().to_string())
}

/// Rows of text.
fn listed(columns: &[&str], rows: Vec<Vec<Option<String>>>) -> Result<RecordBatch> {
    let fields = columns
        .iter()
        .map(|name| Field::new(*name, DataType::Utf8, true));
    let arrays = (0..columns.len()).map(|column| {
        let values = rows.iter().map(|row| row.get(column).cloned().flatten());
        Arc::new(values.collect::<StringArray>()) as ArrayRef
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok(RecordBatch::try_new(schema, arrays.collect())?)
}
