//! Clauses that the planner would leave out without a word.
//!
//! Found by reading `datafusion-sql` 55.2: every field of the syntax tree that its planner drops is either refused here
//! or changes no result. The latter are optimizer hints in comments, `MATERIALIZED`, `GLOBAL` before a join, and the
//! lengths of `VARCHAR(n)` and `CHAR(n)`.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{
    Cte, Expr, GroupByExpr, ObjectName, OrderByKind, PipeOperator, Query, Select, SetExpr,
    SetOperator, TableAlias, TableFactor, Value, ValueWithSpan, Visit, Visitor, With,
};

use super::expressions::{self, has_named_window};
use crate::deep::with_deep_stack;
use crate::{Error, Result};

/// What the name of a function stands for.
pub(crate) trait FunctionKinds {
    /// Whether the function takes one row and gives one value.
    fn is_scalar(&self, name: &str) -> bool;
}

/// Refuses a statement with a clause that would be ignored.
///
/// # Errors
/// [`Error::Unsupported`], naming the clause.
pub(crate) fn refuse_ignored(tree: &Tree, functions: &dyn FunctionKinds) -> Result<()> {
    match with_deep_stack(|| visit_tree(tree, &mut Clauses { functions })) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

fn visit_tree(tree: &Tree, clauses: &mut Clauses<'_>) -> ControlFlow<Error> {
    match tree {
        Tree::Statement(statement) => statement.visit(clauses),
        Tree::Explain(explain) => visit_tree(&explain.statement, clauses),
        Tree::CopyTo(_) | Tree::CreateExternalTable(_) | Tree::Reset(_) => {
            ControlFlow::Continue(())
        }
    }
}

struct Clauses<'a> {
    functions: &'a dyn FunctionKinds,
}

/// Breaks off when the clause is there.
pub(super) fn refuse(is_there: bool, clause: &str) -> ControlFlow<Error> {
    if is_there {
        ControlFlow::Break(Error::unsupported(format!("{clause} is not supported")))
    } else {
        ControlFlow::Continue(())
    }
}

