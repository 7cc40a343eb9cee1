//! What a statement is, and what it may not be, decided on the syntax tree before anything is planned.
//!
//! DataFusion runs some statements while it plans them, and plans others by leaving out what it does not know. So
//! whatever writes is stopped here, and so is every clause that would be ignored silently.

use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{ObjectName, ObjectType, Statement};

use crate::{Error, Result};

mod access;
mod calls;
mod changes;
mod clauses;
mod copies;
mod definitions;
mod expressions;
mod kill;
mod names;
mod queries;
mod settings;
mod transactions;
mod writes;

pub(crate) use access::{
    Access, GranteeName, Rights, Rule, RuleKind, Target, UserName, UserOptions, access_of,
};
pub(crate) use calls::{Call, call_of, table_named};
pub(crate) use changes::{
    Action, Change, Clause, Conflict, ConflictTarget, Instead, Rows, When, bare_table, change_of,
    folded,
};
pub(crate) use clauses::{FunctionKinds, refuse_ignored};
pub(crate) use copies::{CopyFrom, CopyTo, copy_from, copy_to};
pub(crate) use definitions::{Alteration, CommentOn, Define, KeyText, TableText, definition_of};
pub use kill::Kill;
pub(crate) use kill::kill_of;
pub(crate) use names::{Names, mentioned};
pub(crate) use queries::has_query;
pub(crate) use transactions::TransactionStatement;

/// What a statement does.
#[derive(Debug)]
pub(crate) enum Class {
    /// Gives rows and changes nothing.
    Query,
    /// Changes the session.
    Setting(SettingChange),
    /// Begins, ends or divides a transaction.
    Transaction(TransactionStatement),
    /// Makes a temporary table.
    Define,
    /// Changes what there is: durable tables, schemas, views. Dropping may be about temporary tables too.
    Definition,
    /// Looks after the lake: `CALL`.
    Call,
    /// Rows to a file.
    Copy,
    /// Changes the rows of a table: what becomes of it depends on which table that is.
    Write(Write),
}

/// A change of a setting, as written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SettingChange {
    /// `SET name = value`
    Set { name: String, value: String },
    /// `RESET name`
    Reset { name: String },
    /// `RESET ALL`
    ResetAll,
}

/// A statement that would change the rows of a table.
#[derive(Debug)]
pub(crate) struct Write {
    /// What it is called: `INSERT`, `DELETE` …
    pub(crate) verb: &'static str,
    /// The table, where the statement names one.
    pub(crate) table: Option<ObjectName>,
}

/// What the statement does.
///
/// # Errors
/// [`Error::Unsupported`] with what to do instead; [`Error::InvalidInput`] for a malformed setting.
pub(crate) fn classify(tree: &Tree) -> Result<Class> {
    match tree {
        Tree::Statement(statement) => classify_statement(statement),
        Tree::Explain(explain) if matches!(*explain.statement, Tree::CopyTo(_)) => {
            Err(unexplained())
        }
        Tree::Explain(explain) => match classify(&explain.statement)? {
            Class::Query => Ok(Class::Query),
            Class::Setting(_) => Err(Error::unsupported(
                "EXPLAIN of a setting says nothing; run it without EXPLAIN",
            )),
            Class::Transaction(_) => Err(unexplained_transaction()),
            Class::Define | Class::Definition | Class::Call | Class::Copy => Err(unexplained()),
            Class::Write(write) => Ok(Class::Write(write)),
        },
        Tree::Reset(reset) => Ok(Class::Setting(settings::reset(reset))),
        Tree::CopyTo(_) => Err(Error::unsupported(
            "COPY with STORED AS or PARTITIONED BY: write COPY … TO 'path' WITH (FORMAT csv), parquet, json or arrow",
        )),
        Tree::CreateExternalTable(_) => Err(Error::unsupported(
            "CREATE EXTERNAL TABLE: files become tables by the configuration (mounts), not by SQL",
        )),
    }
}

