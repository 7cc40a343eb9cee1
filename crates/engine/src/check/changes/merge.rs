use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Ident, Merge, MergeAction, MergeClause, MergeClauseKind, MergeInsertExpr,
    MergeInsertKind, MergeUpdateExpr, TableFactor, With,
};

use super::{
    Change, assigned, column_name, names_of, plain_table, refuse, refuse_writes, returned,
    unsupported,
};
use crate::{Error, Result};

/// A `WHEN` of a `MERGE`. Of those that hold for a row the first one is done.
#[derive(Debug)]
pub(crate) struct Clause {
    pub(crate) when: When,
    pub(crate) predicate: Option<Expr>,
    pub(crate) action: Action,
}

/// Which rows a clause is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    /// A row of the table with one of the source.
    Matched,
    /// A row of the source alone.
    NotMatched,
    /// A row of the table alone.
    NotMatchedBySource,
}

/// What a clause does.
#[derive(Debug)]
pub(crate) enum Action {
    /// No columns stand for all; no values for the source's columns of those names.
    Insert {
        columns: Vec<Ident>,
        values: Option<Vec<Expr>>,
    },
    Update(Vec<(Ident, Expr)>),
    Delete,
}

pub(super) fn merge(with: Option<&With>, merge: &Merge) -> Result<Change> {
    let Merge {
        merge_token: _,
        optimizer_hints: _,
        into: _,
        table,
        source,
        on,
        clauses,
        output,
    } = merge;
    if let TableFactor::Derived { subquery, .. } = source {
        refuse_writes(subquery)?;
    }
    if clauses.is_empty() {
        return Err(Error::invalid("MERGE has no WHEN clause"));
    }
    let table = plain_table(table, "MERGE")?;
    let clauses = clauses.iter().map(|clause| self::clause(&table, clause));
    Ok(Change::Merge {
        with: with.cloned(),
        clauses: clauses.collect::<Result<_>>()?,
        table: table.clone(),
        source: source.clone(),
        on: on.as_ref().clone(),
        returning: returned(None, output.as_ref())?,
    })
}

fn clause(table: &TableFactor, clause: &MergeClause) -> Result<Clause> {
    let MergeClause {
        when_token: _,
        clause_kind,
        predicate,
        action,
    } = clause;
    let (name, alias) = names_of(table)?;
    let (action, also) = match action {
        MergeAction::Insert(MergeInsertExpr {
            insert_token: _,
            columns,
            kind_token: _,
            kind,
            insert_predicate,
        }) => {
            let columns = columns
                .iter()
                .map(|column| column_name(column, name, alias));
            let action = Action::Insert {
                columns: columns.collect::<Result<_>>()?,
                values: inserted(kind)?,
            };
            (action, insert_predicate)
        }
        MergeAction::Update(MergeUpdateExpr {
            update_token: _,
            assignments,
            update_predicate,
            delete_predicate,
        }) => {
            refuse(
                delete_predicate.is_some(),
                "DELETE WHERE after UPDATE (write WHEN MATCHED AND … THEN DELETE before it)",
            )?;
            let action = Action::Update(assigned(name, alias, assignments)?);
            (action, update_predicate)
        }
        MergeAction::Delete { delete_token: _ } => (Action::Delete, &None),
    };
    let predicate = match (predicate.clone(), also.clone()) {
        (Some(one), Some(other)) => Some(Expr::BinaryOp {
            left: Box::new(Expr::Nested(Box::new(one))),
            op: BinaryOperator::And,
            right: Box::new(Expr::Nested(Box::new(other))),
        }),
        (one, other) => one.or(other),
    };
    Ok(Clause {
        when: match clause_kind {
            MergeClauseKind::Matched => When::Matched,
            MergeClauseKind::NotMatched | MergeClauseKind::NotMatchedByTarget => When::NotMatched,
            MergeClauseKind::NotMatchedBySource => When::NotMatchedBySource,
        },
        predicate,
        action,
    })
}

/// The one row of values; `None` for the source's own.
fn inserted(kind: &MergeInsertKind) -> Result<Option<Vec<Expr>>> {
    let MergeInsertKind::Values(values) = kind else {
        return Ok(None);
    };
    match values.rows.as_slice() {
        [row] => Ok(Some(row.content.clone())),
        _ => Err(unsupported("INSERT of several rows in a WHEN of MERGE")),
    }
}
