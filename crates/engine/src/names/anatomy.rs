//! What a query's columns are made of: `vector_types('table or query', rows)`.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::datasource::provider_as_source;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::sqlparser::ast::{Expr, Value};
use godwit_catalog::{SYSTEM, TableKind};

use super::{Lookup, Resolved, Table};
use crate::check::{self, Class};
use crate::deep::{Deep, with_deep_stack};
use crate::parse::parse;
use crate::plan::Work;
use crate::vectors::{Anatomy, CHUNK_ROWS, MAX_CHUNK_ROWS};
use crate::{Error, Result, show};

/// The function that says what columns are made of.
pub(super) const ANATOMY: &str = "vector_types";

/// How deep such a function may look at such a function.
const MAX_NESTED: usize = 8;

impl Lookup<'_> {
    /// What is scanned for the function. Its query is read as if the caller had sent it: by the caller's rights, policies
    /// and masks, on the same snapshot.
    ///
    /// # Errors
    /// When the arguments are others; what is wrong with the query, or that it is none.
    pub(super) async fn anatomy(&self, args: &[Expr]) -> Result<Table> {
        let (text, rows) = arguments(args)?;
        if self.nested >= MAX_NESTED {
            return Err(Error::invalid(format!(
                "{ANATOMY} in the query of {ANATOMY} is followed for {MAX_NESTED} levels"
            )));
        }
        let (resolved, plan, columns) = self.planned(text).await.map_err(within)?;
        let mut snapshot = DefaultHasher::new();
        (text, rows, resolved.snapshot_of(&plan)).hash(&mut snapshot);
        Ok(Table {
            schema: SYSTEM.to_owned(),
            name: ANATOMY.to_owned(),
            kind: TableKind::SystemTable,
            source: provider_as_source(Arc::new(Anatomy::new(plan, columns, rows))),
            snapshot: snapshot.finish(),
            inner: Some(Arc::new(resolved)),
        })
    }

    async fn planned(&self, text: &str) -> Result<(Resolved, Deep<LogicalPlan>, SchemaRef)> {
        let sql = match check::table_named(text) {
            Ok(name) => format!("SELECT * FROM {name}"),
            Err(_) => text.to_owned(),
        };
        let parsed = parse(&sql, self.limits)?;
        let mut tree = parsed.tree;
        if !matches!(check::classify(&tree)?, Class::Query) {
            return Err(Error::invalid(
                "it is no query: only statements that give rows and change nothing can be looked at",
            ));
        }
        if !parsed.parameters.is_empty() {
            return Err(Error::invalid("it has a parameter; write the value out"));
        }
        let lookup = Lookup {
            reads: true,
            nested: self.nested + 1,
            ..*self
        };
        let (_, resolved) = Box::pin(lookup.read(&mut tree)).await?;
        show::qualify(&mut tree, &resolved);
        let work = Work {
            session: self.state,
            resolved: &resolved,
            max_depth: self.limits.max_depth,
            also: &[],
            shape: None,
        };
        let (plan, columns, _) = with_deep_stack(|| work.plan(tree, &[], None))?;
        Ok((resolved, Deep::new(plan), columns))
    }
}

/// The text, and the rows of a chunk.
fn arguments(args: &[Expr]) -> Result<(&str, usize)> {
    let usage = || {
        Error::invalid(format!(
            "write {ANATOMY}('table or query') or {ANATOMY}('table or query', rows), with 1 to {MAX_CHUNK_ROWS} rows a \
             chunk ({CHUNK_ROWS} when they are not said)"
        ))
    };
    let (text, rows) = match args {
        [text] => (text, CHUNK_ROWS),
        [text, rows] => (text, number(rows).ok_or_else(usage)?),
        _ => return Err(usage()),
    };
    let Expr::Value(text) = text else {
        return Err(usage());
    };
    match &text.value {
        Value::SingleQuotedString(text) => Ok((text, rows)),
        Value::DollarQuotedString(text) => Ok((&text.value, rows)),
        _ => Err(usage()),
    }
}

fn number(expr: &Expr) -> Option<usize> {
    let Expr::Value(value) = expr else {
        return None;
    };
    let Value::Number(number, _) = &value.value else {
        return None;
    };
    let rows = number.to_string().parse().ok()?;
    (1..=MAX_CHUNK_ROWS).contains(&rows).then_some(rows)
}

/// Says that an error is about the query in the text.
fn within(error: Error) -> Error {
    error.about(format_args!("the query of {ANATOMY}"))
}
