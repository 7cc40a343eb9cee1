//! Syntax trees of the queries that changes are planned as.

use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, Expr, Ident, ObjectName, Query, SelectItem, SetExpr, Statement,
    TableFactor, TableWithJoins, Value,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use godwit_catalog::TempTable;

use crate::{Error, Result};

/// `SELECT items FROM table WHERE selection`, the table under another name but with its alias.
pub(super) fn select(
    table: TableFactor,
    from: ObjectName,
    items: Vec<Expr>,
    selection: Option<Expr>,
) -> Result<Tree> {
    let mut query = template("SELECT 1")?;
    let (SetExpr::Select(select), TableFactor::Table { .. }) = (query.body.as_mut(), &table) else {
        return Err(Error::internal("plan", "SELECT 1 is no SELECT"));
    };
    let mut relation = table;
    if let TableFactor::Table { name, .. } = &mut relation {
        *name = from;
    }
    select.projection = items.into_iter().map(SelectItem::UnnamedExpr).collect();
    select.from = vec![TableWithJoins {
        relation,
        joins: Vec::new(),
    }];
    select.selection = selection;
    Ok(Tree::Statement(Box::new(Statement::Query(query))))
}

/// A column by its exact name.
pub(super) fn column(name: &str) -> Expr {
    Expr::Identifier(Ident::with_quote('"', name))
}

/// The rows of an INSERT, with what `DEFAULT` stands for written out; one row of defaults when there is no source.
pub(super) fn rows(
    source: Option<Box<Query>>,
    table: &TempTable,
    columns: &[usize],
) -> Result<Box<Query>> {
    let mut query = match source {
        Some(source) => source,
        None => {
            let defaults = vec!["DEFAULT"; columns.len()].join(", ");
            template(&format!("VALUES ({defaults})"))?
        }
    };
    if let SetExpr::Values(values) = query.body.as_mut() {
        for row in &mut values.rows {
            for (cell, at) in row.content.iter_mut().zip(columns) {
                let value = std::mem::replace(cell, null());
                *cell = or_default(value, table, *at)?;
            }
        }
    }
    Ok(query)
}

/// The value, or what `DEFAULT` stands for in that column.
pub(super) fn or_default(value: Expr, table: &TempTable, at: usize) -> Result<Expr> {
    let is_default = matches!(&value, Expr::Identifier(ident)
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"));
    if !is_default {
        return Ok(value);
    }
    let name = table.schema().field(at).name();
    let Some(default) = table.default_of(name) else {
        return Ok(null());
    };
    let translate = |error| Error::from_parser(&error);
    Parser::new(&GenericDialect {})
        .try_with_sql(&default.sql)
        .map_err(translate)?
        .parse_expr()
        .map_err(translate)
}

/// The defaults of the columns that have one, as they are written.
pub(super) fn default_texts(columns: &[ColumnDef]) -> Vec<String> {
    let default = |column: &ColumnDef| {
        column
            .options
            .iter()
            .find_map(|option| match &option.option {
                ColumnOption::Default(expr) => Some(expr.to_string()),
                _ => None,
            })
    };
    columns.iter().filter_map(default).collect()
}

fn null() -> Expr {
    Expr::value(Value::Null)
}

fn template(sql: &str) -> Result<Box<Query>> {
    let statements = Parser::parse_sql(&GenericDialect {}, sql);
    let mut statements = statements.map_err(|error| Error::from_parser(&error))?;
    match statements.pop() {
        Some(Statement::Query(query)) => Ok(query),
        _ => Err(Error::internal("plan", format!("{sql} is no query"))),
    }
}
