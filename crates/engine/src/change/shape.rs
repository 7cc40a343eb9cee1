//! What is made of the plan of a query so that its rows fit a table.

use std::sync::Arc;

use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Column, DFSchema, ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    Cast, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection, Values,
};
use godwit_catalog::TempTable;

/// The rows with all columns of the table, in its order and of its types. The rows have the columns at these
/// positions of the table; the others get their defaults, or null.
pub(super) fn insert(
    plan: LogicalPlan,
    table: &TempTable,
    columns: &[usize],
) -> Result<LogicalPlan> {
    let width = plan.schema().fields().len();
    if width != columns.len() {
        return plan_err!(
            "INSERT takes {} values a row ({}), {width} are given",
            columns.len(),
            names(table, columns)
        );
    }
    let fields = table.schema().fields();
    let types: Vec<_> = columns
        .iter()
        .filter_map(|at| fields.get(*at))
        .map(|field| field.data_type().clone())
        .collect();
    let plan = cast(plan, &types)?;
    let values = fields.iter().enumerate().map(|(at, field)| {
        let given = columns.iter().position(|column| *column == at);
        let value = match given {
            Some(given) => Expr::Column(Column::from(plan.schema().qualified_field(given))),
            None => to_type(
                match table.default_of(field.name()) {
                    Some(default) => default.expr.clone(),
                    None => Expr::Literal(ScalarValue::Null, None),
                },
                field.data_type(),
            ),
        };
        value.alias(field.name())
    });
    let values: Vec<_> = values.collect();
    LogicalPlanBuilder::from(plan).project(values)?.build()
}

/// The rows with columns of these types. The casts go where a parameter that stands alone can be seen in them.
pub(super) fn cast(plan: LogicalPlan, types: &[DataType]) -> Result<LogicalPlan> {
    match plan {
        LogicalPlan::Values(values) => cast_values(values, types),
        LogicalPlan::Projection(projection) => {
            let exprs = projection.expr.iter().zip(types).enumerate();
            let exprs = exprs.map(|(at, (expr, wanted))| {
                let expr = expr.clone().unalias();
                Ok(checked(expr, wanted, projection.input.schema())?.alias(name(at)))
            });
            let exprs = exprs.collect::<Result<Vec<_>>>()?;
            Projection::try_new(exprs, projection.input).map(LogicalPlan::Projection)
        }
        plan => {
            let exprs = types.iter().enumerate().map(|(at, wanted)| {
                let column = Expr::Column(Column::from(plan.schema().qualified_field(at)));
                Ok(checked(column, wanted, plan.schema())?.alias(name(at)))
            });
            let exprs = exprs.collect::<Result<Vec<_>>>()?;
            LogicalPlanBuilder::from(plan).project(exprs)?.build()
        }
    }
}

fn cast_values(values: Values, types: &[DataType]) -> Result<LogicalPlan> {
    let none = DFSchema::empty();
    let cast_row = |row: Vec<Expr>| {
        let cells = row.into_iter().zip(types);
        let cells = cells.map(|(cell, wanted)| checked(cell, wanted, &none));
        cells.collect::<Result<Vec<_>>>()
    };
    let rows = values.values.into_iter().map(cast_row);
    let fields = types
        .iter()
        .enumerate()
        .map(|(at, data_type)| Field::new(name(at), data_type.clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    Ok(LogicalPlan::Values(Values {
        values: rows.collect::<Result<_>>()?,
        schema: Arc::new(DFSchema::try_from(schema)?),
    }))
}

/// The expression as a value of this type. One of unknown type, a parameter, becomes known by it.
fn checked(expr: Expr, wanted: &DataType, schema: &DFSchema) -> Result<Expr> {
    match expr.get_type(schema) {
        Ok(known) if known == *wanted => Ok(expr),
        Ok(known) if known != DataType::Null && !can_cast_types(&known, wanted) => {
            plan_err!("{expr} is {known} and cannot become {wanted}")
        }
        Ok(_) | Err(_) => Ok(to_type(expr, wanted)),
    }
}

fn to_type(expr: Expr, wanted: &DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), wanted.clone()))
}

fn name(at: usize) -> String {
    format!("column{}", at + 1)
}

fn names(table: &TempTable, columns: &[usize]) -> String {
    let names: Vec<_> = columns
        .iter()
        .filter_map(|at| table.schema().fields().get(*at))
        .map(|field| field.name().as_str())
        .collect();
    names.join(", ")
}
