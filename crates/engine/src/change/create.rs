//! New tables: their names, columns and defaults.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Cast, DdlStatement, Expr, LogicalPlan};
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{CreateTable, ObjectName, Statement};
use godwit_catalog::{CATALOG, ColumnDefault, TEMP, plain_schema};

use super::{New, Scope, reference, request, tree};
use crate::check::{self, Rows};
use crate::deep::with_deep_stack;
use crate::names::Resolved;
use crate::plan::Planner;
use crate::provider::Functions;
use crate::session::State;
use crate::{Error, Result};

impl Planner {
    pub(super) async fn new_table(&self, scope: &Scope<'_>, rows: Rows) -> Result<New> {
        match rows {
            Rows::Columns(_) if !scope.parameters.is_empty() => Err(Error::invalid(
                "a DEFAULT takes its value from the statement, not from a parameter",
            )),
            Rows::Columns(columns) => {
                let (schema, defaults) = columns_of(scope.state, *columns)?;
                Ok(New::Columns { schema, defaults })
            }
            Rows::Query(query) => {
                let tree = Tree::Statement(Box::new(Statement::Query(query)));
                let plan = self.plan_as(request(scope, tree)).await?;
                unique_names(&plan.schema)?;
                Ok(New::Query(Arc::new(plan)))
            }
        }
    }
}

/// A table's columns need different names.
pub(crate) fn unique_names(schema: &Schema) -> Result<()> {
    let mut seen = HashSet::new();
    for field in schema.fields() {
        if !seen.insert(field.name()) {
            return Err(Error::invalid(format!(
                "the table would have two columns '{}'; name them apart",
                field.name()
            )));
        }
    }
    if seen.is_empty() {
        return Err(Error::invalid("a table has one column at least"));
    }
    Ok(())
}

/// The name of a new temporary table.
///
/// # Errors
/// [`Error::InvalidInput`] when it is to be in another schema.
pub(super) fn name(name: &ObjectName) -> Result<String> {
    let reference = reference(name)?;
    let elsewhere = reference
        .catalog()
        .is_some_and(|catalog| catalog != CATALOG)
        || reference.schema().is_some_and(|schema| schema != TEMP);
    if elsewhere {
        return Err(Error::invalid(format!(
            "'{name}': temporary tables are in schema {TEMP}; write {TEMP}.{0} or {0}",
            reference.table()
        )));
    }
    Ok(reference.table().to_owned())
}

/// Types and defaults as the planner of `CREATE TABLE` understands them.
pub(crate) fn columns_of(
    state: &State,
    columns: CreateTable,
) -> Result<(SchemaRef, BTreeMap<String, ColumnDefault>)> {
    let texts = with_deep_stack(|| tree::default_texts(&columns.columns));
    let tree = Tree::Statement(Box::new(Statement::CreateTable(columns)));
    let translate = |error| Error::from_datafusion(&error, "plan");
    with_deep_stack(|| {
        check::refuse_ignored(&tree, &Functions(state.session()))?;
        let names = Resolved::default();
        let plan = godwit_planner::plan(state.session(), &names, &tree, Vec::new());
        let LogicalPlan::Ddl(DdlStatement::CreateMemoryTable(create)) = plan.map_err(translate)?
        else {
            return Err(Error::invalid("the statement makes no table"));
        };
        let schema = plain_schema(create.input.schema().as_arrow());
        unique_names(&schema)?;
        let mut defaults = BTreeMap::new();
        for ((name, expr), sql) in create.column_defaults.into_iter().zip(texts) {
            let field = schema
                .field_with_name(&name)
                .map_err(|error| Error::from_arrow(&error, "plan"))?;
            evaluates(state, &expr, field)?;
            defaults.insert(name, ColumnDefault { sql, expr });
        }
        Ok((schema, defaults))
    })
}

/// Whether a default can be computed and is of the column's type.
fn evaluates(state: &State, expr: &Expr, field: &Field) -> Result<()> {
    let cast = Expr::Cast(Cast::new(Box::new(expr.clone()), field.data_type().clone()));
    state
        .session()
        .create_physical_expr(cast, &DFSchema::empty())
        .map(drop)
        .map_err(|error| Error::from_datafusion(&error, "plan"))
}
