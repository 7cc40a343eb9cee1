//! Changes of temporary tables, each planned as a query that gives the rows it needs.
//!
//! DataFusion's own plans for DELETE and UPDATE lose predicates (a semi-join, an always false WHERE) and then change every
//! row, and some of its tables change while they are planned. So DELETE and UPDATE become a SELECT of the numbers of
//! the rows that match, under the same WHERE that any SELECT has, and `effect` does the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef};
use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Query, Statement, TableFactor};
use godwit_catalog::{ColumnDefault, Seen, TEMP, TableKind, TempTable};

use crate::check::{Change, Names};
use crate::names::Table;
use crate::plan::{Plan, Planner, Request};
use crate::session::State;
use crate::{Error, Result};

mod create;
mod shape;
mod tree;

pub(crate) use create::{columns_of, unique_names};

/// The catalog that the rows of the changed table are read from, numbered. No other table is in it.
const CHANGED: &str = "__changed";

/// The column of their numbers.
const ROW: &str = "__row";

/// A change that is checked and planned.
#[derive(Debug)]
pub(crate) enum Step {
    Create {
        name: String,
        if_not_exists: bool,
        new: New,
    },
    Drop {
        names: Vec<String>,
    },
    /// The plan gives the table's columns.
    Insert {
        table: String,
        plan: Arc<Plan>,
    },
    Truncate {
        table: String,
    },
    /// The plan gives the numbers of the rows.
    Delete {
        table: String,
        plan: Arc<Plan>,
    },
    /// The plan gives the numbers of the rows and their new values in these columns.
    Update {
        table: String,
        columns: Vec<usize>,
        plan: Arc<Plan>,
    },
}

/// What a new table is made of.
#[derive(Debug)]
pub(crate) enum New {
    Columns {
        schema: SchemaRef,
        defaults: BTreeMap<String, ColumnDefault>,
    },
    Query(Arc<Plan>),
}

/// Whose tables a change is planned on, and with which parameters.
#[derive(Clone)]
pub(crate) struct Scope<'a> {
    pub(crate) state: &'a Arc<State>,
    pub(crate) seen: &'a Seen,
    pub(crate) parameters: &'a [String],
    /// The parameters as they were advertised before, when it is planned again.
    pub(crate) given: Option<SchemaRef>,
}

impl Step {
    /// The parameters that the change takes.
    pub(crate) fn parameters(&self) -> SchemaRef {
        match self {
            Self::Create {
                new: New::Query(plan),
                ..
            }
            | Self::Insert { plan, .. }
            | Self::Delete { plan, .. }
            | Self::Update { plan, .. } => Arc::clone(&plan.parameters),
            Self::Create { .. } | Self::Drop { .. } | Self::Truncate { .. } => {
                Arc::new(Schema::empty())
            }
        }
    }
}

impl Planner {
    /// Checks and plans a change. Nothing is changed.
    ///
    /// # Errors
    /// Whatever is wrong with the statement or its names.
    pub(crate) async fn change(&self, scope: Scope<'_>, change: Change) -> Result<Step> {
        let step = match change {
            Change::Create {
                name,
                if_not_exists,
                or_replace,
                rows,
            } => {
                let name = create::name(&name)?;
                if scope.seen.temporary().get(&name).is_some() && !if_not_exists && !or_replace {
                    return Err(exists(&name));
                }
                Step::Create {
                    new: self.new_table(&scope, rows).await?,
                    name,
                    if_not_exists,
                }
            }
            Change::Drop { names, if_exists } => {
                let mut found = Vec::new();
                for name in &names {
                    match self.target(&scope, "DROP TABLE", name).await {
                        Ok((name, _)) => found.push(name),
                        Err(Error::NotFound { .. }) if if_exists => {}
                        Err(error) => return Err(error),
                    }
                }
                Step::Drop { names: found }
            }
            Change::Truncate { table } => Step::Truncate {
                table: self.target(&scope, "TRUNCATE", &table).await?.0,
            },
            Change::Insert {
                table,
                columns,
                source,
            } => self.insert(&scope, &table, &columns, source).await?,
            Change::Delete { table, selection } => {
                let (name, target) = self.target_of(&scope, "DELETE", &table).await?;
                let row = row_column(target.schema());
                let tree =
                    tree::select(table, changed(&name), vec![tree::column(&row)], selection)?;
                let numbered = (name.as_str(), &target, row.as_str());
                let plan = self.matching(&scope, numbered, tree, &[]).await?;
                Step::Delete { table: name, plan }
            }
            Change::Update {
                table,
                assignments,
                selection,
            } => {
                let (name, target) = self.target_of(&scope, "UPDATE", &table).await?;
                let row = row_column(target.schema());
                let (targets, values): (Vec<_>, Vec<_>) = assignments.into_iter().unzip();
                let columns = positions(&name, target.schema(), &targets)?;
                let mut items = vec![tree::column(&row)];
                for (at, value) in columns.iter().zip(values) {
                    items.push(tree::or_default(value, &target, *at)?);
                }
                let tree = tree::select(table, changed(&name), items, selection)?;
                let numbered = (name.as_str(), &target, row.as_str());
                let plan = self.matching(&scope, numbered, tree, &columns).await?;
                Step::Update {
                    table: name,
                    columns,
                    plan,
                }
            }
        };
        if step.parameters().fields().is_empty() && !scope.parameters.is_empty() {
            return Err(Error::invalid("this statement takes no parameters"));
        }
        Ok(step)
    }

