//! Statements that change rows of tables or make temporary ones, as queries for what they change.
//!
//! Every field of the syntax tree is taken or refused: what is taken apart here leaves nothing out.

use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, CreateTable, Expr, Ident, ObjectName, ObjectNamePart,
    OutputClause, Query, SelectItem, SetExpr, Statement, TableAlias, TableFactor, TableWithJoins,
    With,
};

use super::writes;
use crate::{Error, Result};

mod create;
mod insert;
mod merge;
mod rows;

pub(crate) use insert::{Conflict, ConflictTarget, Instead};
pub(crate) use merge::{Action, Clause, When};

/// A change, as written.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one of them for each statement"
)]
pub(crate) enum Change {
    /// `CREATE TEMP TABLE`
    Create {
        name: ObjectName,
        if_not_exists: bool,
        or_replace: bool,
        rows: Rows,
    },
    /// `DROP TABLE`
    Drop {
        names: Vec<ObjectName>,
        if_exists: bool,
    },
    /// `INSERT`; no columns stand for all, no source for one row of defaults.
    Insert {
        table: ObjectName,
        alias: Option<Ident>,
        columns: Vec<Ident>,
        source: Option<Box<Query>>,
        conflict: Option<Conflict>,
        returning: Vec<SelectItem>,
    },
    /// `TRUNCATE`
    Truncate { table: ObjectName },
    /// `DELETE`
    Delete {
        with: Option<With>,
        table: TableFactor,
        using: Vec<TableWithJoins>,
        selection: Option<Expr>,
        returning: Vec<SelectItem>,
    },
    /// `UPDATE`
    Update {
        with: Option<With>,
        table: TableFactor,
        assignments: Vec<(Ident, Expr)>,
        from: Vec<TableWithJoins>,
        selection: Option<Expr>,
        returning: Vec<SelectItem>,
    },
    /// `MERGE`
    Merge {
        with: Option<With>,
        table: TableFactor,
        source: TableFactor,
        on: Expr,
        clauses: Vec<Clause>,
        returning: Vec<SelectItem>,
    },
}

/// What a new table is made of.
#[derive(Debug)]
pub(crate) enum Rows {
    /// Columns and no rows: a `CREATE TABLE` that the planner takes, for their types.
    Columns(Box<CreateTable>),
    /// The rows of a query.
    Query(Box<Query>),
}

impl Change {
    /// The name of the table whose rows change, and what the statement is called.
    pub(crate) fn target(&self) -> Option<(&'static str, &ObjectName)> {
        let (verb, table) = match self {
            Self::Create { .. } | Self::Drop { .. } => return None,
            Self::Insert { table, .. } => return Some(("INSERT", table)),
            Self::Truncate { table } => return Some(("TRUNCATE", table)),
            Self::Delete { table, .. } => ("DELETE", table),
            Self::Update { table, .. } => ("UPDATE", table),
            Self::Merge { table, .. } => ("MERGE", table),
        };
        match table {
            TableFactor::Table { name, .. } => Some((verb, name)),
            _ => None,
        }
    }
}

/// Takes a statement apart. `None` when it changes no table or hides the change in a `WITH`.
///
/// # Errors
/// [`Error::Unsupported`], naming the clause that is not supported.
pub(crate) fn change_of(statement: &Statement) -> Result<Option<Change>> {
    let change = match statement {
        Statement::CreateTable(table) => create::create(table)?,
        Statement::Drop {
            object_type: _,
            if_exists,
            names,
            cascade,
            restrict,
            purge,
            temporary: _,
            table,
        } => {
            refuse(
                *cascade || *restrict || *purge || table.is_some(),
                "DROP TABLE with CASCADE, RESTRICT, PURGE or ON",
            )?;
            Change::Drop {
                names: names.clone(),
                if_exists: *if_exists,
            }
        }
        Statement::Query(query) => return change_after(query),
        other => return change_with(None, other),
    };
    Ok(Some(change))
}

/// A change after the common table expressions that it reads.
fn change_after(query: &Query) -> Result<Option<Change>> {
    let (SetExpr::Insert(statement)
    | SetExpr::Update(statement)
    | SetExpr::Delete(statement)
    | SetExpr::Merge(statement)) = query.body.as_ref()
    else {
        return Ok(None);
    };
    let with = &query.with;
    let mut bare = query.clone();
    bare.with = None;
    refuse(
        bare.to_string() != statement.to_string(),
        "a change with ORDER BY, LIMIT or another clause of a query",
    )?;
    for cte in with.iter().flat_map(|with| &with.cte_tables) {
        refuse_writes(&cte.query)?;
    }
    change_with(with.as_ref(), statement)
}

fn change_with(with: Option<&With>, statement: &Statement) -> Result<Option<Change>> {
    let change = match statement {
        Statement::Insert(insert) => insert::insert(with, insert)?,
        Statement::Truncate(truncate) => rows::truncate(truncate)?,
        Statement::Delete(delete) => rows::delete(with, delete)?,
        Statement::Update(update) => rows::update(with, update)?,
        Statement::Merge(merge) => merge::merge(with, merge)?,
        _ => return Ok(None),
    };
    Ok(Some(change))
}

