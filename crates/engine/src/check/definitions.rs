//! Statements that say what there is: tables, schemas, views and comments on them.
//!
//! Every field of the syntax tree is taken or refused: what is taken apart here leaves nothing out.

use datafusion::sql::sqlparser::ast::{
    CommentObject, CreateTableOptions, CreateView, Ident, ObjectName, ObjectType, Query,
    SchemaName, Statement, ViewColumnDef,
};

use crate::{Error, Result};

mod alter;
mod table;

pub(crate) use alter::Alteration;
pub(crate) use table::{KeyText, TableText};

/// A definition, as written.
#[derive(Debug)]
pub(crate) enum Define {
    /// `CREATE TABLE`
    CreateTable(TableText),
    /// `DROP TABLE`
    DropTables {
        names: Vec<ObjectName>,
        if_exists: bool,
    },
    /// `ALTER TABLE`
    AlterTable {
        name: ObjectName,
        if_exists: bool,
        alterations: Vec<Alteration>,
    },
    /// `CREATE SCHEMA`
    CreateSchema {
        name: ObjectName,
        if_not_exists: bool,
    },
    /// `DROP SCHEMA`
    DropSchemas {
        names: Vec<ObjectName>,
        if_exists: bool,
        cascade: bool,
    },
    /// `CREATE VIEW`
    CreateView {
        name: ObjectName,
        or_replace: bool,
        if_not_exists: bool,
        columns: Vec<Ident>,
        query: Box<Query>,
    },
    /// `DROP VIEW`
    DropViews {
        names: Vec<ObjectName>,
        if_exists: bool,
    },
    /// `COMMENT ON`
    Comment {
        on: CommentOn,
        name: ObjectName,
        if_exists: bool,
        text: Option<String>,
    },
}

/// What a comment is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommentOn {
    Schema,
    Table,
    /// The name ends with the column's.
    Column,
    View,
}

/// Takes a statement apart. `None` when it is no definition of durable tables, schemas or views.
///
/// # Errors
/// [`Error::Unsupported`], naming the clause that is not supported.
pub(crate) fn definition_of(statement: &Statement) -> Result<Option<Define>> {
    let define = match statement {
        Statement::CreateTable(table) if !table.temporary => {
            Define::CreateTable(table::take(table)?)
        }
        Statement::AlterTable(alter) => alter::take(alter)?,
        Statement::CreateView(view) => create_view(view)?,
        Statement::CreateSchema {
            schema_name,
            if_not_exists,
            with,
            options,
            default_collate_spec,
            clone,
        } => {
            let SchemaName::Simple(name) = schema_name else {
                return Err(unsupported("CREATE SCHEMA … AUTHORIZATION"));
            };
            refuse(
                with.is_some()
                    || options.is_some()
                    || default_collate_spec.is_some()
                    || clone.is_some(),
                "CREATE SCHEMA with more than a name",
            )?;
            Define::CreateSchema {
                name: name.clone(),
                if_not_exists: *if_not_exists,
            }
        }
        Statement::Drop { .. } => return drop_of(statement),
        Statement::Comment {
            object_type,
            object_name,
            comment,
            if_exists,
        } => Define::Comment {
            on: match object_type {
                CommentObject::Schema => CommentOn::Schema,
                CommentObject::Table => CommentOn::Table,
                CommentObject::Column => CommentOn::Column,
                CommentObject::View => CommentOn::View,
                other => return Err(unsupported(&format!("COMMENT ON {other}"))),
            },
            name: object_name.clone(),
            if_exists: *if_exists,
            text: comment.clone(),
        },
        _ => return Ok(None),
    };
    Ok(Some(define))
}

fn drop_of(statement: &Statement) -> Result<Option<Define>> {
    let Statement::Drop {
        object_type,
        if_exists,
        names,
        cascade,
        restrict: _,
        purge,
        temporary,
        table,
    } = statement
    else {
        return Ok(None);
    };
    let (names, if_exists) = (names.clone(), *if_exists);
    let kind = match object_type {
        ObjectType::Table => "TABLE",
        ObjectType::View => "VIEW",
        ObjectType::Schema => "SCHEMA",
        _ => return Ok(None),
    };
    refuse(
        *purge || *temporary || table.is_some(),
        &format!("DROP {kind} with TEMPORARY, PURGE or ON"),
    )?;
    // Views are resolved when they are used, so nothing depends on a table or a view.
    refuse(
        *cascade && kind != "SCHEMA",
        &format!("DROP {kind} … CASCADE (views are checked when they are used)"),
    )?;
    Ok(Some(match kind {
        "TABLE" => Define::DropTables { names, if_exists },
        "VIEW" => Define::DropViews { names, if_exists },
        _ => Define::DropSchemas {
            names,
            if_exists,
            cascade: *cascade,
        },
    }))
}

fn create_view(view: &CreateView) -> Result<Define> {
    let CreateView {
        or_alter,
        or_replace,
        materialized,
        secure,
        name,
        name_before_not_exists: _,
        columns,
        query,
        options,
        cluster_by,
        comment,
        with_no_schema_binding,
        if_not_exists,
        temporary,
        copy_grants,
        to,
        params,
    } = view;
    refuse(
        *materialized,
        "CREATE MATERIALIZED VIEW (CREATE TABLE … AS keeps rows)",
    )?;
    refuse(
        *temporary,
        "CREATE TEMPORARY VIEW (CREATE TEMP TABLE … AS keeps rows)",
    )?;
    refuse(
        *or_alter
            || *secure
            || *options != CreateTableOptions::None
            || !cluster_by.is_empty()
            || comment.is_some()
            || *with_no_schema_binding
            || *copy_grants
            || to.is_some()
            || params.is_some(),
        "CREATE VIEW with more than a name, names of columns and a query",
    )?;
    refuse(
        *or_replace && *if_not_exists,
        "OR REPLACE together with IF NOT EXISTS",
    )?;
    let columns = columns.iter().map(|column| {
        let ViewColumnDef {
            name,
            data_type,
            options,
        } = column;
        refuse(
            data_type.is_some() || options.is_some(),
            "a type or an option of a view's column",
        )?;
        Ok(name.clone())
    });
    Ok(Define::CreateView {
        name: name.clone(),
        or_replace: *or_replace,
        if_not_exists: *if_not_exists,
        columns: columns.collect::<Result<_>>()?,
        query: query.clone(),
    })
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
