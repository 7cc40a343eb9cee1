use arrow_flight::FlightDescriptor;
use arrow_flight::sql::{
    CommandGetTables, CommandStatementIngest, TableDefinitionOptions, TableExistsOption,
    TableNotExistOption,
};

use super::put::{count, drop_table, make_table, numbers, put, without_table};
use crate::client::{Client, command};
use crate::finding::{Finding, Outcome};
use crate::lab::{self, Lab};

pub(super) async fn ingest(lab: Lab) -> Outcome {
    stored(lab, true).await
}

pub(super) async fn ingest_durable(lab: Lab) -> Outcome {
    stored(lab, false).await
}

async fn stored(lab: Lab, temporary: bool) -> Outcome {
    let client = lab.client().await?;
    let table = lab.scratch();
    let count = ingest_into(&client, &table, temporary).await?;
    let found = rows_in(&client, &table)
        .await
        .map_err(|finding| finding.at("reading the new table"))?;
    drop_table(&client, &table).await?;
    match (count, found) {
        (3, 3) => Ok(Finding::yes("three rows into a new table")),
        _ => Ok(Finding::partly(format_args!(
            "three rows sent, {count} counted, {found} found"
        ))),
    }
}

pub(super) async fn path(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let table = lab.scratch();
    if let Err(finding) = some_table(&client, &table).await {
        let none = FlightDescriptor::new_path(vec![table]);
        let tried = put(&client, none, &numbers(&[8, 9])?).await;
        return Err(without_table(&finding, tried.err()));
    }
    let before = rows_in(&client, &table).await?;
    let answer = put(
        &client,
        FlightDescriptor::new_path(place(&client, &table).await),
        &numbers(&[8, 9])?,
    )
    .await;
    answer?;
    let after = rows_in(&client, &table).await?;
    drop_table(&client, &table).await?;
    match after.checked_sub(before) {
        Some(2) => Ok(Finding::yes("two rows appended")),
        _ => Ok(Finding::no(format_args!(
            "two rows sent to {before}, which makes {after}"
        ))),
    }
}

/// Makes the temporary table in the one way or the other.
async fn some_table(client: &Client, table: &str) -> Outcome<()> {
    match ingest_into(client, table, true).await {
        Ok(_) => Ok(()),
        Err(_) => make_table(client, table).await,
    }
}

/// The table's whole name as the server says it, else the name alone.
async fn place(client: &Client, table: &str) -> Vec<String> {
    let tables = CommandGetTables {
        table_name_filter_pattern: Some(table.to_owned()),
        ..CommandGetTables::default()
    };
    if let Ok(rows) = lab::rows(client, command(&tables)).await {
        let columns = ["catalog_name", "db_schema_name", "table_name"].map(|name| rows.texts(name));
        let row = columns[2]
            .iter()
            .position(|name| name.as_deref() == Some(table));
        if let Some(row) = row {
            return columns
                .iter()
                .filter_map(|column| column.get(row)?.clone())
                .collect();
        }
    }
    vec![table.to_owned()]
}

async fn ingest_into(client: &Client, table: &str, temporary: bool) -> Outcome<i64> {
    let options = TableDefinitionOptions {
        if_not_exist: TableNotExistOption::Create.into(),
        if_exists: TableExistsOption::Fail.into(),
    };
    let descriptor = command(&CommandStatementIngest {
        table_definition_options: Some(options),
        table: table.to_owned(),
        temporary,
        ..CommandStatementIngest::default()
    });
    count(&put(client, descriptor, &numbers(&[1, 2, 3])?).await?)
}

async fn rows_in(client: &Client, table: &str) -> Outcome<usize> {
    Ok(
        lab::rows(client, lab::query(&format!("SELECT a FROM {table}")))
            .await?
            .count(),
    )
}
