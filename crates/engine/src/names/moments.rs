//! What the tree names and no catalog has: tables as they were, `AT (VERSION => …)` and `AT (TIMESTAMP => …)`, what was done
//! to them, `table_changes(…)`, and what columns are made of, `vector_types(…)`.

use std::ops::ControlFlow;

use datafusion::common::TableReference;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, TableAlias,
    TableFactor, TableVersion, Value, VisitMut, VisitorMut,
};
use godwit_catalog::{CATALOG, ResolvedTable, Seen, TableKind};
use godwit_lake::{At, FEED_COLUMNS, SnapshotId};

use super::anatomy::ANATOMY;
use super::{Lookup, Resolved, Table};
use crate::check::{self, Names};
use crate::deep::with_deep_stack;
use crate::provider::Functions;
use crate::{Error, Result, constants, show};

/// The catalog of the names that stand for tables as they were.
const PAST: &str = "__past";

/// The function that gives what was done to a table.
const FEED: &str = "table_changes";

/// What a name in the tree stands for that no catalog has.
struct Moment {
    reference: TableReference,
    what: What,
}

#[expect(
    clippy::large_enum_variant,
    reason = "one is made for a statement and soon taken apart"
)]
enum What {
    /// A table as it was.
    Past { name: ObjectName, version: Expr },
    /// The changes of a table: its name, from and to.
    Feed { args: Vec<Expr> },
    /// What the columns of a query are made of: its text, and the rows of a chunk.
    Anatomy { args: Vec<Expr> },
}

impl Lookup<'_> {
    /// Checks a query and looks up what it names. Names of tables as they were are others in the tree afterwards.
    ///
    /// # Errors
    /// When a clause is not supported, or a moment does not exist. A name that stands for nothing is no error yet.
    pub(crate) async fn read(&self, tree: &mut Tree) -> Result<(Names, Resolved)> {
        let moments = with_deep_stack(|| take(tree))?;
        with_deep_stack(|| check::refuse_ignored(tree, &Functions(self.state)))?;
        show::rewrite(tree)?;
        let mut names = check::mentioned(tree, self.limits.max_tables())?;
        names
            .tables
            .retain(|reference| reference.catalog() != Some(PAST));
        let mut resolved = self.resolve(&names).await;
        for moment in moments {
            let table = match &moment.what {
                What::Past { name, version } => self.past(name, version).await?,
                What::Feed { args } => self.feed(args).await?,
                What::Anatomy { args } => self.anatomy(args).await?,
            };
            resolved.insert(moment.reference, table);
        }
        Ok((names, resolved))
    }

    async fn past(&self, name: &ObjectName, version: &Expr) -> Result<Table> {
        let at = self.moment_of(version)?;
        let reference = object_name_to_table_reference(name.clone(), true)
            .map_err(|_| Error::invalid(format!("'{name}' is no table name")))?;
        let schema = reference.schema().unwrap_or(self.schema);
        let name = reference.table();
        if reference
            .catalog()
            .is_some_and(|catalog| catalog != CATALOG)
            || self.is_fixed(schema)
        {
            return Err(Error::unsupported(format!(
                "'{reference}' AT: only durable tables have versions"
            )));
        }
        let snapshot = self
            .lake
            .at(at)
            .await
            .map_err(|error| Error::from_lake(&error, "plan"))?;
        let version = snapshot.id();
        let seen = Seen::new(self.seen.temporary().clone(), snapshot);
        let then = Lookup {
            seen: &seen,
            present: self.seen.lake().ok().map(|lake| lake.state().as_ref()),
            ..*self
        };
        match Box::pin(then.durable(schema, name)).await? {
            Some(table) => Ok(table),
            None => Err(Error::not_found(format!(
                "table '{schema}.{name}' does not exist at version {version}"
            ))),
        }
    }

    /// What the commits between two moments did to a table.
    async fn feed(&self, args: &[Expr]) -> Result<Table> {
        let usage = || {
            Error::invalid(format!(
                "write {FEED}('table', from, to): a table, and two snapshots by their numbers or times"
            ))
        };
        let [Expr::Value(name), from, to] = args else {
            return Err(usage());
        };
        let Value::SingleQuotedString(name) = &name.value else {
            return Err(usage());
        };
        let reference =
            object_name_to_table_reference(check::table_named(name)?, true).map_err(|_| usage())?;
        let schema = reference.schema().unwrap_or(self.schema);
        let from = self.snapshot_of(from).await?;
        let to = self.snapshot_of(to).await?;
        let lake = |error| Error::from_lake(&error, "plan");
        let name = reference.table();
        let at_end = self.lake.at(At::Version(to)).await.map_err(lake)?;
        let seen = Seen::new(self.seen.temporary().clone(), at_end);
        let then = Lookup {
            seen: &seen,
            present: self.seen.lake().ok().map(|lake| lake.state().as_ref()),
            ..*self
        };
        if !then.exists(schema, name) {
            return Err(Error::not_found(format!(
                "table {schema:?}.{name:?} does not exist at snapshot {to}"
            )));
        }
        let changes = self
            .lake
            .table_changes(schema, name, from, to)
            .await
            .map_err(lake)?;
        let resolved = ResolvedTable {
            provider: changes,
            kind: TableKind::Table,
            snapshot: 0,
        };
        let feed = Table::of(schema, FEED, resolved);
        then.readable_of(feed, name, FEED_COLUMNS.len())
    }

    async fn snapshot_of(&self, expr: &Expr) -> Result<SnapshotId> {
        let at = constants::moment(self.state, expr)?;
        if let At::Version(id) = at {
            return Ok(id);
        }
        let snapshot = self.lake.at(at).await;
        let snapshot = snapshot.map_err(|error| Error::from_lake(&error, "plan"))?;
        Ok(snapshot.id())
    }

    fn moment_of(&self, clause: &Expr) -> Result<At> {
        let Some((kind, value)) = argument(clause) else {
            return Err(Error::syntax(format!(
                "'{clause}': write AT (VERSION => number) or AT (TIMESTAMP => time)"
            )));
        };
        if kind.value.eq_ignore_ascii_case("version") {
            constants::version(self.state, value).map(At::Version)
        } else {
            constants::time(self.state, value).map(At::Time)
        }
    }
}

