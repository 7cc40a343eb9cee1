//! `CREATE TEMP TABLE`.

use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{ColumnDef, ColumnOption, CreateTable, HiveFormat, OnCommit};

use super::{Change, Rows};
use crate::check::has_query;
use crate::{Error, Result};

pub(super) fn create(table: &CreateTable) -> Result<Change> {
    refuse(
        !table.constraints.is_empty(),
        "PRIMARY KEY, UNIQUE, CHECK or FOREIGN KEY",
    )?;
    refuse(
        table.or_replace && table.if_not_exists,
        "OR REPLACE together with IF NOT EXISTS",
    )?;
    let mut taken = CreateTableBuilder::new(table.name.clone());
    taken.columns.clone_from(&table.columns);
    let columns = taken.clone().build();
    taken.temporary = true;
    taken.query.clone_from(&table.query);
    taken.if_not_exists = table.if_not_exists;
    taken.or_replace = table.or_replace;
    // LOCAL is what these tables are, and rows are kept at a COMMIT that never comes.
    taken.global = table.global.filter(|global| !global);
    taken.on_commit = table
        .on_commit
        .filter(|what| matches!(what, OnCommit::PreserveRows));
    let no_format = HiveFormat::default();
    taken.hive_formats = table
        .hive_formats
        .clone()
        .filter(|format| *format == no_format);
    refuse(
        taken.build() != *table,
        "CREATE TEMP TABLE with more than columns (name, type, NOT NULL, DEFAULT) or AS and a query",
    )?;
    let rows = match &table.query {
        Some(query) if table.columns.is_empty() => Rows::Query(query.clone()),
        Some(_) => {
            return Err(unsupported(
                "CREATE TEMP TABLE with both columns and a query",
            ));
        }
        None => {
            table.columns.iter().try_for_each(check_column)?;
            if table.columns.is_empty() {
                return Err(Error::invalid("a table has one column at least"));
            }
            Rows::Columns(Box::new(columns))
        }
    };
    Ok(Change::Create {
        name: table.name.clone(),
        if_not_exists: table.if_not_exists,
        or_replace: table.or_replace,
        rows,
    })
}

fn check_column(column: &ColumnDef) -> Result<()> {
    for option in &column.options {
        match &option.option {
            ColumnOption::Null | ColumnOption::NotNull => {}
            ColumnOption::Default(expr) => refuse(has_query(expr), "a query in a DEFAULT")?,
            other => {
                return Err(unsupported(&format!("'{other}' of column {}", column.name)));
            }
        }
    }
    Ok(())
}

fn refuse(is_there: bool, clause: &str) -> Result<()> {
    if is_there {
        Err(unsupported(clause))
    } else {
        Ok(())
    }
}

fn unsupported(clause: &str) -> Error {
    Error::unsupported(format!("{clause} is not supported for temporary tables"))
}