fn classify_statement(statement: &Statement) -> Result<Class> {
    if matches!(statement, Statement::Copy { .. }) {
        return Ok(Class::Copy);
    }
    if let Some(write) = writes::find(statement) {
        return Ok(Class::Write(write));
    }
    if let Some(found) = transactions::find(statement) {
        return found.map(Class::Transaction);
    }
    match statement {
        Statement::Query(_)
        | Statement::ExplainTable { .. }
        | Statement::ShowVariable { .. }
        | Statement::ShowTables { .. }
        | Statement::ShowColumns { .. }
        | Statement::ShowFunctions { .. }
        | Statement::ShowCreate { .. }
        | Statement::ShowSchemas { .. }
        | Statement::ShowDatabases { .. }
        | Statement::ShowCatalogs { .. } => Ok(Class::Query),
        Statement::Explain { statement, .. } => match classify_statement(statement)? {
            Class::Define | Class::Definition | Class::Call | Class::Copy => Err(unexplained()),
            Class::Transaction(_) => Err(unexplained_transaction()),
            class => Ok(class),
        },
        Statement::CreateTable(table) if table.temporary => Ok(Class::Define),
        Statement::CreateTable(_)
        | Statement::AlterTable(_)
        | Statement::CreateView(_)
        | Statement::CreateSchema { .. }
        | Statement::Comment { .. }
        | Statement::Drop {
            object_type: ObjectType::Table | ObjectType::View | ObjectType::Schema,
            ..
        } => Ok(Class::Definition),
        Statement::Call(_) => Ok(Class::Call),
        Statement::Set(set) => settings::set(set).map(Class::Setting),
        Statement::Reset(reset) => Ok(Class::Setting(settings::reset_parameter(&reset.reset))),
        Statement::Use(target) => settings::use_schema(target).map(Class::Setting),
        Statement::Prepare { .. } | Statement::Execute { .. } | Statement::Deallocate { .. } => {
            Err(Error::unsupported(
                "PREPARE, EXECUTE and DEALLOCATE in SQL: prepare through the client's own call instead, with ? or $1 as parameters",
            ))
        }
        Statement::CreateDatabase { .. }
        | Statement::CreateIndex(_)
        | Statement::CreateSequence { .. }
        | Statement::AlterView { .. }
        | Statement::AlterIndex { .. }
        | Statement::AlterSchema(_)
        | Statement::RenameTable(_)
        | Statement::Drop { .. } => Err(Error::unsupported(format!(
            "{}: this server makes and drops tables, schemas and views, and changes tables by ALTER TABLE",
            leading_words(statement)
        ))),
        Statement::CreateFunction(_)
        | Statement::DropFunction(_)
        | Statement::CreateMacro { .. } => Err(Error::unsupported(format!(
            "{}: functions cannot be defined by SQL",
            leading_words(statement)
        ))),
        // sqlparser knows some 150 statements of a dozen databases; those not named above are no queries.
        other => Err(Error::unsupported(format!(
            "{} is not supported",
            leading_words(other)
        ))),
    }
}

/// Why a write of a temporary table has no plan to show.
pub(crate) fn unexplained() -> Error {
    Error::unsupported(
        "EXPLAIN of a statement that changes a table: explain the SELECT that it reads by; nothing was changed",
    )
}

fn unexplained_transaction() -> Error {
    Error::unsupported("EXPLAIN of a transaction says nothing; run the statement without EXPLAIN")
}

/// The first two words of a statement, which say what kind it is without repeating its content.
fn leading_words(statement: &Statement) -> String {
    let text = crate::deep::with_deep_stack(|| statement.to_string());
    let words = text
        .split(|c: char| !c.is_ascii_alphabetic())
        .filter(|word| !word.is_empty())
        .take(2);
    words
        .map(str::to_ascii_uppercase)
        .collect::<Vec<_>>()
        .join(" ")
}
