//! Changes of tables, each planned as a query that gives the rows it needs.
//!
//! DataFusion's own plans for DELETE and UPDATE lose predicates (a semi-join, an always false WHERE) and then change every
//! row, and some of its tables change while they are planned. So every change of rows becomes a SELECT of the numbers of
//! the rows and their new values, and `effect` does the rest.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{Ident, SelectItem, TableFactor};
use godwit_catalog::{ColumnDefault, Seen, TEMP};
use godwit_lake::Key;

use crate::access::RowCheck;
use crate::check::Change;
use crate::plan::{Plan, Planner, Request};
use crate::session::State;
use crate::{Error, Result};

mod allow;
mod conflict;
mod create;
mod decide;
mod insert;
mod kept;
mod merge;
mod returning;
mod rows;
mod shape;
mod target;
mod tree;
mod values;

pub(crate) use create::{columns_of, unique_names};
pub(crate) use decide::{DELETE, INSERT, UPDATE};
use insert::Inserting;
pub(crate) use kept::{Kept, target_of};
use merge::Merging;
use returning::Returning;
use rows::Matching;
use target::Changed;
use target::reference;
pub(crate) use target::{Target, read_only};
pub(crate) use tree::template;

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
    Write(Write),
}

/// A change of the rows of one table.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) target: Target,
    pub(crate) kind: Kind,
    /// The columns that rows which are there get new values in.
    pub(crate) assigned: Vec<usize>,
    /// The keys that may hold a value twice after it.
    pub(crate) keys: Vec<Key>,
    /// What RETURNING gives: the last columns of the plan.
    pub(crate) returns: Option<SchemaRef>,
    /// What new rows, and old ones with new values, must meet.
    pub(crate) check: Option<Arc<RowCheck>>,
    /// Whether the rows that are changed depend on those that are there.
    pub(crate) reads_itself: bool,
    /// As the kind says; `None` when it needs none.
    pub(crate) plan: Option<Arc<Plan>>,
}

/// What is done, and the first columns of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// All columns of the table.
    Insert,
    /// Number and id of a row, and all columns with their new values.
    Update,
    /// The number of a row, which may come more than once.
    Delete,
    /// What is done ([`INSERT`], [`UPDATE`], [`DELETE`]), number and id of a row, and all columns.
    Merge,
    /// All rows go. Whether they count as changed.
    Clear { counted: bool },
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
            | Self::Write(Write {
                plan: Some(plan), ..
            }) => Arc::clone(&plan.parameters),
            Self::Create { .. } | Self::Drop { .. } | Self::Write(_) => Arc::new(Schema::empty()),
        }
    }

    /// The schema of the rows that it returns, if it does.
    pub(crate) fn returns(&self) -> Option<&SchemaRef> {
        match self {
            Self::Write(write) => write.returns.as_ref(),
            Self::Create { .. } | Self::Drop { .. } => None,
        }
    }

    /// Whether it changes a temporary table.
    pub(crate) fn is_temporary(&self) -> bool {
        match self {
            Self::Write(write) => !write.target.is_durable(),
            Self::Create { .. } | Self::Drop { .. } => true,
        }
    }
}

impl Write {
    fn new(changed: &Changed, kind: Kind, plan: Plan, returning: &Returning) -> Self {
        let target = &changed.target;
        let reads_itself = match kind {
            Kind::Insert => {
                let (schema, name) = (target.schema_name(), target.name());
                plan.resolved.reads(&plan.logical, schema, name)
            }
            _ => true,
        };
        Self {
            returns: returning.schema(&plan),
            reads_itself,
            plan: Some(Arc::new(plan)),
            ..Self::without_plan(changed, kind)
        }
    }

    fn without_plan(changed: &Changed, kind: Kind) -> Self {
        Self {
            target: changed.target.clone(),
            kind,
            assigned: Vec::new(),
            keys: Vec::new(),
            returns: None,
            check: None,
            reads_itself: true,
            plan: None,
        }
    }

    /// What rows which are there get new values in, and whether there are new rows.
    fn with_assigned(mut self, mut assigned: Vec<usize>, inserts: bool) -> Self {
        assigned.sort_unstable();
        assigned.dedup();
        let target = &self.target;
        let is_touched = |key: &&Key| {
            let columns = target.key_columns(key);
            inserts || columns.iter().any(|column| assigned.contains(column))
        };
        self.keys = target.keys().iter().filter(is_touched).cloned().collect();
        self.assigned = assigned;
        self
    }