    /// The temporary table that a name stands for.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] when it stands for another table, [`Error::NotFound`] when for none.
    pub(crate) async fn target(
        &self,
        scope: &Scope<'_>,
        verb: &str,
        name: &ObjectName,
    ) -> Result<(String, Arc<TempTable>)> {
        let reference = reference(name)?;
        let names = Names {
            tables: [reference.clone()].into(),
            ..Names::default()
        };
        let lookup = self.lookup(scope.state, scope.seen);
        let resolved = lookup.resolve(&names).await;
        let found = resolved.get(&reference)?;
        if found.kind != TableKind::Temporary {
            return Err(read_only(verb, found));
        }
        let table = scope.seen.temporary().get(&found.name);
        let table =
            table.ok_or_else(|| Error::not_found(format!("table '{name}' has vanished")))?;
        Ok((found.name.clone(), table))
    }

    async fn target_of(
        &self,
        scope: &Scope<'_>,
        verb: &str,
        table: &TableFactor,
    ) -> Result<(String, Arc<TempTable>)> {
        let TableFactor::Table { name, .. } = table else {
            return Err(Error::unsupported(format!(
                "{verb} of anything but a table"
            )));
        };
        self.target(scope, verb, name).await
    }

    async fn insert(
        &self,
        scope: &Scope<'_>,
        table: &ObjectName,
        columns: &[Ident],
        source: Option<Box<Query>>,
    ) -> Result<Step> {
        let (name, target) = self.target(scope, "INSERT", table).await?;
        let columns = if columns.is_empty() {
            (0..target.schema().fields().len()).collect()
        } else {
            positions(&name, target.schema(), columns)?
        };
        let source = tree::rows(source, &target, &columns)?;
        let tree = Tree::Statement(Box::new(Statement::Query(source)));
        let shape = |plan| shape::insert(plan, &target, &columns);
        let plan = self
            .plan_as(Request {
                shape: Some(&shape),
                ..request(scope, tree)
            })
            .await?;
        Ok(Step::Insert {
            table: name,
            plan: Arc::new(plan),
        })
    }

    /// Plans the SELECT of the rows that a DELETE or UPDATE is about.
    async fn matching(
        &self,
        scope: &Scope<'_>,
        (name, target, row): (&str, &Arc<TempTable>, &str),
        tree: Tree,
        columns: &[usize],
    ) -> Result<Arc<Plan>> {
        let mut types = vec![DataType::UInt64];
        types.extend(
            columns
                .iter()
                .map(|at| target.schema().field(*at).data_type().clone()),
        );
        let shape = |plan| shape::cast(plan, &types);
        let numbered = Table::of(TEMP, name, target.numbered(row));
        let plan = self
            .plan_as(Request {
                shape: Some(&shape),
                target: Some((TableReference::full(CHANGED, TEMP, name), numbered)),
                ..request(scope, tree)
            })
            .await
            .map_err(without_marks)?;
        Ok(Arc::new(plan))
    }
}

/// Why a table that is no temporary one cannot be written to.
pub(crate) fn read_only(verb: &str, table: &Table) -> Error {
    let why = match table.kind {
        TableKind::SystemTable => "it shows the server's own state",
        TableKind::Table | TableKind::View | TableKind::Temporary => {
            "mounted files are read-only; change the files, and the next query sees them"
        }
    };
    Error::ReadOnly {
        message: format!(
            "{verb}: table '{}.{}' cannot be changed: {why}",
            table.schema, table.name
        ),
    }
}

/// What is said when a table is there that was not to be.
pub(crate) fn exists(name: &str) -> Error {
    Error::AlreadyExists {
        message: format!("table '{TEMP}.{name}' exists already"),
    }
}

fn request<'a>(scope: &Scope<'a>, tree: Tree) -> Request<'a> {
    Request {
        state: scope.state,
        seen: scope.seen,
        tree,
        parameters: scope.parameters,
        given: scope.given.clone(),
        target: None,
        input: None,
        shape: None,
    }
}

fn reference(name: &ObjectName) -> Result<TableReference> {
    object_name_to_table_reference(name.clone(), true).map_err(|_| {
        Error::invalid(format!(
            "'{name}' is no table name; write table, schema.table or catalog.schema.table"
        ))
    })
}

fn changed(name: &str) -> ObjectName {
    let parts = [CHANGED, TEMP, name];
    ObjectName::from(parts.map(|part| Ident::with_quote('"', part)).to_vec())
}

/// A name that no column of the table has.
fn row_column(schema: &Schema) -> String {
    let mut name = ROW.to_owned();
    while schema.field_with_name(&name).is_ok() {
        name.push('_');
    }
    name
}

fn positions(table: &str, schema: &Schema, columns: &[Ident]) -> Result<Vec<usize>> {
    let mut found = Vec::with_capacity(columns.len());
    for column in columns {
        let name = match column.quote_style {
            Some(_) => column.value.clone(),
            None => column.value.to_lowercase(),
        };
        let at = schema.index_of(&name).map_err(|_| {
            let known: Vec<_> = schema.fields().iter().map(|f| f.name().as_str()).collect();
            Error::invalid(format!(
                "table '{TEMP}.{table}' has no column '{name}'; it has {}",
                known.join(", ")
            ))
        })?;
        if found.contains(&at) {
            return Err(Error::invalid(format!("column '{name}' is written twice")));
        }
        found.push(at);
    }
    Ok(found)
}

/// Takes what only this module knows out of a message about columns.
fn without_marks(error: Error) -> Error {
    let Error::InvalidInput { message } = error else {
        return error;
    };
    let prefix = format!("{CHANGED}.");
    let message = message.replace(&prefix, "");
    let is_ours = |word: &&str| {
        let word = word.trim_end_matches([',', '.', '_']);
        word.ends_with(".__row")
    };
    let words: Vec<_> = message.split(' ').filter(|word| !is_ours(word)).collect();
    Error::invalid(words.join(" "))
}
