//! Statements that change temporary tables, as queries for what they change.
//!
//! Every field of the syntax tree is taken or refused: what is taken apart here leaves nothing out.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::helpers::stmt_create_table::CreateTableBuilder;
use datafusion::sql::sqlparser::ast::{
    Assignment, AssignmentTarget, ColumnDef, ColumnOption, CreateTable, Delete, Expr, FromTable,
    HiveFormat, Ident, Insert, ObjectName, OnCommit, Query, Statement, TableFactor, TableObject,
    TableWithJoins, Truncate, Update, Visit, Visitor,
};

use super::writes;
use crate::{Error, Result};

/// A change of temporary tables, as written.
#[derive(Debug)]
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
        columns: Vec<Ident>,
        source: Option<Box<Query>>,
    },
    /// `TRUNCATE`
    Truncate { table: ObjectName },
    /// `DELETE`
    Delete {
        table: TableFactor,
        selection: Option<Expr>,
    },
    /// `UPDATE`
    Update {
        table: TableFactor,
        assignments: Vec<(Ident, Expr)>,
        selection: Option<Expr>,
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

/// Takes a statement apart. `None` when it changes no table or hides the change in a `WITH`.
///
/// # Errors
/// [`Error::Unsupported`], naming the clause that is not supported.
pub(crate) fn change_of(statement: &Statement) -> Result<Option<Change>> {
    let change = match statement {
        Statement::CreateTable(table) => create(table)?,
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
        Statement::Insert(insert) => self::insert(insert)?,
        Statement::Truncate(truncate) => self::truncate(truncate)?,
        Statement::Delete(delete) => self::delete(delete)?,
        Statement::Update(update) => self::update(update)?,
        _ => return Ok(None),
    };
    Ok(Some(change))
}

fn create(table: &CreateTable) -> Result<Change> {
    refuse(
        !table.constraints.is_empty(),
        "PRIMARY KEY, UNIQUE, CHECK or FOREIGN KEY",
    )?;
    refuse(
        table.or_replace && table.if_not_exists,
        "OR REPLACE together with IF NOT EXISTS",
    )?;
    let mut taken = CreateTableBuilder::new(table.name.clone());
    taken.columns.clone_from(&table.columns);
    let columns = taken.clone().build();
    taken.temporary = true;
    taken.query.clone_from(&table.query);
    taken.if_not_exists = table.if_not_exists;
    taken.or_replace = table.or_replace;
    // LOCAL is what these tables are, and rows are kept at a COMMIT that never comes.
    taken.global = table.global.filter(|global| !global);
    taken.on_commit = table
        .on_commit
        .filter(|what| matches!(what, OnCommit::PreserveRows));
    let no_format = HiveFormat::default();
    taken.hive_formats = table
        .hive_formats
        .clone()
        .filter(|format| *format == no_format);
    refuse(
        taken.build() != *table,
        "CREATE TEMP TABLE with more than columns (name, type, NOT NULL, DEFAULT) or AS and a query",
    )?;
    let rows = match &table.query {
        Some(query) if table.columns.is_empty() => Rows::Query(query.clone()),
        Some(_) => {
            return Err(unsupported(
                "CREATE TEMP TABLE with both columns and a query",
            ));
        }
        None => {
            table.columns.iter().try_for_each(check_column)?;
            if table.columns.is_empty() {
                return Err(Error::invalid("a table has one column at least"));
            }
            Rows::Columns(Box::new(columns))
        }
    };
    Ok(Change::Create {
        name: table.name.clone(),
        if_not_exists: table.if_not_exists,
        or_replace: table.or_replace,
        rows,
    })
}

fn check_column(column: &ColumnDef) -> Result<()> {
    for option in &column.options {
        match &option.option {
            ColumnOption::Null | ColumnOption::NotNull => {}
            ColumnOption::Default(expr) => {
                refuse(expr.visit(&mut Queries).is_break(), "a query in a DEFAULT")?
            }
            other => {
                return Err(unsupported(&format!("'{other}' of column {}", column.name)));
            }
        }
    }
    Ok(())
}

fn insert(insert: &Insert) -> Result<Change> {
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
        or.is_some() || *ignore || *replace_into || on.is_some(),
        "INSERT that looks at rows that are there (ON CONFLICT, OR, IGNORE, REPLACE)",
    )?;
    refuse(
        returning.is_some() || output.is_some(),
        "INSERT … RETURNING",
    )?;
    refuse(
        *overwrite,
        "INSERT OVERWRITE (TRUNCATE the table and INSERT)",
    )?;
    refuse(
        table_alias.is_some()
            || !assignments.is_empty()
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
        "INSERT with more than columns and VALUES or a query",
    )?;
    let TableObject::TableName(table) = table else {
        return Err(unsupported("INSERT into anything but a table"));
    };
    if let Some(source) = source {
        refuse(
            writes::find(&Statement::Query(source.clone())).is_some(),
            "a write inside of a query",
        )?;
    }
    Ok(Change::Insert {
        table: table.clone(),
        columns: columns
            .iter()
            .map(column_name)
            .collect::<Result<Vec<_>>>()?,
        source: source.clone(),
    })
}