fn refuse_writes(query: &Query) -> Result<()> {
    let statement = Statement::Query(Box::new(query.clone()));
    refuse(
        writes::find(&statement).is_some(),
        "a write inside of a query",
    )
}

/// What `RETURNING` lists.
fn returned(
    items: Option<&Vec<SelectItem>>,
    output: Option<&OutputClause>,
) -> Result<Vec<SelectItem>> {
    match (items, output) {
        (None, None) => Ok(Vec::new()),
        (Some(items), None)
        | (
            None,
            Some(OutputClause::Returning {
                select_items: items,
                ..
            }),
        ) => Ok(items.clone()),
        (_, Some(_)) => Err(unsupported("OUTPUT (write RETURNING)")),
    }
}

/// Columns of `table` with their new values.
fn assigned(
    table: &ObjectName,
    alias: Option<&Ident>,
    assignments: &[Assignment],
) -> Result<Vec<(Ident, Expr)>> {
    let mut found = Vec::with_capacity(assignments.len());
    for Assignment { target, value } in assignments {
        match (target, value) {
            (AssignmentTarget::ColumnName(name), value) => {
                found.push((column_name(name, table, alias)?, value.clone()));
            }
            (AssignmentTarget::Tuple(names), Expr::Tuple(values))
                if names.len() == values.len() =>
            {
                for (name, value) in names.iter().zip(values) {
                    found.push((column_name(name, table, alias)?, value.clone()));
                }
            }
            (AssignmentTarget::Tuple(_), _) => {
                return Err(unsupported(
                    "SET of several columns at once, unless to as many values in parentheses,",
                ));
            }
        }
    }
    Ok(found)
}

/// The table that is changed: a plain one, with an alias for the whole at most.
fn plain_table(table: &TableFactor, verb: &str) -> Result<TableFactor> {
    let refused = || unsupported(&format!("{verb} of anything but a table as it is now"));
    let TableFactor::Table { name, alias, .. } = table else {
        return Err(refused());
    };
    let has_columns = |alias: &TableAlias| !alias.columns.is_empty() || alias.at.is_some();
    let plain = bare_table(name.clone(), alias.as_ref().map(|alias| alias.name.clone()));
    let mut written = table.clone();
    if let (TableFactor::Table { alias: written, .. }, TableFactor::Table { alias, .. }) =
        (&mut written, &plain)
    {
        if written.as_ref().is_some_and(has_columns) {
            return Err(refused());
        }
        written.clone_from(alias);
    }
    if written == plain {
        Ok(plain)
    } else {
        Err(refused())
    }
}

/// `name AS alias` where a table may stand.
pub(crate) fn bare_table(name: ObjectName, alias: Option<Ident>) -> TableFactor {
    TableFactor::Table {
        name,
        alias: alias.map(|name| TableAlias {
            explicit: true,
            name,
            columns: Vec::new(),
            at: None,
        }),
        args: None,
        with_hints: Vec::new(),
        version: None,
        with_ordinality: false,
        partitions: Vec::new(),
        json_path: None,
        sample: None,
        index_hints: Vec::new(),
    }
}

/// The name of a table and its alias.
fn names_of(table: &TableFactor) -> Result<(&ObjectName, Option<&Ident>)> {
    match table {
        TableFactor::Table { name, alias, .. } => {
            Ok((name, alias.as_ref().map(|alias| &alias.name)))
        }
        _ => Err(unsupported("a change of anything but a table")),
    }
}

/// A column that is written: alone, or after the name or the alias of its table.
fn column_name(name: &ObjectName, table: &ObjectName, alias: Option<&Ident>) -> Result<Ident> {
    let [tables @ .., column] = name.0.as_slice() else {
        return Err(unsupported("a column without a name"));
    };
    let is_of_table = match (alias, tables) {
        (_, []) => true,
        (Some(alias), [ObjectNamePart::Identifier(written)]) => is_same(alias, written),
        (Some(_), _) => false,
        (None, tables) => {
            let mut parts = table.0.iter().rev();
            tables.iter().rev().all(|written| {
                let (Some(part), Some(written)) = (
                    parts.next().and_then(ObjectNamePart::as_ident),
                    written.as_ident(),
                ) else {
                    return false;
                };
                is_same(part, written)
            })
        }
    };
    match column.as_ident() {
        Some(column) if is_of_table => Ok(column.clone()),
        _ => Err(unsupported(&format!(
            "'{name}' as a column to write (write the column alone)"
        ))),
    }
}

fn is_same(a: &Ident, b: &Ident) -> bool {
    folded(a) == folded(b)
}

/// The name that an identifier stands for: as written in quotes, else in lower case.
pub(crate) fn folded(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => ident.value.clone(),
        None => ident.value.to_lowercase(),
    }
}

fn refuse(is_there: bool, clause: &str) -> Result<()> {
    if is_there {
        Err(unsupported(clause))
    } else {
        Ok(())
    }
}

fn unsupported(clause: &str) -> Error {
    Error::unsupported(format!("{clause} is not supported"))
}
