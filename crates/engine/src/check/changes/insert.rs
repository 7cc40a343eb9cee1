use datafusion::sql::sqlparser::ast::{
    self, DoUpdate, Expr, Ident, Insert, OnConflict, OnConflictAction, OnInsert, SqliteOnConflict,
    TableObject, With,
};

use super::{Change, assigned, column_name, refuse, refuse_writes, returned, unsupported};
use crate::Result;

/// What becomes of a new row whose key is there already.
#[derive(Debug)]
pub(crate) struct Conflict {
    pub(crate) target: ConflictTarget,
    pub(crate) instead: Instead,
}

/// Which key.
#[derive(Debug)]
pub(crate) enum ConflictTarget {
    /// Any of the table's, or the only one.
    Any,
    /// The key that has these columns.
    Columns(Vec<Ident>),
    /// The key of this name.
    Named(Ident),
}

/// What happens instead of the insertion.
#[derive(Debug)]
pub(crate) enum Instead {
    /// The row that is there stays as it is.
    Nothing,
    /// The row that is there gets the values of the new one.
    Replace,
    /// The row that is there gets new values.
    Update {
        assignments: Vec<(Ident, Expr)>,
        selection: Box<Option<Expr>>,
    },
}

pub(super) fn insert(with: Option<&With>, insert: &Insert) -> Result<Change> {
    let Insert {
        insert_token: _,
        optimizer_hints: _,
        or,
        ignore,
        into: _,
        table,
        table_alias,
        columns,
        overwrite,
        source,
        assignments,
        partitioned,
        after_columns,
        has_table_keyword: _,
        on,
        returning,
        output,
        replace_into,
        priority,
        insert_alias,
        settings,
        format_clause,
        multi_table_insert_type,
        multi_table_into_clauses,
        multi_table_when_clauses,
        multi_table_else_clause,
    } = insert;
    refuse(
        *overwrite,
        "INSERT OVERWRITE (TRUNCATE the table and INSERT)",
    )?;
    refuse(
        !assignments.is_empty()
            || partitioned.is_some()
            || !after_columns.is_empty()
            || priority.is_some()
            || insert_alias.is_some()
            || settings.is_some()
            || format_clause.is_some()
            || multi_table_insert_type.is_some()
            || !multi_table_into_clauses.is_empty()
            || !multi_table_when_clauses.is_empty()
            || multi_table_else_clause.is_some(),
        "INSERT with more than columns, VALUES or a query, ON CONFLICT and RETURNING",
    )?;
    let TableObject::TableName(table) = table else {
        return Err(unsupported("INSERT into anything but a table"));
    };
    let alias = table_alias.as_ref().map(|alias| alias.alias.clone());
    let mut source = source.clone();
    if let Some(source) = &mut source {
        refuse_writes(source)?;
        if let Some(with) = with {
            refuse(
                source.with.is_some(),
                "WITH both before INSERT and before its query",
            )?;
            source.with = Some(with.clone());
        }
    }
    let words = (or.as_ref(), *ignore, *replace_into);
    Ok(Change::Insert {
        conflict: conflict(table, alias.as_ref(), words, on.as_ref())?,
        table: table.clone(),
        columns: columns
            .iter()
            .map(|column| column_name(column, table, alias.as_ref()))
            .collect::<Result<Vec<_>>>()?,
        alias,
        source,
        returning: returned(returning.as_ref(), output.as_ref())?,
    })
}

/// What the words before the table or the clause after the rows say. One of them may stand alone.
fn conflict(
    table: &ast::ObjectName,
    alias: Option<&Ident>,
    (or, ignore, replace): (Option<&SqliteOnConflict>, bool, bool),
    on: Option<&OnInsert>,
) -> Result<Option<Conflict>> {
    let any = |instead| Conflict {
        target: ConflictTarget::Any,
        instead,
    };
    let found = match (or, ignore, replace, on) {
        (None | Some(SqliteOnConflict::Abort), false, false, None) => return Ok(None),
        (Some(SqliteOnConflict::Ignore), false, false, None) | (None, true, false, None) => {
            any(Instead::Nothing)
        }
        (Some(SqliteOnConflict::Replace), false, _, None) | (None, false, true, None) => {
            any(Instead::Replace)
        }
        (None, false, false, Some(OnInsert::OnConflict(clause))) => {
            on_conflict(table, alias, clause)?
        }
        _ => {
            return Err(unsupported(
                "INSERT OR ROLLBACK, OR FAIL, ON DUPLICATE KEY UPDATE, or two ways to say what becomes of rows whose \
                 key is there (write ON CONFLICT … DO NOTHING or DO UPDATE)",
            ));
        }
    };
    Ok(Some(found))
}

fn on_conflict(
    table: &ast::ObjectName,
    alias: Option<&Ident>,
    clause: &OnConflict,
) -> Result<Conflict> {
    let target = match &clause.conflict_target {
        None => ConflictTarget::Any,
        Some(ast::ConflictTarget::Columns(columns)) => ConflictTarget::Columns(columns.clone()),
        Some(ast::ConflictTarget::OnConstraint(name)) => match name.0.as_slice() {
            [part] if let Some(name) = part.as_ident() => ConflictTarget::Named(name.clone()),
            _ => return Err(unsupported(&format!("'{name}' as the name of a key"))),
        },
    };
    let instead = match &clause.action {
        OnConflictAction::DoNothing => Instead::Nothing,
        OnConflictAction::DoUpdate(DoUpdate {
            assignments,
            selection,
        }) => Instead::Update {
            assignments: assigned(table, alias, assignments)?,
            selection: Box::new(selection.clone()),
        },
    };
    Ok(Conflict { target, instead })
}
