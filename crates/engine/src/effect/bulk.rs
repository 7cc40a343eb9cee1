//! Many bound rows of an INSERT as the rows of one query.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::{Field, Schema};
use datafusion::common::Column;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::error::Result;
use datafusion::logical_expr::{
    Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection, Values,
};

use crate::bind::Bound;
use crate::plan::Plan;

/// How many bound rows make a batch.
const BATCH_ROWS: usize = 8192;

/// The plan with one row of values for each bound row, where its parameters stand in a single row of values and nowhere
/// else. `None` when it has to run once a row.
///
/// # Errors
/// When the plan cannot be built.
pub(super) fn over_bound_rows(plan: &Plan, bound: &Bound) -> Result<Option<LogicalPlan>> {
    let mut replaced = 0;
    let plan = LogicalPlan::clone(&plan.logical);
    let plan = plan.transform_up(|node| match node {
        LogicalPlan::Values(values) if values.values.len() == 1 && is_plain(&values)? => {
            Ok(match over(&values, bound.rows())? {
                Some(rows) => {
                    replaced += 1;
                    Transformed::yes(rows)
                }
                None => Transformed::no(LogicalPlan::Values(values)),
            })
        }
        node => Ok(Transformed::no(node)),
    })?;
    let is_whole = replaced == 1 && !has_parameters(&plan.data)?;
    Ok(is_whole.then_some(plan.data))
}

/// The row as a projection of the bound rows, under the names that it had. `None` when its types would be others.
fn over(values: &Values, bound: &RecordBatch) -> Result<Option<LogicalPlan>> {
    let name = |at: usize| format!("__bound{at}");
    let fields = bound.schema_ref().fields().iter().enumerate();
    let fields = fields.map(|(at, field)| Field::clone(field).with_name(name(at)));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let bound = RecordBatch::try_new(Arc::clone(&schema), bound.columns().to_vec())?;
    let pieces = (0..bound.num_rows()).step_by(BATCH_ROWS);
    let pieces = pieces.map(|from| bound.slice(from, BATCH_ROWS.min(bound.num_rows() - from)));
    let table = MemTable::try_new(schema, vec![pieces.collect()])?;
    let source = provider_as_source(Arc::new(table));
    let rows = LogicalPlanBuilder::scan("__bound", source, None)?.build()?;
    let cells = values.values.iter().flatten().cloned();
    let cells = cells.zip(values.schema.fields()).map(|(cell, field)| {
        let cell = cell.transform(|expr| match expr {
            Expr::Placeholder(placeholder) => {
                let number = placeholder.id.trim_start_matches('$').parse::<usize>();
                match number.ok().and_then(|number| number.checked_sub(1)) {
                    Some(at) => {
                        let column = Column::new(Some("__bound"), name(at));
                        Ok(Transformed::yes(Expr::Column(column)))
                    }
                    None => Ok(Transformed::no(Expr::Placeholder(placeholder))),
                }
            }
            expr => Ok(Transformed::no(expr)),
        })?;
        Ok(cell.data.alias(field.name()))
    });
    let cells = cells.collect::<Result<Vec<_>>>()?;
    for (cell, field) in cells.iter().zip(values.schema.fields()) {
        if cell.get_type(rows.schema())? != *field.data_type() {
            return Ok(None);
        }
    }
    let rows = Projection::try_new(cells, Arc::new(rows))?;
    Ok(Some(LogicalPlan::Projection(rows)))
}

/// Whether no cell holds a query.
fn is_plain(values: &Values) -> Result<bool> {
    let mut is_plain = true;
    for cell in values.values.iter().flatten() {
        cell.apply(|expr| {
            is_plain &= !matches!(
                expr,
                Expr::ScalarSubquery(_)
                    | Expr::InSubquery(_)
                    | Expr::Exists(_)
                    | Expr::SetComparison(_)
            );
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(is_plain)
}

fn has_parameters(plan: &LogicalPlan) -> Result<bool> {
    let mut found = false;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            found |= expr.exists(|expr| Ok(matches!(expr, Expr::Placeholder(_))))?;
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    Ok(found)
}