impl Visitor for Clauses<'_> {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        refuse(
            !query.locks.is_empty(),
            "a locking clause (FOR UPDATE, FOR SHARE)",
        )?;
        refuse(
            query.for_clause.is_some(),
            "FOR XML, FOR JSON or FOR BROWSE",
        )?;
        refuse(query.settings.is_some(), "SETTINGS in a query")?;
        refuse(query.format_clause.is_some(), "FORMAT in a query")?;
        if let Some(order_by) = &query.order_by {
            match &order_by.kind {
                OrderByKind::All(_) => {
                    let of_select = matches!(query.body.as_ref(), SetExpr::Select(_));
                    refuse(
                        !of_select,
                        "ORDER BY ALL after UNION, INTERSECT, EXCEPT or VALUES",
                    )?;
                }
                OrderByKind::Expressions(keys) => {
                    let named = keys.iter().any(|key| has_named_window(&key.expr));
                    refuse(
                        named,
                        "OVER with a named window in ORDER BY (write the window out)",
                    )?;
                }
            }
        }
        for operator in &query.pipe_operators {
            pipe(operator)?;
        }
        query.with.iter().try_for_each(with)
    }

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<Error> {
        refuse(
            select.into.is_some(),
            "SELECT INTO (write CREATE TABLE … AS SELECT)",
        )?;
        refuse(
            select
                .select_modifiers
                .as_ref()
                .is_some_and(|modifiers| modifiers.is_any_set()),
            "a modifier after SELECT",
        )?;
        refuse(
            select.exclude.is_some(),
            "EXCLUDE after the select list (write * EXCLUDE (…))",
        )?;
        refuse(select.prewhere.is_some(), "PREWHERE")?;
        refuse(
            !select.connect_by.is_empty(),
            "CONNECT BY (use WITH RECURSIVE)",
        )?;
        refuse(
            select.value_table_mode.is_some(),
            "SELECT AS STRUCT or AS VALUE",
        )?;
        let modifiers = match &select.group_by {
            GroupByExpr::All(modifiers) | GroupByExpr::Expressions(_, modifiers) => modifiers,
        };
        refuse(
            !modifiers.is_empty(),
            "GROUP BY … WITH ROLLUP, CUBE or TOTALS (write GROUP BY ROLLUP (…) or CUBE (…))",
        )?;
        let outside_list = [&select.qualify, &select.having, &select.selection]
            .into_iter()
            .flatten();
        let named = outside_list.into_iter().any(has_named_window);
        refuse(
            named,
            "OVER with a named window outside the select list (write the window out)",
        )
    }

    fn pre_visit_table_factor(&mut self, factor: &TableFactor) -> ControlFlow<Error> {
        match factor {
            TableFactor::Table {
                name,
                alias,
                args,
                with_hints,
                version,
                with_ordinality,
                partitions,
                json_path,
                sample,
                index_hints,
            } => {
                refuse(sample.is_some(), "TABLESAMPLE")?;
                refuse(
                    version.is_some(),
                    "a version of a table by other words than AT (VERSION => …) or AT (TIMESTAMP => …)",
                )?;
                refuse(
                    !with_hints.is_empty() || !index_hints.is_empty(),
                    "a table hint",
                )?;
                refuse(*with_ordinality, "WITH ORDINALITY")?;
                refuse(
                    !partitions.is_empty(),
                    "PARTITION after a table (filter on its column)",
                )?;
                refuse(json_path.is_some(), "a path into a table")?;
                refuse(
                    args.as_ref().is_some_and(|args| args.settings.is_some()),
                    "SETTINGS in a table function",
                )?;
                refuse(
                    args.is_some() && name.0.len() > 1,
                    "a table function with a schema",
                )?;
                table_alias(alias.as_ref())
            }
            TableFactor::Derived { sample, alias, .. } => {
                refuse(sample.is_some(), "TABLESAMPLE")?;
                table_alias(alias.as_ref())
            }
            TableFactor::Function {
                name,
                with_ordinality,
                alias,
                ..
            } => {
                refuse(*with_ordinality, "WITH ORDINALITY")?;
                refuse(name.0.len() > 1, "a table function with a schema")?;
                table_alias(alias.as_ref())
            }
            TableFactor::UNNEST { alias, .. } | TableFactor::NestedJoin { alias, .. } => {
                table_alias(alias.as_ref())
            }
            // The planner refuses all other kinds itself.
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Error> {
        match expr {
            Expr::Function(function) => expressions::function(function, self.functions),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<Error> {
        match &value.value {
            Value::Placeholder(text) if !text.starts_with('$') => ControlFlow::Break(
                Error::invalid(format!("'{text}' is no parameter; write ?, $1 or $name")),
            ),
            _ => ControlFlow::Continue(()),
        }
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<Error> {
        let only_identifiers = name.0.iter().all(|part| part.as_ident().is_some());
        refuse(!only_identifiers, "a table name made by a function")
    }
}

fn with(with: &With) -> ControlFlow<Error> {
    for Cte {
        alias, query, from, ..
    } in &with.cte_tables
    {
        refuse(from.is_some(), "FROM after a common table expression")?;
        table_alias(Some(alias))?;
        let recursive = with.recursive
            && matches!(
                query.body.as_ref(),
                SetExpr::SetOperation {
                    op: SetOperator::Union,
                    ..
                }
            );
        let dressed = query.order_by.is_some()
            || query.limit_clause.is_some()
            || query.fetch.is_some()
            || query.with.is_some();
        refuse(
            recursive && dressed,
            "WITH, ORDER BY or LIMIT directly in a UNION of WITH RECURSIVE (put it into the outer query)",
        )?;
    }
    ControlFlow::Continue(())
}

fn table_alias(alias: Option<&TableAlias>) -> ControlFlow<Error> {
    let Some(alias) = alias else {
        return ControlFlow::Continue(());
    };
    refuse(alias.at.is_some(), "AT after an alias")?;
    refuse(
        alias
            .columns
            .iter()
            .any(|column| column.data_type.is_some()),
        "a column type in an alias",
    )
}

fn pipe(operator: &PipeOperator) -> ControlFlow<Error> {
    match operator {
        PipeOperator::Aggregate {
            full_table_exprs,
            group_by_expr,
        } => {
            let ordered = full_table_exprs
                .iter()
                .chain(group_by_expr)
                .any(|item| item.order_by.asc.is_some() || item.order_by.nulls_first.is_some());
            refuse(ordered, "an order in |> AGGREGATE (add |> ORDER BY)")
        }
        PipeOperator::TableSample { .. } => refuse(true, "TABLESAMPLE"),
        // The planner uses the others whole or refuses them itself.
        _ => ControlFlow::Continue(()),
    }
}
