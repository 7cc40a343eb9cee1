//! Syntax trees of the queries that changes are planned as.

use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{
    ColumnDef, ColumnOption, Expr, Ident, Query, SelectItem, SetExpr, Statement, TableFactor,
    TableWithJoins, Value, With,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use super::target::Target;
use super::values;
use crate::{Error, Result};

/// `WITH with SELECT items FROM from WHERE selection`, every item under a name of its own.
pub(super) fn select(
    with: Option<&With>,
    items: Vec<Expr>,
    from: Vec<TableWithJoins>,
    selection: Option<Expr>,
) -> Result<Tree> {
    let mut query = template("SELECT 1")?;
    query.with = with.cloned();
    let SetExpr::Select(select) = query.body.as_mut() else {
        return Err(Error::internal("plan", "SELECT 1 is no SELECT"));
    };
    let items = items.into_iter().enumerate();
    let items = items.map(|(at, expr)| SelectItem::ExprWithAlias {
        expr,
        alias: Ident::with_quote('"', format!("__item{at}")),
    });
    select.projection = items.collect();
    select.from = from;
    select.selection = selection;
    Ok(of_query(query))
}

/// A query as a statement.
pub(super) fn of_query(query: Box<Query>) -> Tree {
    Tree::Statement(Box::new(Statement::Query(query)))
}

/// A table alone in `FROM`.
pub(super) fn from(relation: TableFactor) -> TableWithJoins {
    TableWithJoins {
        relation,
        joins: Vec::new(),
    }
}

/// The rows of an INSERT, with what `DEFAULT` stands for written out; one row of defaults when there is no source.
pub(super) fn rows(
    source: Option<Box<Query>>,
    target: &Target,
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
                *cell = or_default(value, target, *at)?;
            }
        }
    }
    values::mended(query, target, columns)
}

/// The value, or what `DEFAULT` stands for in that column.
pub(super) fn or_default(value: Expr, target: &Target, at: usize) -> Result<Expr> {
    let is_default = matches!(&value, Expr::Identifier(ident)
        if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default"));
    if is_default {
        default(target, at)
    } else {
        Ok(value)
    }
}

/// What rows get in that column when they say nothing about it.
pub(super) fn default(target: &Target, at: usize) -> Result<Expr> {
    let fields = target.schema().fields();
    let default = fields
        .get(at)
        .and_then(|field| target.default_of(field.name()));
    default.map_or_else(|| Ok(null()), expression)
}

/// An expression from its text.
pub(super) fn expression(sql: &str) -> Result<Expr> {
    let translate = |error| Error::from_parser(&error);
    Parser::new(&GenericDialect {})
        .try_with_sql(sql)
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

/// A query from its text.
pub(crate) fn template(sql: &str) -> Result<Box<Query>> {
    let statements = Parser::parse_sql(&GenericDialect {}, sql);
    let mut statements = statements.map_err(|error| Error::from_parser(&error))?;
    match statements.pop() {
        Some(Statement::Query(query)) => Ok(query),
        _ => Err(Error::internal("plan", format!("{sql} is no query"))),
    }
}
