//! Where a definition's names lead.

use std::sync::Arc;

use datafusion::common::TableReference;
use datafusion::sql::sqlparser::ast::ObjectName;
use godwit_auth::access::Privilege;
use godwit_catalog::{CATALOG, TEMP};
use godwit_lake::{Table, View};

use super::{Defining, folded, reference};
use crate::access::Sight;
use crate::check::Names;
use crate::{Error, Result};

/// What a name stands for.
pub(super) enum Found {
    Temporary(String),
    Table(Arc<Table>),
    View(Arc<View>),
    /// What nobody can change: a mounted file, the server's own table.
    Fixed {
        schema: String,
        name: String,
    },
    Nothing(Error),
}

impl Defining<'_> {
    /// Schema and name of a table or view to be made.
    ///
    /// # Errors
    /// When the schema cannot have one.
    pub(super) fn place(&self, name: &ObjectName) -> Result<(String, String)> {
        let reference = reference(name)?;
        check_catalog(&reference)?;
        let schema = reference.schema().unwrap_or(self.state.schema());
        self.check_schema(schema)?;
        self.allowed(|sight| sight.require_make(schema))?;
        Ok((schema.to_owned(), reference.table().to_owned()))
    }

    /// Whether a schema is one of the lake's.
    pub(super) fn check_schema(&self, schema: &str) -> Result<()> {
        if self.sees_schema(schema) && self.lake().schemas.contains_key(schema) {
            return Ok(());
        }
        if schema == TEMP {
            return Err(Error::invalid(format!(
                "schema {TEMP} holds temporary tables, which CREATE TEMP TABLE makes"
            )));
        }
        if self.sees_schema(schema) && self.is_fixed(schema) {
            return Err(fixed(schema));
        }
        Err(Error::not_found(format!(
            "schema '{schema}' does not exist in catalog {CATALOG}; CREATE SCHEMA makes one"
        )))
    }

    /// Whether a schema exists for the caller, if there is one of that name.
    pub(super) fn sees_schema(&self, schema: &str) -> bool {
        Sight::new(self.state.authority(), &self.lake()).sees_schema(schema)
    }

    pub(super) fn is_fixed(&self, schema: &str) -> bool {
        let seen = self.seen();
        self.planner.lookup(self.state, &seen).is_fixed(schema)
    }

    /// What a name stands for.
    pub(super) async fn find(&self, name: &ObjectName) -> Result<Found> {
        let reference = reference(name)?;
        check_catalog(&reference)?;
        let seen = self.seen();
        let lookup = self.planner.finder(self.state, &seen);
        let path = match reference.schema() {
            Some(schema) => vec![schema],
            None => lookup.search_path(),
        };
        let table = reference.table();
        for schema in path {
            if schema == TEMP && self.temporary.get(table).is_some() {
                return Ok(Found::Temporary(table.to_owned()));
            }
            let state = self.lake();
            if !lookup.sight().sees(schema, table) {
                continue;
            }
            if let Some(found) = state.table(schema, table) {
                return Ok(Found::Table(Arc::clone(found)));
            }
            if let Some(found) = state.view(schema, table) {
                return Ok(Found::View(Arc::clone(found)));
            }
        }
        let names = Names {
            tables: [reference.clone()].into(),
            ..Names::default()
        };
        let resolved = lookup.resolve(&names).await;
        Ok(match resolved.get(&reference) {
            Ok(table) => Found::Fixed {
                schema: table.schema.clone(),
                name: table.name.clone(),
            },
            Err(error) => Found::Nothing(error),
        })
    }

    /// The durable table that a name stands for, which the caller may define anew and drop.
    ///
    /// # Errors
    /// When it stands for something else, or for nothing.
    pub(super) async fn table(&self, verb: &str, name: &ObjectName) -> Result<Arc<Table>> {
        match self.find(name).await? {
            Found::Table(table) => {
                self.allowed(|sight| sight.require(Privilege::Drop, &table.schema, &table.name))?;
                Ok(table)
            }
            Found::View(view) => Err(Error::invalid(format!(
                "{verb}: '{}.{}' is a view, not a table",
                view.schema, view.name
            ))),
            Found::Temporary(name) => Err(Error::unsupported(format!(
                "{verb}: '{TEMP}.{name}' is a temporary table; only durable tables are changed so"
            ))),
            Found::Fixed { schema, name } => Err(unchangeable(verb, &schema, &name)),
            Found::Nothing(error) => Err(error),
        }
    }

    /// The name of a schema.
    pub(super) fn schema_name(&self, name: &ObjectName) -> Result<String> {
        let parts: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
        match parts.as_slice() {
            [schema] if name.0.len() == 1 => Ok(folded(schema)),
            [catalog, schema] if name.0.len() == 2 && folded(catalog) == CATALOG => {
                Ok(folded(schema))
            }
            _ => Err(Error::not_found(format!(
                "'{name}' is no schema of catalog {CATALOG}"
            ))),
        }
    }
}

/// Why nothing in a schema can be changed.
pub(super) fn fixed(schema: &str) -> Error {
    Error::ReadOnly {
        message: format!(
            "schema '{schema}' shows files or the server's own state and cannot be changed; write main.NAME for a durable \
             table"
        ),
    }
}

pub(super) fn unchangeable(verb: &str, schema: &str, name: &str) -> Error {
    Error::ReadOnly {
        message: format!(
            "{verb}: '{schema}.{name}' shows files or the server's own state and cannot be changed"
        ),
    }
}

fn check_catalog(reference: &TableReference) -> Result<()> {
    match reference.catalog() {
        Some(catalog) if catalog != CATALOG => Err(Error::not_found(format!(
            "catalog '{catalog}' does not exist; the only one is {CATALOG}"
        ))),
        _ => Ok(()),
    }
}
