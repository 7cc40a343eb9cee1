//! The rows of `INSERT … VALUES`, rewritten where the planner would not take them as they are, or not exactly.

use arrow::datatypes::DataType;
use datafusion::sql::sqlparser::ast::{
    Expr, Query, SetExpr, UnaryOperator, Value, ValueWithSpan, Values,
};

use super::target::Target;
use super::tree;
use crate::Result;
use crate::check::has_query;

/// Three things are mended: decimals are read digit by digit and not through a double; cells of a column that are written
/// in different ways, a text here and a date there, each become the column's type; rows with a query in them become queries.
pub(super) fn mended(
    mut query: Box<Query>,
    target: &Target,
    columns: &[usize],
) -> Result<Box<Query>> {
    let SetExpr::Values(values) = query.body.as_mut() else {
        return Ok(query);
    };
    for (nth, at) in columns.iter().enumerate() {
        if let Some(field) = target.schema().fields().get(*at) {
            mend_column(values, nth, field.data_type())?;
        }
    }
    if has_query(values) {
        let rows = values.rows.iter().map(|row| {
            let cells: Vec<_> = row.content.iter().map(ToString::to_string).collect();
            format!("SELECT {}", cells.join(", "))
        });
        let rows: Vec<_> = rows.collect();
        query.body = tree::template(&rows.join(" UNION ALL "))?.body;
    }
    Ok(query)
}

fn mend_column(values: &mut Values, nth: usize, to: &DataType) -> Result<()> {
    // A type that cannot be named is left to the planner.
    if to.to_string().parse::<DataType>().ok().as_ref() != Some(to) {
        return Ok(());
    }
    let cells = values.rows.iter().filter_map(|row| row.content.get(nth));
    let (mut is_text, mut is_other) = (false, false);
    for cell in cells {
        match kind(cell) {
            Kind::Text => is_text = true,
            Kind::Other | Kind::Number(_) => is_other = true,
            Kind::Nothing => {}
        }
    }
    let is_mixed = is_text && is_other;
    let cells = values
        .rows
        .iter_mut()
        .filter_map(|row| row.content.get_mut(nth));
    for cell in cells {
        match kind(cell) {
            Kind::Number(digits) if to.is_decimal() => *cell = cast(&format!("'{digits}'"), to)?,
            Kind::Text | Kind::Other | Kind::Number(_) if is_mixed => {
                *cell = cast(&cell.to_string(), to)?;
            }
            Kind::Nothing | Kind::Text | Kind::Other | Kind::Number(_) => {}
        }
    }
    Ok(())
}

/// How a cell is written.
enum Kind {
    /// Null or a parameter, which fits everything.
    Nothing,
    Text,
    /// Digits with a point at most, and perhaps a sign.
    Number(String),
    Other,
}

fn kind(cell: &Expr) -> Kind {
    match cell {
        Expr::Value(ValueWithSpan { value, .. }) => match value {
            Value::Null | Value::Placeholder(_) => Kind::Nothing,
            Value::SingleQuotedString(_) => Kind::Text,
            Value::Number(digits, _) => {
                let is_plain = digits.bytes().all(|c| c.is_ascii_digit() || c == b'.');
                if is_plain {
                    Kind::Number(digits.to_string())
                } else {
                    Kind::Other
                }
            }
            _ => Kind::Other,
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => match kind(expr) {
            Kind::Number(digits) if !digits.starts_with('-') => Kind::Number(format!("-{digits}")),
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}

fn cast(value: &str, to: &DataType) -> Result<Expr> {
    let name = to.to_string().replace('\'', "''");
    tree::expression(&format!("arrow_cast({value}, '{name}')"))
}
