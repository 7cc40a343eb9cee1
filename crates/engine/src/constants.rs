//! Expressions that have a value before any row is read.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, IntervalUnit, Schema, TimeUnit};
use chrono::{DateTime, Utc};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result as EngineResult;
use datafusion::execution::SessionState;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{self, SelectItem, SetExpr, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use godwit_lake::{At, SnapshotId};

use crate::check;
use crate::deep::with_deep_stack;
use crate::names::Resolved;
use crate::provider::Functions;
use crate::{Error, Result};

/// An expression of no columns, tables or parameters.
///
/// # Errors
/// [`Error::InvalidInput`] when it is none; whatever the planner objects to.
pub(crate) fn plan(session: &SessionState, expr: &ast::Expr) -> Result<Expr> {
    let tree = select(expr)?;
    with_deep_stack(|| {
        check::refuse_ignored(&tree, &Functions(session))?;
        let planned = godwit_planner::plan(session, &Resolved::default(), &tree, Vec::new())
            .map_err(|error| Error::from_datafusion(&error, "plan"))?;
        let LogicalPlan::Projection(projection) = planned else {
            return Err(not_constant(expr));
        };
        match (projection.input.as_ref(), projection.expr.as_slice()) {
            (LogicalPlan::EmptyRelation(_), [value]) if !has_query(value) => {
                Ok(value.clone().unalias())
            }
            _ => Err(not_constant(expr)),
        }
    })
}

/// What an expression is worth now, as a value of a type.
///
/// # Errors
/// [`Error::InvalidInput`] when it gives another value each time, or none of that type.
pub(crate) fn evaluate(
    session: &SessionState,
    expr: &Expr,
    wanted: &DataType,
) -> Result<ScalarValue> {
    if expr.is_volatile() {
        return Err(Error::invalid(format!(
            "'{expr}' gives another value for every row; an expression with one value is needed"
        )));
    }
    with_deep_stack(|| value_of(session, expr, wanted))
        .map_err(|error| Error::from_datafusion(&error, "plan"))
}

/// The number of a snapshot.
///
/// # Errors
/// As [`plan`] and [`evaluate`].
pub(crate) fn version(session: &SessionState, expr: &ast::Expr) -> Result<SnapshotId> {
    match evaluate(session, &plan(session, expr)?, &DataType::Int64)? {
        ScalarValue::Int64(Some(version)) => Ok(SnapshotId(version)),
        _ => Err(Error::invalid(format!(
            "'{expr}' is no number of a snapshot"
        ))),
    }
}

/// How many, one at least.
///
/// # Errors
/// As [`plan`] and [`evaluate`].
pub(crate) fn count(session: &SessionState, expr: &ast::Expr) -> Result<u64> {
    match evaluate(session, &plan(session, expr)?, &DataType::Int64)? {
        ScalarValue::Int64(Some(count)) if count > 0 => Ok(count.unsigned_abs()),
        _ => Err(Error::invalid(format!("'{expr}' is no number from 1 on"))),
    }
}

/// A point in time. What says nothing about its zone is in the session's.
///
/// # Errors
/// As [`plan`] and [`evaluate`].
pub(crate) fn time(session: &SessionState, expr: &ast::Expr) -> Result<DateTime<Utc>> {
    let zone = session.config_options().execution.time_zone.clone();
    let zone = zone.unwrap_or_else(|| "UTC".to_owned());
    let wanted = DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()));
    let found = match evaluate(session, &plan(session, expr)?, &wanted)? {
        ScalarValue::TimestampMicrosecond(Some(micros), _) => {
            DateTime::from_timestamp_micros(micros)
        }
        _ => None,
    };
    found.ok_or_else(|| Error::invalid(format!("'{expr}' is no point in time")))
}

/// A snapshot by its number or its time.
///
/// # Errors
/// As [`plan`] and [`evaluate`].
pub(crate) fn moment(session: &SessionState, expr: &ast::Expr) -> Result<At> {
    let planned = plan(session, expr)?;
    match planned.get_type(&DFSchema::empty()) {
        Ok(kind) if kind.is_integer() => version(session, expr).map(At::Version),
        _ => time(session, expr).map(At::Time),
    }
}

/// A point in time, or how long ago it was.
///
/// # Errors
/// As [`plan`] and [`evaluate`].
pub(crate) fn time_or_age(session: &SessionState, expr: &ast::Expr) -> Result<DateTime<Utc>> {
    let planned = plan(session, expr)?;
    let is_interval = matches!(
        planned.get_type(&DFSchema::empty()),
        Ok(DataType::Interval(_) | DataType::Duration(_))
    );
    if !is_interval && let Ok(time) = time(session, expr) {
        return Ok(time);
    }
    let wanted = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let age = Expr::Cast(Cast::new(
        Box::new(planned),
        DataType::Interval(IntervalUnit::MonthDayNano),
    ));
    let now =
        ScalarValue::TimestampMicrosecond(Some(Utc::now().timestamp_micros()), Some("UTC".into()));
    let then = Expr::Literal(now, None) - age;
    match evaluate(session, &then, &wanted) {
        Ok(ScalarValue::TimestampMicrosecond(Some(micros), _)) => {
            DateTime::from_timestamp_micros(micros)
        }
        _ => None,
    }
    .ok_or_else(|| {
        Error::invalid(format!(
            "'{expr}' is neither a point in time ('2026-01-31 12:00:00') nor an age ('7 days')"
        ))
    })
}

fn value_of(session: &SessionState, expr: &Expr, wanted: &DataType) -> EngineResult<ScalarValue> {
    let none = DFSchema::empty();
    let context = SimplifyContext::builder()
        .with_config_options(Arc::clone(session.config_options()))
        .with_query_execution_start_time(Some(chrono::Utc::now()))
        .build();
    let simplifier = ExprSimplifier::new(context);
    let cast = Expr::Cast(Cast::new(Box::new(expr.clone()), wanted.clone()));
    let expr = simplifier.simplify(simplifier.coerce(cast, &none)?)?;
    let physical = session.create_physical_expr(expr, &none)?;
    let options = RecordBatchOptions::new().with_row_count(Some(1));
    let row = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)?;
    let values = physical.evaluate(&row)?.into_array(1)?;
    ScalarValue::try_from_array(&values, 0)
}

fn has_query(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let is_query = |expr: &Expr| {
        Ok(matches!(
            expr,
            Expr::ScalarSubquery(_)
                | Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::Placeholder(_)
        ))
    };
    expr.exists(is_query).unwrap_or(true)
}

fn not_constant(expr: &ast::Expr) -> Error {
    Error::invalid(format!(
        "'{expr}' is no constant: it may hold no column, parameter or query"
    ))
}

fn select(expr: &ast::Expr) -> Result<Tree> {
    let statements = Parser::parse_sql(&GenericDialect {}, "SELECT 1");
    let mut statements = statements.map_err(|error| Error::from_parser(&error))?;
    let mut statement = statements
        .pop()
        .ok_or_else(|| Error::internal("plan", "SELECT 1 is no statement"))?;
    if let Statement::Query(query) = &mut statement
        && let SetExpr::Select(select) = query.body.as_mut()
    {
        select.projection = vec![SelectItem::UnnamedExpr(expr.clone())];
    }
    Ok(Tree::Statement(Box::new(statement)))
}
