use arrow::datatypes::Schema;
use arrow_flight::FlightDescriptor;
use arrow_flight::sql::{
    CommandGetCatalogs, CommandGetDbSchemas, CommandGetSqlInfo, CommandGetTableTypes,
    CommandGetTables,
};

use super::metadata::with_schemas;
use crate::client::{Client, command, get};
use crate::finding::{Finding, Outcome};
use crate::lab::{self, Lab};
use crate::schemas::{difference, modern_type};
use crate::statements;

pub(super) async fn equal(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let mut statements = vec![
        ("the statement", lab.options.sql.clone()),
        ("aggregates", statements::AGGREGATES.to_owned()),
    ];
    if let Some(table) = &lab.found.table {
        statements.push(("a table", format!("SELECT * FROM {} LIMIT 10", table.sql())));
    }
    let all = statements.len();
    for (what, sql) in statements {
        if let Some(difference) = compare(&client, lab::query(&sql))
            .await
            .map_err(|finding| finding.at(what))?
        {
            return Ok(Finding::no(format_args!("{what}: {difference}")));
        }
    }
    Ok(Finding::yes(format_args!("{all} statements")))
}

pub(super) async fn of_metadata(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let commands = [
        ("catalogs", command(&CommandGetCatalogs {})),
        ("schemas", command(&CommandGetDbSchemas::default())),
        ("tables", command(&CommandGetTables::default())),
        ("tables with schemas", command(&with_schemas())),
        ("table types", command(&CommandGetTableTypes {})),
        ("SqlInfo", command(&CommandGetSqlInfo::default())),
    ];
    let all = commands.len();
    let mut failure = None;
    let mut equal = 0;
    for (what, command) in commands {
        match compare(&client, command).await {
            Ok(None) => equal += 1,
            Ok(Some(difference)) => return Ok(Finding::no(format_args!("{what}: {difference}"))),
            Err(finding) => failure = failure.or(Some(finding)),
        }
    }
    match (equal, failure) {
        (0, Some(failure)) => Err(failure),
        _ => Ok(Finding::yes(format_args!(
            "for the {equal} of {all} commands that are answered"
        ))),
    }
}

/// How the schema of a FlightInfo differs from that of its stream.
async fn compare(client: &Client, descriptor: FlightDescriptor) -> Outcome<Option<String>> {
    let info = client.info(descriptor).await?;
    let ticket = lab::ticket(&info)?;
    if info.schema.is_empty() {
        return Ok(Some("the FlightInfo has no schema".to_owned()));
    }
    let promised: Schema = info.try_decode_schema()?;
    let rows = get(client, ticket).await?;
    Ok(difference(&promised, rows.schema()?).map(|difference| format!("promised {difference}")))
}

pub(super) async fn classic(lab: Lab) -> Outcome {
    let client = lab.client().await?;
    let mut statements = vec![lab.options.sql.clone(), statements::wide()];
    if let Some(table) = &lab.found.table {
        statements.push(format!("SELECT * FROM {}", table.sql()));
    }
    let all = statements.len();
    for sql in statements {
        let info = client.info(lab::query(&sql)).await?;
        let schema: Schema = info.try_decode_schema()?;
        if let Some(modern) = modern_type(&schema) {
            return Ok(Finding::partly(format_args!(
                "{modern}, which older drivers cannot read"
            )));
        }
    }
    Ok(Finding::yes(format_args!("{all} statements")))
}
