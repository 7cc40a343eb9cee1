//! Where a column of a result comes from.

use datafusion::common::{Column, DFSchema, JoinType};
use datafusion::logical_expr::utils::split_conjunction;
use datafusion::logical_expr::{
    BinaryExpr, Distinct, Expr, Join, LogicalPlan, Operator, TableScan,
};

/// What is known of a column before it is read.
#[derive(Debug, Clone, Copy)]
pub(super) enum Origin<'a> {
    /// All rows are the same.
    Constant,
    /// It has no more values than the text of the statement says.
    Few,
    /// It has no more values than a column of a table, which has this number there.
    Column(&'a TableScan, usize),
    Unknown,
}

/// Where column `at` of an analysed plan comes from.
pub(super) fn origin(plan: &LogicalPlan, at: usize) -> Origin<'_> {
    match plan {
        LogicalPlan::Projection(projection) => match projection.expr.get(at) {
            Some(expr) => of_expr(expr, &projection.input),
            None => Origin::Unknown,
        },
        LogicalPlan::Filter(filter) => {
            let schema = filter.input.schema();
            let mut conditions = split_conjunction(&filter.predicate).into_iter();
            if conditions.any(|condition| fixes(condition, schema, at)) {
                return Origin::Constant;
            }
            origin(&filter.input, at)
        }
        LogicalPlan::Sort(sort) => origin(&sort.input, at),
        LogicalPlan::Limit(limit) => origin(&limit.input, at),
        LogicalPlan::Repartition(repartition) => origin(&repartition.input, at),
        LogicalPlan::SubqueryAlias(alias) => origin(&alias.input, at),
        LogicalPlan::Window(window) if at < window.input.schema().fields().len() => {
            origin(&window.input, at)
        }
        // Rows that differ in one column have as many values in it as there are rows.
        LogicalPlan::Distinct(Distinct::All(input)) if input.schema().fields().len() > 1 => {
            origin(input, at)
        }
        LogicalPlan::Join(join) => of_join(join, at),
        LogicalPlan::Union(union) => match union.inputs.first() {
            // The other inputs may have another constant.
            Some(first) => changing(origin(first, at)),
            None => Origin::Unknown,
        },
        LogicalPlan::TableScan(scan) => match &scan.projection {
            None => Origin::Column(scan, at),
            Some(columns) => match columns.get(at) {
                Some(column) => Origin::Column(scan, *column),
                None => Origin::Unknown,
            },
        },
        _ => Origin::Unknown,
    }
}

fn of_join(join: &Join, at: usize) -> Origin<'_> {
    let left = join.left.schema().fields().len();
    let of_left = |at| origin(&join.left, at);
    let of_right = |at| origin(&join.right, at);
    match join.join_type {
        JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark if at < left => of_left(at),
        JoinType::RightSemi | JoinType::RightAnti => of_right(at),
        JoinType::Inner | JoinType::Left if at < left => of_left(at),
        JoinType::Inner | JoinType::Right if at >= left => of_right(at - left),
        // Nulls stand where a side has no row.
        JoinType::Right | JoinType::Full if at < left => changing(of_left(at)),
        JoinType::Left | JoinType::Full => changing(of_right(at - left)),
        _ => Origin::Unknown,
    }
}

/// The origin of a column with other rows among its own.
fn changing(origin: Origin<'_>) -> Origin<'_> {
    match origin {
        Origin::Constant => Origin::Unknown,
        other => other,
    }
}

fn of_expr<'a>(expr: &Expr, input: &'a LogicalPlan) -> Origin<'a> {
    match expr {
        Expr::Alias(alias) => of_expr(&alias.expr, input),
        Expr::Column(column) => of_column(column, input),
        expr if expr.is_volatile() || has_query(expr) => Origin::Unknown,
        Expr::Case(case) => {
            let results = case.when_then_expr.iter().map(|(_, then)| then);
            let mut results = results.chain(&case.else_expr);
            if results.all(|result| is_constant(result)) {
                Origin::Few
            } else {
                of_function(expr, input)
            }
        }
        expr => of_function(expr, input),
    }
}

/// A function of one column has no more values than that.
fn of_function<'a>(expr: &Expr, input: &'a LogicalPlan) -> Origin<'a> {
    let columns: Vec<_> = expr.column_refs().into_iter().collect();
    match columns.as_slice() {
        [] => Origin::Constant,
        [column] => of_column(column, input),
        _ => Origin::Unknown,
    }
}

fn of_column<'a>(column: &Column, input: &'a LogicalPlan) -> Origin<'a> {
    match input.schema().maybe_index_of_column(column) {
        Some(at) => origin(input, at),
        None => Origin::Unknown,
    }
}

/// Whether a condition leaves one value of a column.
fn fixes(condition: &Expr, schema: &DFSchema, at: usize) -> bool {
    let Expr::BinaryExpr(BinaryExpr { left, op, right }) = condition else {
        return false;
    };
    let is_column = |expr: &Expr| match expr {
        Expr::Column(column) => schema.maybe_index_of_column(column) == Some(at),
        _ => false,
    };
    let fixes = |column: &Expr, value: &Expr| is_column(column) && is_constant(value);
    *op == Operator::Eq && (fixes(left, right) || fixes(right, left))
}

/// Whether an expression has one value for all rows.
fn is_constant(expr: &Expr) -> bool {
    expr.column_refs().is_empty() && !expr.is_volatile() && !has_query(expr)
}

fn has_query(expr: &Expr) -> bool {
    use datafusion::common::tree_node::TreeNode;
    let is_query = |expr: &Expr| {
        matches!(
            expr,
            Expr::Exists(_)
                | Expr::InSubquery(_)
                | Expr::SetComparison(_)
                | Expr::ScalarSubquery(_)
                | Expr::OuterReferenceColumn(_, _)
                | Expr::Unnest(_)
        )
    };
    expr.exists(|expr| Ok(is_query(expr))).unwrap_or(true)
}
