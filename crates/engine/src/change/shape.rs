//! What is made of the plan of a query so that its rows fit a table.

use std::sync::Arc;

use arrow::compute::can_cast_types;
use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{Column, DFSchema, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    Cast, Expr, ExprSchemable, LogicalPlan, LogicalPlanBuilder, Projection, SubqueryAlias, Values,
};

use super::target::{Changed, Target};

/// The rows with all columns of the table, in its order, of its types and under its names. The rows have the columns at
/// these positions of the table; the others get their defaults, which are given in order.
pub(super) fn insert(
    plan: LogicalPlan,
    target: &Target,
    columns: &[usize],
    defaults: Vec<Expr>,
) -> Result<LogicalPlan> {
    let width = plan.schema().fields().len();
    if width != columns.len() {
        return plan_err!(
            "INSERT takes {} values a row ({}), {width} are given",
            columns.len(),
            target.names(columns).join(", ")
        );
    }
    let fields = target.schema().fields();
    let types: Vec<_> = columns
        .iter()
        .filter_map(|at| fields.get(*at))
        .map(|field| field.data_type().clone())
        .collect();
    let plan = cast(plan, &types)?;
    let mut defaults = defaults.into_iter();
    let values = fields.iter().enumerate().map(|(at, field)| {
        let value = match columns.iter().position(|column| *column == at) {
            Some(given) => Expr::Column(Column::from(plan.schema().qualified_field(given))),
            None => match defaults.next() {
                Some(default) => checked(default, field.data_type(), &DFSchema::empty())?,
                None => return plan_err!("column '{}' has no value", field.name()),
            },
        };
        Ok(value.alias(field.name()))
    });
    let values = values.collect::<Result<Vec<_>>>()?;
    LogicalPlanBuilder::from(plan).project(values)?.build()
}

/// The rows of a SELECT whose first columns are marks of rows, and whose others are all columns of the table: these get
/// its types and names.
pub(super) fn marked(plan: LogicalPlan, marks: &[&str], target: &Target) -> Result<LogicalPlan> {
    let (exprs, input) = items(plan)?;
    let mut exprs = exprs.into_iter();
    let mut values = Vec::with_capacity(exprs.len());
    for (expr, mark) in exprs.by_ref().take(marks.len()).zip(marks) {
        values.push(expr.alias(*mark));
    }
    for (expr, field) in exprs.zip(target.schema().fields()) {
        let value = checked(expr, field.data_type(), input.schema())?;
        values.push(value.alias(field.name()));
    }
    Projection::try_new(values, Arc::new(input)).map(LogicalPlan::Projection)
}

/// The rows with what RETURNING lists after their first columns, of which so many stay. The expressions are about the
/// table's columns, which the rows have under the table's names.
pub(super) fn returning(
    plan: LogicalPlan,
    changed: &Changed,
    stay: usize,
    listed: Option<LogicalPlan>,
) -> Result<LogicalPlan> {
    let Some(listed) = listed else {
        return Ok(plan);
    };
    let (listed, _) = items(listed)?;
    let plan = SubqueryAlias::try_new(Arc::new(plan), changed.qualifier())?;
    let plan = LogicalPlan::SubqueryAlias(plan);
    let schema = Arc::clone(plan.schema());
    let kept = schema.iter().take(stay).enumerate();
    let kept = kept.map(|(at, field)| Expr::Column(Column::from(field)).alias(name(at)));
    let listed = listed.into_iter().enumerate();
    let listed = listed.map(|(at, expr)| expr.alias(name(stay + at)));
    let exprs: Vec<_> = kept.chain(listed).collect();
    Projection::try_new(exprs, Arc::new(plan)).map(LogicalPlan::Projection)
}

/// What a SELECT lists, and what it lists it from.
pub(super) fn items(plan: LogicalPlan) -> Result<(Vec<Expr>, LogicalPlan)> {
    let LogicalPlan::Projection(projection) = plan else {
        return plan_err!("DISTINCT and ORDER BY make no sense here");
    };
    let input = Arc::unwrap_or_clone(projection.input);
    if matches!(input, LogicalPlan::Aggregate(_) | LogicalPlan::Window(_)) {
        return plan_err!(
            "aggregates and window functions cannot stand here; write them in a subquery"
        );
    }
    let exprs = projection.expr.into_iter().map(Expr::unalias);
    Ok((exprs.collect(), input))
}

/// The rows with columns of these types. The casts go where a parameter that stands alone can be seen in them.
fn cast(plan: LogicalPlan, types: &[DataType]) -> Result<LogicalPlan> {
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
pub(super) fn checked(expr: Expr, wanted: &DataType, schema: &DFSchema) -> Result<Expr> {
    match expr.get_type(schema) {
        Ok(known) if known == *wanted => Ok(expr),
        Ok(known) if known != DataType::Null && !can_cast_types(&known, wanted) => {
            plan_err!("{expr} is {known} and cannot become {wanted}")
        }
        Ok(_) | Err(_) => Ok(Expr::Cast(Cast::new(Box::new(expr), wanted.clone()))),
    }
}

fn name(at: usize) -> String {
    format!("column{}", at + 1)
}
