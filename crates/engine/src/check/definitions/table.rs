//! `CREATE TABLE` of a durable table.

use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, CreateTable, Expr, HiveFormat, Ident, IndexColumn, KeyOrIndexDisplay,
    NullsDistinctOption, ObjectName, OrderByExpr, PrimaryKeyConstraint, TableConstraint,
    UniqueConstraint,
};

use super::{refuse, unsupported};
use crate::check::{Rows, has_query};
use crate::{Error, Result};

/// A table to be made.
#[derive(Debug)]
pub(crate) struct TableText {
    pub(crate) name: ObjectName,
    pub(crate) if_not_exists: bool,
    pub(crate) or_replace: bool,
    /// Columns without their keys, or a query.
    pub(crate) rows: Rows,
    /// In the order they are written in.
    pub(crate) keys: Vec<KeyText>,
}

/// A primary key, or columns that are unique.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct KeyText {
    pub(crate) name: Option<Ident>,
    pub(crate) primary: bool,
    pub(crate) columns: Vec<Ident>,
}

pub(super) fn take(table: &CreateTable) -> Result<TableText> {
    refuse(
        table.or_replace && table.if_not_exists,
        "OR REPLACE together with IF NOT EXISTS",
    )?;
    let mut taken = CreateTableBuilder::new(table.name.clone());
    taken.columns.clone_from(&table.columns);
    taken.constraints.clone_from(&table.constraints);
    taken.query.clone_from(&table.query);
    taken.if_not_exists = table.if_not_exists;
    taken.or_replace = table.or_replace;
    let no_format = HiveFormat::default();
    taken.hive_formats = table
        .hive_formats
        .clone()
        .filter(|format| *format == no_format);
    refuse(
        taken.build() != *table,
        "CREATE TABLE with more than columns (name, type, NOT NULL, DEFAULT, PRIMARY KEY, UNIQUE) or AS and a query",
    )?;
    let (rows, keys) = match &table.query {
        Some(query) if table.columns.is_empty() && table.constraints.is_empty() => {
            (Rows::Query(query.clone()), Vec::new())
        }
        Some(_) => {
            return Err(unsupported(
                "CREATE TABLE with both columns or constraints and a query",
            ));
        }
        None if table.columns.is_empty() => {
            return Err(Error::invalid("a table has one column at least"));
        }
        None => {
            let (columns, keys) = columns_and_keys(table)?;
            let mut plain = CreateTableBuilder::new(table.name.clone());
            plain.columns = columns;
            (Rows::Columns(Box::new(plain.build())), keys)
        }
    };
    Ok(TableText {
        name: table.name.clone(),
        if_not_exists: table.if_not_exists,
        or_replace: table.or_replace,
        rows,
        keys,
    })
}

fn columns_and_keys(table: &CreateTable) -> Result<(Vec<ColumnDef>, Vec<KeyText>)> {
    let mut columns = Vec::with_capacity(table.columns.len());
    let mut keys = Vec::new();
    for column in &table.columns {
        let (column, own) = column_and_keys(column)?;
        columns.push(column);
        keys.extend(own);
    }
    for constraint in &table.constraints {
        keys.push(key_of(constraint)?);
    }
    if keys.iter().filter(|key| key.primary).count() > 1 {
        return Err(Error::invalid("a table has one PRIMARY KEY at most"));
    }
    Ok((columns, keys))
}

/// A column without the options that make keys, and those.
pub(super) fn column_and_keys(column: &ColumnDef) -> Result<(ColumnDef, Vec<KeyText>)> {
    let mut plain = column.clone();
    plain.options.clear();
    let mut keys = Vec::new();
    for option in &column.options {
        let key = |primary| KeyText {
            name: option.name.clone(),
            primary,
            columns: vec![column.name.clone()],
        };
        match &option.option {
            ColumnOption::Null | ColumnOption::NotNull | ColumnOption::Default(_) => {
                refuse(
                    option.name.is_some(),
                    "a name for NULL, NOT NULL or DEFAULT",
                )?;
                refuse(has_query(&option.option), "a query in a DEFAULT")?;
                plain.options.push(option.clone());
            }
            ColumnOption::PrimaryKey(constraint) => {
                plain_primary_key(constraint)?;
                keys.push(key(true));
            }
            ColumnOption::Unique(constraint) => {
                plain_unique(constraint)?;
                keys.push(key(false));
            }
            other => {
                return Err(unsupported(&format!("'{other}' of column {}", column.name)));
            }
        }
    }
    Ok((plain, keys))
}

fn key_of(constraint: &TableConstraint) -> Result<KeyText> {
    let (name, primary, columns) = match constraint {
        TableConstraint::PrimaryKey(constraint) => {
            plain_primary_key(constraint)?;
            (&constraint.name, true, &constraint.columns)
        }
        TableConstraint::Unique(constraint) => {
            plain_unique(constraint)?;
            (&constraint.name, false, &constraint.columns)
        }
        TableConstraint::ForeignKey(_) => return Err(unsupported("FOREIGN KEY")),
        TableConstraint::Check(_) => return Err(unsupported("CHECK")),
        other => return Err(unsupported(&format!("'{other}'"))),
    };
    Ok(KeyText {
        name: name.clone(),
        primary,
        columns: columns.iter().map(column_of).collect::<Result<_>>()?,
    })
}

fn plain_primary_key(constraint: &PrimaryKeyConstraint) -> Result<()> {
    let PrimaryKeyConstraint {
        name: _,
        index_name,
        index_type,
        columns: _,
        index_options,
        characteristics,
    } = constraint;
    refuse(
        index_name.is_some()
            || index_type.is_some()
            || !index_options.is_empty()
            || characteristics.is_some(),
        "PRIMARY KEY with more than columns",
    )
}

fn plain_unique(constraint: &UniqueConstraint) -> Result<()> {
    let UniqueConstraint {
        name: _,
        index_name,
        index_type_display,
        index_type,
        columns: _,
        index_options,
        characteristics,
        nulls_distinct,
    } = constraint;
    refuse(
        *nulls_distinct == NullsDistinctOption::NotDistinct,
        "UNIQUE NULLS NOT DISTINCT",
    )?;
    refuse(
        index_name.is_some()
            || *index_type_display != KeyOrIndexDisplay::None
            || index_type.is_some()
            || !index_options.is_empty()
            || characteristics.is_some(),
        "UNIQUE with more than columns",
    )
}

fn column_of(column: &IndexColumn) -> Result<Ident> {
    let IndexColumn {
        column,
        operator_class,
    } = column;
    let OrderByExpr {
        expr,
        options,
        with_fill,
    } = column;
    match expr {
        Expr::Identifier(name)
            if operator_class.is_none()
                && options.asc.is_none()
                && options.nulls_first.is_none()
                && with_fill.is_none() =>
        {
            Ok(name.clone())
        }
        _ => Err(unsupported(&format!(
            "'{column}' in a key (write names of columns)"
        ))),
    }
}
