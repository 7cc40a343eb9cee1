//! Finds what would write, at the top of a statement or hidden in a `WITH`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    CopySource, FromTable, ObjectName, Statement, TableFactor, TableObject, TableWithJoins, Visit,
    Visitor,
};

use super::Write;
use crate::deep::with_deep_stack;

/// The first write in a statement.
pub(super) fn find(statement: &Statement) -> Option<Write> {
    match with_deep_stack(|| statement.visit(&mut Finder)) {
        ControlFlow::Break(write) => Some(write),
        ControlFlow::Continue(()) => None,
    }
}

struct Finder;

impl Visitor for Finder {
    type Break = Write;

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Write> {
        match write_of(statement) {
            Some((verb, table)) => ControlFlow::Break(Write { verb, table }),
            None => ControlFlow::Continue(()),
        }
    }
}

fn write_of(statement: &Statement) -> Option<(&'static str, Option<ObjectName>)> {
    Some(match statement {
        Statement::Insert(insert) => (
            "INSERT",
            match &insert.table {
                TableObject::TableName(name) => Some(name.clone()),
                TableObject::TableFunction(_) | TableObject::TableQuery(_) => None,
            },
        ),
        Statement::Update(update) => ("UPDATE", table_of(&update.table.relation)),
        Statement::Delete(delete) => (
            "DELETE",
            match (&delete.tables.first(), &delete.from) {
                (Some(name), _) => Some((*name).clone()),
                (None, FromTable::WithFromKeyword(tables) | FromTable::WithoutKeyword(tables)) => {
                    first_table(tables)
                }
            },
        ),
        Statement::Merge(merge) => ("MERGE", table_of(&merge.table)),
        Statement::Truncate(truncate) => (
            "TRUNCATE",
            truncate
                .table_names
                .first()
                .map(|target| target.name.clone()),
        ),
        Statement::LoadData { table_name, .. } => ("LOAD DATA", Some(table_name.clone())),
        Statement::Copy {
            source, to: false, ..
        } => (
            "COPY",
            match source {
                CopySource::Table { table_name, .. } => Some(table_name.clone()),
                CopySource::Query(_) => None,
            },
        ),
        Statement::CopyIntoSnowflake { into, .. } => ("COPY INTO", Some(into.clone())),
        _ => return None,
    })
}

fn first_table(tables: &[TableWithJoins]) -> Option<ObjectName> {
    tables.first().and_then(|table| table_of(&table.relation))
}

fn table_of(factor: &TableFactor) -> Option<ObjectName> {
    match factor {
        TableFactor::Table { name, .. } => Some(name.clone()),
        _ => None,
    }
}