fn truncate(truncate: &Truncate) -> Result<Change> {
    let Truncate {
        table_names,
        partitions,
        table: _,
        if_exists,
        identity,
        cascade,
        on_cluster,
    } = truncate;
    let [table] = table_names.as_slice() else {
        return Err(unsupported("TRUNCATE of several tables"));
    };
    refuse(
        partitions.is_some()
            || *if_exists
            || identity.is_some()
            || cascade.is_some()
            || on_cluster.is_some()
            || table.only
            || table.has_asterisk,
        "TRUNCATE with more than a table",
    )?;
    Ok(Change::Truncate {
        table: table.name.clone(),
    })
}

fn delete(delete: &Delete) -> Result<Change> {
    let Delete {
        delete_token: _,
        optimizer_hints: _,
        tables,
        from,
        using,
        selection,
        returning,
        output,
        order_by,
        limit,
    } = delete;
    refuse(
        returning.is_some() || output.is_some(),
        "DELETE … RETURNING",
    )?;
    refuse(
        using.is_some() || !tables.is_empty(),
        "DELETE … USING (write WHERE … IN or EXISTS)",
    )?;
    refuse(
        !order_by.is_empty() || limit.is_some(),
        "DELETE with ORDER BY or LIMIT",
    )?;
    let (FromTable::WithFromKeyword(from) | FromTable::WithoutKeyword(from)) = from;
    let [table] = from.as_slice() else {
        return Err(unsupported("DELETE from several tables"));
    };
    Ok(Change::Delete {
        table: plain_table(table, "DELETE")?,
        selection: selection.clone(),
    })
}

fn update(update: &Update) -> Result<Change> {
    let Update {
        update_token: _,
        optimizer_hints: _,
        table,
        assignments,
        from,
        selection,
        returning,
        output,
        or,
        order_by,
        limit,
    } = update;
    refuse(
        returning.is_some() || output.is_some(),
        "UPDATE … RETURNING",
    )?;
    refuse(
        from.is_some(),
        "UPDATE … FROM (write a subquery in SET and WHERE … IN or EXISTS)",
    )?;
    refuse(
        or.is_some() || !order_by.is_empty() || limit.is_some(),
        "UPDATE with OR, ORDER BY or LIMIT",
    )?;
    let assignments = assignments.iter().map(|Assignment { target, value }| {
        let AssignmentTarget::ColumnName(name) = target else {
            return Err(unsupported("SET of several columns at once"));
        };
        Ok((column_name(name)?, value.clone()))
    });
    Ok(Change::Update {
        table: plain_table(table, "UPDATE")?,
        assignments: assignments.collect::<Result<_>>()?,
        selection: selection.clone(),
    })
}

fn plain_table(table: &TableWithJoins, verb: &str) -> Result<TableFactor> {
    refuse(
        !table.joins.is_empty(),
        &format!("{verb} of a join (write WHERE … IN or EXISTS)"),
    )?;
    match &table.relation {
        TableFactor::Table { args, alias, .. }
            if args.is_none() && alias.as_ref().is_none_or(|alias| alias.columns.is_empty()) =>
        {
            Ok(table.relation.clone())
        }
        _ => Err(unsupported(&format!("{verb} of anything but a table"))),
    }
}

fn column_name(name: &ObjectName) -> Result<Ident> {
    match name.0.as_slice() {
        [part] if let Some(column) = part.as_ident() => Ok(column.clone()),
        _ => Err(unsupported(&format!(
            "'{name}' as a column to write (write the column alone)"
        ))),
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
    Error::unsupported(format!("{clause} is not supported for temporary tables"))
}

/// Stops at a query within an expression.
struct Queries;

impl Visitor for Queries {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        ControlFlow::Break(())
    }
}