    fn reading_itself(mut self) -> Self {
        self.reads_itself = true;
        self
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
                        Ok(Target::Temporary { name, .. }) => found.push(name),
                        Ok(Target::Durable(_)) => {
                            return Err(Error::unsupported(
                                "DROP TABLE of temporary and durable tables together",
                            ));
                        }
                        Err(Error::NotFound { .. }) if if_exists => {}
                        Err(error) => return Err(error),
                    }
                }
                Step::Drop { names: found }
            }
            change => Step::Write(Box::pin(self.write(&scope, change)).await?),
        };
        if step.parameters().fields().is_empty() && !scope.parameters.is_empty() {
            return Err(Error::invalid("this statement takes no parameters"));
        }
        Ok(step)
    }

    /// Plans a change of rows.
    async fn write(&self, scope: &Scope<'_>, change: Change) -> Result<Write> {
        let Some((verb, name)) = change.target() else {
            return Err(Error::unsupported("a change of anything but a table"));
        };
        let target = self.target(scope, verb, name).await?;
        let rules = allow::allow(scope, &target, &change)?;
        let check = match &rules {
            Some(rules) => rules.row_check(scope.state.session(), target.schema())?,
            None => None,
        };
        let begin = |alias: Option<Ident>, listed: Vec<SelectItem>| {
            check_writable(verb, &target)?;
            let changed = Changed::new(target.clone(), alias, rules.clone());
            let returning = Returning::new(&changed, listed)?;
            Ok::<_, Error>((changed, returning))
        };
        let write = match change {
            Change::Create { .. } | Change::Drop { .. } => {
                Err(Error::internal("plan", "no change of rows"))
            }
            Change::Truncate { .. } => {
                let kind = Kind::Clear { counted: false };
                Ok(Write::without_plan(&Changed::new(target, None, None), kind))
            }
            Change::Insert {
                alias,
                columns,
                source,
                conflict,
                returning,
                ..
            } => {
                let (changed, returning) = begin(alias, returning)?;
                let inserting = Inserting {
                    columns,
                    source,
                    conflict,
                };
                self.insert(scope, changed, inserting, &returning).await
            }
            Change::Delete {
                with,
                table,
                using,
                selection,
                returning,
            } => {
                let (changed, returning) = begin(alias_of(&table), returning)?;
                let matching = Matching {
                    with: with.as_ref(),
                    others: using,
                    selection,
                };
                self.delete(scope, changed, matching, &returning).await
            }
            Change::Update {
                with,
                table,
                assignments,
                from,
                selection,
                returning,
            } => {
                let (changed, returning) = begin(alias_of(&table), returning)?;
                let matching = Matching {
                    with: with.as_ref(),
                    others: from,
                    selection,
                };
                self.update(scope, changed, assignments, matching, &returning)
                    .await
            }
            Change::Merge {
                with,
                table,
                source,
                on,
                clauses,
                returning,
            } => {
                let (changed, returning) = begin(alias_of(&table), returning)?;
                let merging = Merging {
                    with: with.as_ref(),
                    source,
                    on,
                    clauses,
                };
                self.merge(scope, changed, merging, &returning).await
            }
        };
        Ok(Write {
            check: check.map(Arc::new),
            ..write?
        })
    }
}

/// Whether rows can be added to the table; DELETE and TRUNCATE add none.
fn check_writable(verb: &str, target: &Target) -> Result<()> {
    match target {
        Target::Durable(table) if verb != "DELETE" => match &table.table().read_only {
            Some(why) => Err(Error::ReadOnly {
                message: format!(
                    "{verb}: no rows can be put into '{}': {why}",
                    target.label()
                ),
            }),
            None => Ok(()),
        },
        Target::Durable(_) | Target::Temporary { .. } => Ok(()),
    }
}

fn alias_of(table: &TableFactor) -> Option<Ident> {
    match table {
        TableFactor::Table { alias, .. } => alias.as_ref().map(|alias| alias.name.clone()),
        _ => None,
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
        also: Vec::new(),
        targets: Vec::new(),
        input: None,
        shape: None,
    }
}
