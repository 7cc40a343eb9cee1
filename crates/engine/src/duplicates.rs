//! `SELECT 1, 1` and other select lists in which a name comes twice.
//!
//! DataFusion wants the columns of a projection to have different names. So the later of two equal items gets a name
//! of its own while the statement is planned, and so does whatever has no name and is no column: what it would be called
//! only the planner knows. The result gets the names back that it would have had.

use std::collections::HashSet;

use arrow::datatypes::{Field, Schema};
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::logical_expr::{Expr, LogicalPlan};
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{
    Expr as SqlExpr, Ident, Select, SelectItem, SetExpr, Statement,
};

use crate::check::folded;

const PREFIX: &str = "__godwit_again_";

/// Whether planning failed because of a name that comes twice.
pub(crate) fn are_the_cause(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::Plan(text) => text.contains("unique expression names"),
        DataFusionError::SchemaError(error, _) => matches!(
            error.as_ref(),
            SchemaError::DuplicateUnqualifiedField { .. }
                | SchemaError::DuplicateQualifiedField { .. }
                | SchemaError::AmbiguousReference { .. }
        ),
        DataFusionError::Context(_, error) | DataFusionError::Diagnostic(_, error) => {
            are_the_cause(error)
        }
        DataFusionError::Collection(errors) => errors.iter().any(are_the_cause),
        DataFusionError::Shared(error) => are_the_cause(error),
        _ => false,
    }
}

/// Gives the repeated items of the outermost select list names of their own; tells whether there were any.
pub(crate) fn rename(tree: &mut Tree) -> bool {
    let Tree::Statement(statement) = tree else {
        return false;
    };
    let Statement::Query(query) = statement.as_mut() else {
        return false;
    };
    let mut body = query.body.as_mut();
    loop {
        match body {
            SetExpr::Select(select) => return rename_items(select),
            SetExpr::Query(query) => body = query.body.as_mut(),
            SetExpr::SetOperation { left, .. } => body = left.as_mut(),
            _ => return false,
        }
    }
}

/// Gives the columns of a result their names back.
pub(crate) fn restore(schema: &Schema, plan: &LogicalPlan) -> Schema {
    let fields = schema.fields().iter().map(|field| {
        if !field.name().starts_with(PREFIX) {
            return field.as_ref().clone();
        }
        let name = original_name(plan, field.name()).unwrap_or_else(|| field.name().clone());
        Field::clone(field).with_name(name)
    });
    Schema::new(fields.collect::<Vec<_>>())
}

fn rename_items(select: &mut Select) -> bool {
    let mut seen = HashSet::new();
    let mut renamed = false;
    for (at, item) in select.projection.iter_mut().enumerate() {
        let name = match item {
            SelectItem::UnnamedExpr(SqlExpr::Identifier(ident)) => folded(ident),
            SelectItem::UnnamedExpr(SqlExpr::CompoundIdentifier(parts)) => {
                parts.last().map(folded).unwrap_or_default()
            }
            SelectItem::UnnamedExpr(_) => String::new(),
            SelectItem::ExprWithAlias { alias, .. } => folded(alias),
            SelectItem::ExprWithAliases { .. }
            | SelectItem::QualifiedWildcard(..)
            | SelectItem::Wildcard(_) => continue,
        };
        if !name.is_empty() && seen.insert(name.clone()) {
            continue;
        }
        renamed = true;
        let own_name = Ident::with_quote('"', format!("{PREFIX}{at}_{name}"));
        match item {
            SelectItem::ExprWithAlias { alias, .. } => *alias = own_name,
            SelectItem::UnnamedExpr(expr) => {
                *item = SelectItem::ExprWithAlias {
                    expr: expr.clone(),
                    alias: own_name,
                };
            }
            SelectItem::ExprWithAliases { .. }
            | SelectItem::QualifiedWildcard(..)
            | SelectItem::Wildcard(_) => {}
        }
    }
    renamed
}

/// What the planner would have called the item: found where the name was given, in the nearest projection.
fn original_name(plan: &LogicalPlan, own_name: &str) -> Option<String> {
    if let LogicalPlan::Projection(projection) = plan {
        for expr in &projection.expr {
            if let Expr::Alias(alias) = expr
                && alias.name == own_name
            {
                return Some(match alias.expr.as_ref() {
                    // Given by the statement itself: `SELECT 1 AS a, 2 AS a`.
                    _ if spelled(own_name).is_some_and(is_word) => spelled(own_name)?.to_owned(),
                    Expr::Column(column) => column.name.clone(),
                    other => other.schema_name().to_string(),
                });
            }
        }
    }
    plan.inputs()
        .into_iter()
        .find_map(|input| original_name(input, own_name))
}

/// The part of an own name that says what the statement called the item.
fn spelled(own_name: &str) -> Option<&str> {
    own_name
        .strip_prefix(PREFIX)?
        .split_once('_')
        .map(|(_, name)| name)
}

fn is_word(name: &str) -> bool {
    name.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name
            .bytes()
            .next()
            .is_some_and(|byte| !byte.is_ascii_digit())
}