/// `VERSION` or `TIMESTAMP`, and what it is.
fn argument(clause: &Expr) -> Option<(&Ident, &Expr)> {
    let Expr::Function(function) = clause else {
        return None;
    };
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    match list.args.as_slice() {
        [
            FunctionArg::Named {
                name,
                arg: FunctionArgExpr::Expr(value),
                ..
            },
        ] => Some((name, value)),
        [
            FunctionArg::ExprNamed {
                name: Expr::Identifier(name),
                arg: FunctionArgExpr::Expr(value),
                ..
            },
        ] => Some((name, value)),
        _ => None,
    }
}

/// Takes the versions out of a tree and gives the tables names of their own.
fn take(tree: &mut Tree) -> Result<Vec<Moment>> {
    let mut taker = Taker {
        moments: Vec::new(),
    };
    match visit(tree, &mut taker) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(taker.moments),
    }
}

fn visit(tree: &mut Tree, taker: &mut Taker) -> ControlFlow<Error> {
    match tree {
        Tree::Statement(statement) => statement.visit(taker),
        Tree::Explain(explain) => visit(&mut explain.statement, taker),
        Tree::CopyTo(_) | Tree::CreateExternalTable(_) | Tree::Reset(_) => {
            ControlFlow::Continue(())
        }
    }
}

struct Taker {
    moments: Vec<Moment>,
}

impl VisitorMut for Taker {
    type Break = Error;

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Error> {
        let TableFactor::Table {
            name,
            alias,
            args,
            version,
            ..
        } = factor
        else {
            return ControlFlow::Continue(());
        };
        let called = name.to_string();
        let mut functions = [FEED, ANATOMY].into_iter();
        let function = functions.find(|known| called.eq_ignore_ascii_case(known));
        // Other ways to write a version stay where they are, and are refused with the other clauses.
        let is_moment = |version: &mut TableVersion| matches!(version, TableVersion::Function(clause) if argument(clause).is_some());
        let what = if let Some(function) = function
            && let Some(given) = args.take_if(|args| args.settings.is_none())
        {
            match plain(given.args) {
                Some(args) if function == FEED => What::Feed { args },
                Some(args) => What::Anatomy { args },
                None => {
                    return ControlFlow::Break(Error::invalid(format!(
                        "{function} takes no named arguments"
                    )));
                }
            }
        } else if let (None, Some(TableVersion::Function(version))) =
            (&args, version.take_if(is_moment))
        {
            What::Past {
                name: name.clone(),
                version,
            }
        } else {
            return ControlFlow::Continue(());
        };
        let Some(table) = name.0.last().and_then(|part| part.as_ident()).cloned() else {
            return ControlFlow::Break(Error::invalid(format!("'{name}' is no table name")));
        };
        let number = self.moments.len().to_string();
        alias.get_or_insert_with(|| TableAlias {
            explicit: true,
            name: table.clone(),
            columns: Vec::new(),
            at: None,
        });
        let full = [PAST, number.as_str(), table.value.as_str()];
        *name = ObjectName::from(full.map(|part| Ident::with_quote('"', part)).to_vec());
        self.moments.push(Moment {
            reference: TableReference::full(PAST, number, table.value),
            what,
        });
        ControlFlow::Continue(())
    }
}

/// Arguments without names.
fn plain(args: Vec<FunctionArg>) -> Option<Vec<Expr>> {
    let args = args.into_iter().map(|arg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(value)) => Some(value),
        _ => None,
    });
    args.collect()
}
