//! Tables as they were: `AT (VERSION => …)` and `AT (TIMESTAMP => …)`.

use std::ops::ControlFlow;

use arrow::datatypes::{DataType, TimeUnit};
use chrono::DateTime;
use datafusion::common::{ScalarValue, TableReference};
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, ObjectName, TableAlias,
    TableFactor, TableVersion, VisitMut, VisitorMut,
};
use godwit_catalog::{CATALOG, Seen};
use godwit_lake::{At, SnapshotId};

use super::{Lookup, Resolved, Table};
use crate::check::{self, Names};
use crate::deep::with_deep_stack;
use crate::provider::Functions;
use crate::{Error, Result, constants, show};

/// The catalog of the names that stand for tables as they were.
const PAST: &str = "__past";

/// A table as it was, and the name that it has in the tree.
struct Moment {
    reference: TableReference,
    name: ObjectName,
    version: Expr,
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
            let table = self.past(&moment).await?;
            resolved.insert(moment.reference, table);
        }
        Ok((names, resolved))
    }

    async fn past(&self, moment: &Moment) -> Result<Table> {
        let at = self.moment_of(&moment.version)?;
        let reference = object_name_to_table_reference(moment.name.clone(), true)
            .map_err(|_| Error::invalid(format!("'{}' is no table name", moment.name)))?;
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
            ..*self
        };
        match Box::pin(then.durable(schema, name)).await? {
            Some(table) => Ok(table),
            None => Err(Error::not_found(format!(
                "table '{schema}.{name}' does not exist at version {version}"
            ))),
        }
    }

    fn moment_of(&self, clause: &Expr) -> Result<At> {
        let Some((kind, value)) = argument(clause) else {
            return Err(Error::syntax(format!(
                "'{clause}': write AT (VERSION => number) or AT (TIMESTAMP => time)"
            )));
        };
        let expr = constants::plan(self.state, value)?;
        let is_version = kind.value.eq_ignore_ascii_case("version");
        let wanted = if is_version {
            DataType::Int64
        } else {
            let zone = self.state.config_options().execution.time_zone.clone();
            let zone = zone.unwrap_or_else(|| "UTC".to_owned());
            DataType::Timestamp(TimeUnit::Microsecond, Some(zone.into()))
        };
        let none = || Error::invalid(format!("'{clause}' names no moment"));
        match constants::evaluate(self.state, &expr, &wanted)? {
            ScalarValue::Int64(Some(version)) => Ok(At::Version(SnapshotId(version))),
            ScalarValue::TimestampMicrosecond(Some(micros), _) => {
                DateTime::from_timestamp_micros(micros)
                    .map(At::Time)
                    .ok_or_else(none)
            }
            _ => Err(none()),
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
            args: None,
            version,
            ..
        } = factor
        else {
            return ControlFlow::Continue(());
        };
        // Other ways to write a version stay where they are, and are refused with the other clauses.
        let Some(TableVersion::Function(clause)) = version.take_if(|version| {
            matches!(version, TableVersion::Function(clause) if argument(clause).is_some())
        }) else {
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
        let stand_in = ObjectName::from(full.map(|part| Ident::with_quote('"', part)).to_vec());
        self.moments.push(Moment {
            reference: TableReference::full(PAST, number, table.value),
            name: std::mem::replace(name, stand_in),
            version: clause,
        });
        ControlFlow::Continue(())
    }
}
