//! Which tables a statement mentions.

use std::collections::{BTreeSet, HashSet};
use std::ops::ControlFlow;

use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement, Visit, Visitor};

use super::folded;
use crate::deep::with_deep_stack;
use crate::{Error, Result};

mod expansion;

use expansion::Expansion;

/// Names in a statement.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// What stands where a table may stand, tables of `information_schema` included.
    pub(crate) tables: BTreeSet<TableReference>,
    /// What `WITH` defines, anywhere in the statement. Such a name may also be a table's.
    pub(crate) defined: HashSet<String>,
    /// Whether the statement reads `information_schema`, itself or by what `SHOW` is rewritten to.
    pub(crate) reads_schema: bool,
}

impl Names {
    /// Those of another part of the same statement too.
    pub(crate) fn add(&mut self, other: Self) {
        self.tables.extend(other.tables);
        self.defined.extend(other.defined);
        self.reads_schema |= other.reads_schema;
    }
}

const INFORMATION_SCHEMA: &str = "information_schema";

/// What `SHOW` is rewritten to reads some of these.
const INFORMATION_TABLES: [&str; 7] = [
    "tables",
    "views",
    "columns",
    "df_settings",
    "schemata",
    "routines",
    "parameters",
];

/// Collects the names, in time linear in the size of the statement.
///
/// # Errors
/// [`Error::InvalidInput`] when a name has more than three parts, or too many tables are mentioned.
pub(crate) fn mentioned(tree: &Tree, max_tables: usize) -> Result<Names> {
    let mut collector = Collector {
        names: Names::default(),
        mentions: 0,
        expansion: Expansion::default(),
        max_tables,
    };
    match with_deep_stack(|| collector.visit_tree(tree)) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(collector.names),
    }
}

struct Collector {
    names: Names,
    mentions: usize,
    expansion: Expansion,
    max_tables: usize,
}

impl Collector {
    fn visit_tree(&mut self, tree: &Tree) -> ControlFlow<Error> {
        match tree {
            Tree::Statement(statement) => statement.visit(self),
            Tree::Explain(explain) => self.visit_tree(&explain.statement),
            Tree::CopyTo(_) | Tree::CreateExternalTable(_) | Tree::Reset(_) => {
                ControlFlow::Continue(())
            }
        }
    }

    fn insert(&mut self, name: &ObjectName) -> ControlFlow<Error> {
        self.count()?;
        match object_name_to_table_reference(name.clone(), true) {
            Ok(reference) => {
                self.names.reads_schema |= reference.schema() == Some(INFORMATION_SCHEMA);
                self.names.tables.insert(reference);
                ControlFlow::Continue(())
            }
            Err(_) => ControlFlow::Break(Error::invalid(format!(
                "'{name}' is no table name; write table, schema.table or catalog.schema.table"
            ))),
        }
    }

    /// Joins are planned as a chain, and so are the references between common table expressions.
    fn count(&mut self) -> ControlFlow<Error> {
        self.mentions += 1;
        if self.mentions > self.max_tables {
            return ControlFlow::Break(Error::invalid(format!(
                "the statement mentions more than {} tables (5 times query.max_sql_depth)",
                self.max_tables
            )));
        }
        ControlFlow::Continue(())
    }

    fn check_expansion(&self) -> ControlFlow<Error> {
        if self.expansion.tables() > self.max_tables {
            return ControlFlow::Break(Error::invalid(format!(
                "with its common table expressions written out where they are used, the statement mentions more than {} \
                 tables (5 times query.max_sql_depth)",
                self.max_tables
            )));
        }
        ControlFlow::Continue(())
    }
}

impl Visitor for Collector {
    type Break = Error;

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<Error> {
        self.insert(name)?;
        self.expansion.mention(name);
        self.check_expansion()
    }

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
            self.count()?;
            self.names.defined.insert(folded(&cte.alias.name));
        }
        self.expansion.enter(query);
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<Error> {
        self.expansion.leave(query);
        self.check_expansion()
    }

    fn pre_visit_statement(&mut self, statement: &Statement) -> ControlFlow<Error> {
        let is_show = match statement {
            Statement::ShowColumns { show_options, .. } => {
                if let Some(name) = show_options
                    .show_in
                    .as_ref()
                    .and_then(|show_in| show_in.parent_name.as_ref())
                {
                    self.insert(name)?;
                }
                true
            }
            Statement::ShowCreate { obj_name, .. } => {
                self.insert(obj_name)?;
                true
            }
            Statement::ShowVariable { .. }
            | Statement::ShowTables { .. }
            | Statement::ShowFunctions { .. } => true,
            _ => false,
        };
        if is_show {
            self.names.reads_schema = true;
            let tables =
                INFORMATION_TABLES.map(|table| TableReference::partial(INFORMATION_SCHEMA, table));
            self.names.tables.extend(tables);
        }
        ControlFlow::Continue(())
    }
}
