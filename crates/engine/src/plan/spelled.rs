//! Rows that a statement spells out: `VALUES` of literals and parameters. What they are is known without an optimizer and
//! without operators.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, RecordBatchOptions};
use datafusion::common::ScalarValue;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan, Projection, Values};

use super::Plan;
use crate::deep::with_deep_stack;

/// All rows of a plan, where it only spells them out and nothing is wrong with them; `parameters` are those of one run.
pub(crate) fn rows(plan: &Plan, parameters: Option<&[ScalarValue]>) -> Option<RecordBatch> {
    let given = Given(parameters.unwrap_or_default());
    let Columns { arrays, rows } = with_deep_stack(|| given.columns(&plan.logical))?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    let fields = plan.schema.fields().iter().zip(&arrays);
    let is_promised = plan.schema.fields().len() == arrays.len()
        && fields.into_iter().all(|(field, array)| {
            field.data_type() == array.data_type()
                && (field.is_nullable() || array.null_count() == 0)
        });
    if !is_promised {
        return None;
    }
    RecordBatch::try_new_with_options(Arc::clone(&plan.schema), arrays, &options).ok()
}

/// Whether a plan has rows that [`rows`] may give.
pub(super) fn is_spelled_out(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Values(values) => values.values.iter().flatten().all(is_value),
        LogicalPlan::Projection(projection) => {
            let is_plain = |expr| matches!(plain(expr), Expr::Column(_)) || is_value(expr);
            projection.expr.iter().all(is_plain) && is_spelled_out(&projection.input)
        }
        _ => false,
    }
}

fn is_value(expr: &Expr) -> bool {
    match plain(expr) {
        Expr::Literal(..) | Expr::Placeholder(_) => true,
        Expr::Cast(cast) => is_value(&cast.expr),
        _ => false,
    }
}

/// The columns of a plan that has so many rows.
struct Columns {
    arrays: Vec<ArrayRef>,
    rows: usize,
}

/// The values of the parameters.
struct Given<'a>(&'a [ScalarValue]);

impl Given<'_> {
    fn columns(&self, plan: &LogicalPlan) -> Option<Columns> {
        match plan {
            LogicalPlan::Values(values) => self.values(values),
            LogicalPlan::Projection(projection) => self.projection(projection),
            _ => None,
        }
    }

    fn values(&self, values: &Values) -> Option<Columns> {
        let fields = values.schema.fields().iter().enumerate();
        let arrays = fields.map(|(at, field)| {
            let cells = values.values.iter();
            let cells = cells.map(|row| self.value(row.get(at)?));
            let cells = cells.collect::<Option<Vec<_>>>()?;
            let array = ScalarValue::iter_to_array(cells).ok()?;
            (array.data_type() == field.data_type()).then_some(array)
        });
        Some(Columns {
            arrays: arrays.collect::<Option<_>>()?,
            rows: values.values.len(),
        })
    }

    fn projection(&self, projection: &Projection) -> Option<Columns> {
        let Columns { arrays, rows } = self.columns(&projection.input)?;
        let schema = projection.input.schema();
        let columns = projection.expr.iter().map(|expr| match plain(expr) {
            Expr::Column(column) => {
                let at = schema.maybe_index_of_column(column)?;
                arrays.get(at).cloned()
            }
            other => self.value(other)?.to_array_of_size(rows).ok(),
        });
        Some(Columns {
            arrays: columns.collect::<Option<_>>()?,
            rows,
        })
    }

    /// What an expression stands for that needs no computing but a conversion.
    fn value(&self, expr: &Expr) -> Option<ScalarValue> {
        match plain(expr) {
            Expr::Literal(value, metadata) if metadata.is_none() => Some(value.clone()),
            Expr::Cast(Cast { expr, field }) if field.metadata().is_empty() => {
                self.value(expr)?.cast_to(field.data_type()).ok()
            }
            Expr::Placeholder(placeholder) => {
                let number: usize = placeholder.id.strip_prefix('$')?.parse().ok()?;
                self.0.get(number.checked_sub(1)?).cloned()
            }
            _ => None,
        }
    }
}

/// The expression without its other names.
fn plain(mut expr: &Expr) -> &Expr {
    while let Expr::Alias(alias) = expr {
        expr = &alias.expr;
    }
    expr
}
