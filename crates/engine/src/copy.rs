//! Files that SQL writes and reads, where the configuration allows it.
//!
//! `COPY … TO` is an effect. `COPY … FROM` becomes an INSERT of a SELECT from the file before it is looked at any further, so
//! that all that holds for an INSERT holds for it.

use std::path::Path;

use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SetExpr, TableFactor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::check::{CopyFrom, copy_from};
use crate::{Error, Result};

mod buckets;
mod places;
mod to;
mod upload;
mod write;

pub(crate) use places::Places;

/// The catalog of the names that stand for files: the options, and the path.
pub(crate) const FILE: &str = "__file";

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Parquet,
    /// One object a line.
    Json,
    Arrow,
}

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) format: Format,
    /// Whether the first line of a CSV file holds the names of the columns.
    pub(crate) header: bool,
    /// Between the fields of a CSV file, in ASCII.
    pub(crate) delimiter: char,
    /// What a null is written as in a CSV file.
    pub(crate) null: Option<String>,
}

impl Format {
    const ALL: [(&'static str, Self); 6] = [
        ("csv", Self::Csv),
        ("parquet", Self::Parquet),
        ("json", Self::Json),
        ("ndjson", Self::Json),
        ("jsonl", Self::Json),
        ("arrow", Self::Arrow),
    ];

    /// # Errors
    /// [`Error::InvalidInput`] when there is none of that name.
    pub(crate) fn named(name: &str) -> Result<Self> {
        Self::find(name).ok_or_else(|| {
            Error::invalid(format!(
                "'{name}' is no format; there are csv, parquet, json and arrow"
            ))
        })
    }

    /// The format that the end of a path tells.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when it tells none.
    pub(crate) fn of_path(path: &str) -> Result<Self> {
        let end = Path::new(path).extension().and_then(|end| end.to_str());
        end.and_then(Self::find).ok_or_else(|| {
            Error::invalid(format!(
                "the end of '{path}' tells no format; write WITH (FORMAT csv), parquet, json or arrow"
            ))
        })
    }

    fn find(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, format)| *format)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Json => "json",
            Self::Arrow => "arrow",
        }
    }
}

/// The INSERT that a `COPY … FROM` is; other statements stay as they are.
///
/// # Errors
/// [`Error::Unsupported`] for clauses that are not supported.
pub(crate) fn insert_of(tree: Tree) -> Result<Tree> {
    let Tree::Statement(statement) = &tree else {
        return Ok(tree);
    };
    let Some(CopyFrom {
        table,
        columns,
        path,
        options,
    }) = copy_from(statement)?
    else {
        return Ok(tree);
    };
    let header = if options.header { 'h' } else { '-' };
    let kept = format!("{header}{}{}", options.delimiter, options.format.name());
    let quoted = |part: &str| Ident::with_quote('"', part);
    let file = ObjectName::from(vec![quoted(FILE), quoted(&kept), quoted(&path)]);
    let columns: Vec<_> = columns.iter().map(ToString::to_string).collect();
    let columns = match columns.as_slice() {
        [] => String::new(),
        columns => format!(" ({})", columns.join(", ")),
    };
    let insert = format!("INSERT INTO {table}{columns} SELECT * FROM {file}");
    let mut statements = Parser::parse_sql(&GenericDialect {}, &insert)
        .map_err(|error| Error::from_parser(&error))?;
    match statements.pop() {
        Some(statement) => Ok(Tree::Statement(Box::new(statement))),
        None => Ok(tree),
    }
}

/// Lets a query for all columns of a file ask for these, where the file's columns have names and no order: JSON.
pub(crate) fn ask_by_name(query: &mut Query, columns: &[&str]) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    let [from] = select.from.as_slice() else {
        return;
    };
    let TableFactor::Table { name, .. } = &from.relation else {
        return;
    };
    let parts = name.0.iter().map(|part| part.as_ident());
    let parts: Vec<_> = parts.map(|part| part.map(|ident| &*ident.value)).collect();
    let [Some(FILE), Some(options), _] = parts.as_slice() else {
        return;
    };
    if options.ends_with("json") {
        let columns = columns.iter().map(|column| Ident::with_quote('"', *column));
        let columns = columns.map(|column| SelectItem::UnnamedExpr(Expr::Identifier(column)));
        select.projection = columns.collect();
    }
}
