//! `CREATE TABLE` and `DROP TABLE`.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{ObjectName, Query, Statement};
use godwit_auth::access::Privilege;
use godwit_catalog::plain_schema;
use godwit_lake::{Definition, NewColumn, NewTable};

use super::columns::durable_columns;
use super::places::Found;
use super::{Defining, Rest, folded, translate};
use crate::change::unique_names;
use crate::check::{KeyText, Rows, TableText};
use crate::parse::Parsed;
use crate::plan::Plan;
use crate::{Error, Result};

impl Defining<'_> {
    pub(super) async fn create_table(&self, table: &TableText) -> Result<Rest> {
        let (schema, name) = self.place(&table.name)?;
        let state = self.lake();
        if state.view(&schema, &name).is_some() && !table.if_not_exists {
            return Err(Error::AlreadyExists {
                message: format!("'{schema}.{name}' exists already, and is a view"),
            });
        }
        let there = state.table(&schema, &name).is_some() || state.view(&schema, &name).is_some();
        if there && !table.or_replace && !table.if_not_exists {
            return Err(Error::AlreadyExists {
                message: format!("table '{schema}.{name}' exists already"),
            });
        }
        if there && table.or_replace {
            self.allowed(|sight| sight.require(Privilege::Drop, &schema, &name))?;
        }
        let (columns, plan) = match &table.rows {
            Rows::Columns(_) if !self.parameters.is_empty() => {
                return Err(Error::invalid(
                    "a DEFAULT takes its value from the statement, not from a parameter",
                ));
            }
            Rows::Columns(columns) => {
                let (schema, mut defaults) = durable_columns(self.state, columns.as_ref().clone())?;
                let columns = schema.fields().iter().map(|field| NewColumn {
                    field: field.as_ref().clone(),
                    default: defaults.remove(field.name()).map(|default| default.sql),
                    initial: None,
                });
                (columns.collect(), None)
            }
            Rows::Query(query) => {
                let plan = self.plan(query.clone()).await?;
                (columns_for(&plan.schema)?, Some(plan))
            }
        };
        let mut new = NewTable {
            schema,
            name,
            columns,
            keys: Vec::new(),
            replace: table.or_replace,
        };
        new.keys = keys(&mut new, &table.keys)?;
        if there && table.if_not_exists {
            return Ok(Rest::parameters_of(plan.as_ref()));
        }
        let id = self.transaction.create_table(new).map_err(translate)?;
        Ok(match plan {
            Some(plan) => Rest::fill(id, plan),
            None => Rest::default(),
        })
    }

    pub(super) async fn drop_tables(&self, names: &[ObjectName], if_exists: bool) -> Result<Rest> {
        for name in names {
            let table = match self.find(name).await? {
                Found::Nothing(Error::NotFound { .. }) if if_exists => continue,
                _ => self.table("DROP TABLE", name).await?,
            };
            self.apply(Definition::DropTable { table: table.id })?;
        }
        Ok(Rest::default())
    }

    async fn plan(&self, query: Box<Query>) -> Result<Arc<Plan>> {
        let parsed = Parsed {
            sql: Arc::from(""),
            tree: Tree::Statement(Box::new(Statement::Query(query))),
            parameters: self.parameters.to_vec(),
        };
        let seen = self.seen();
        let plan = self
            .planner
            .plan(self.state, &seen, parsed, self.given.clone());
        Ok(Arc::new(plan.await?))
    }
}

/// The columns of a table that is made from rows: of plain types, and with nulls where the query may give some.
fn columns_for(rows: &SchemaRef) -> Result<Vec<NewColumn>> {
    unique_names(rows)?;
    let nullable = rows
        .fields()
        .iter()
        .map(|field| Field::new(field.name(), field.data_type().clone(), true));
    let plain = plain_schema(&Schema::new(nullable.collect::<Vec<_>>()));
    let columns = plain.fields().iter().map(|field| NewColumn {
        field: field.as_ref().clone(),
        default: None,
        initial: None,
    });
    Ok(columns.collect())
}

/// The keys with names for those that have none. Columns of a primary key hold no nulls.
fn keys(table: &mut NewTable, texts: &[KeyText]) -> Result<Vec<(String, bool, Vec<String>)>> {
    let mut keys: Vec<(String, bool, Vec<String>)> = Vec::with_capacity(texts.len());
    for text in texts {
        let columns: Vec<String> = text.columns.iter().map(folded).collect();
        let mut seen = HashSet::new();
        for column in &columns {
            if !seen.insert(column) {
                return Err(Error::invalid(format!(
                    "a key names column '{column}' twice"
                )));
            }
            let Some(found) = table.columns.iter_mut().find(|c| c.field.name() == column) else {
                return Err(Error::invalid(format!(
                    "a key names column '{column}', which the table does not have"
                )));
            };
            if text.primary {
                found.field.set_nullable(false);
            }
        }
        let wanted = match &text.name {
            Some(name) => folded(name),
            None if text.primary => format!("{}_pkey", table.name),
            None => format!("{}_{}_key", table.name, columns.join("_")),
        };
        let is_taken = |name: &str| keys.iter().any(|(taken, ..)| taken == name);
        let name = if !is_taken(&wanted) {
            wanted
        } else if text.name.is_some() {
            return Err(Error::invalid(format!(
                "two constraints are called '{wanted}'"
            )));
        } else {
            let mut numbered = (1..).map(|number| format!("{wanted}{number}"));
            numbered.find(|name| !is_taken(name)).unwrap_or(wanted)
        };
        keys.push((name, text.primary, columns));
    }
    keys.sort_by_key(|(_, primary, _)| !primary);
    Ok(keys)
}
