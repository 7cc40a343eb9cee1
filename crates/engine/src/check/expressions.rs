//! Parts of function calls that the planner would leave out.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArgumentClause, FunctionArgumentList, FunctionArguments, ObjectName,
    Query, Visit, Visitor, WindowType,
};

use super::clauses::{FunctionKinds, refuse};
use crate::Error;

pub(super) fn function(function: &Function, functions: &dyn FunctionKinds) -> ControlFlow<Error> {
    refuse(
        !matches!(function.parameters, FunctionArguments::None),
        "a function with two lists of arguments",
    )?;
    let subquery = matches!(function.args, FunctionArguments::Subquery(_));
    refuse(
        subquery,
        "a subquery as the only argument of a function, without parentheses of its own,",
    )?;
    if let Some(WindowType::WindowSpec(window)) = &function.over {
        refuse(
            window.window_name.is_some(),
            "a window that extends a named one (write the window out)",
        )?;
    }
    if functions.is_scalar(&folded(&function.name)) {
        refuse(
            has_aggregate_parts(function),
            "DISTINCT, ORDER BY, FILTER, WITHIN GROUP, OVER or IGNORE NULLS with a function of single rows",
        )?;
    }
    ControlFlow::Continue(())
}

/// Whether a window that `WINDOW` defines is used. The planner resolves such names in the select list only, and takes
/// the function for an aggregate elsewhere.
pub(super) fn has_named_window(expr: &Expr) -> bool {
    expr.visit(&mut NamedWindows { subqueries: 0 }).is_break()
}

/// Looks at one expression; its subqueries have windows of their own.
struct NamedWindows {
    subqueries: usize,
}

impl Visitor for NamedWindows {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.subqueries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.subqueries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        match expr {
            Expr::Function(Function {
                over: Some(WindowType::NamedWindow(_)),
                ..
            }) if self.subqueries == 0 => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    }
}

fn has_aggregate_parts(function: &Function) -> bool {
    let in_arguments = match &function.args {
        FunctionArguments::List(FunctionArgumentList {
            duplicate_treatment,
            clauses,
            ..
        }) => {
            duplicate_treatment.is_some()
                || clauses.iter().any(|clause| {
                    matches!(
                        clause,
                        FunctionArgumentClause::OrderBy(_)
                            | FunctionArgumentClause::IgnoreOrRespectNulls(_)
                    )
                })
        }
        FunctionArguments::None | FunctionArguments::Subquery(_) => false,
    };
    in_arguments
        || function.filter.is_some()
        || function.over.is_some()
        || function.null_treatment.is_some()
        || !function.within_group.is_empty()
}

fn folded(name: &ObjectName) -> String {
    match name.0.as_slice() {
        [part] => match part.as_ident() {
            Some(ident) if ident.quote_style.is_none() => ident.value.to_lowercase(),
            Some(ident) => ident.value.clone(),
            None => String::new(),
        },
        _ => String::new(),
    }
}
