//! Expressions that have a value before any row is read.

use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::{DataType, Schema};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::error::Result as EngineResult;
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Cast, Expr, LogicalPlan};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{self, SelectItem, SetExpr, Statement};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;

use crate::check;
use crate::deep::with_deep_stack;
use crate::names::Resolved;
use crate::provider::Functions;
use crate::{Error, Result};
use datafusion::execution::SessionState;

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
