//! `CREATE SCHEMA` and `DROP SCHEMA`.

use datafusion::sql::sqlparser::ast::ObjectName;
use godwit_auth::access::Privilege;
use godwit_catalog::{CATALOG, DEFAULT_SCHEMA};
use godwit_lake::Definition;

use super::places::fixed;
use super::{Defining, Rest};
use crate::access::denied;
use crate::{Error, Result};

impl Defining<'_> {
    pub(super) fn create_schema(&self, name: &ObjectName, if_not_exists: bool) -> Result<Rest> {
        let name = self.schema_name(name)?;
        let caller = self.state.authority();
        if !caller.makes_schemas() {
            return Err(denied(caller, &format!("{} schemas", Privilege::Create)));
        }
        if self.lake().schemas.contains_key(&name) || self.is_fixed(&name) {
            if if_not_exists {
                return Ok(Rest::default());
            }
            return Err(Error::AlreadyExists {
                message: format!("schema '{name}' exists already"),
            });
        }
        self.apply(Definition::CreateSchema { name })?;
        Ok(Rest::default())
    }

    pub(super) fn drop_schemas(
        &self,
        names: &[ObjectName],
        if_exists: bool,
        cascade: bool,
    ) -> Result<Rest> {
        for name in names {
            let name = self.schema_name(name)?;
            if self.sees_schema(&name) && self.is_fixed(&name) {
                return Err(fixed(&name));
            }
            let state = self.lake();
            let found = state.schemas.get(&name);
            let Some(schema) = found.filter(|_| self.sees_schema(&name)) else {
                if if_exists {
                    continue;
                }
                return Err(Error::not_found(format!(
                    "schema '{name}' does not exist in catalog {CATALOG}"
                )));
            };
            self.allowed(|sight| sight.require_drop_schema(&name))?;
            if name == DEFAULT_SCHEMA {
                return Err(Error::invalid(format!(
                    "schema '{name}' is the one that sessions start in and cannot be dropped"
                )));
            }
            let held: Vec<_> = schema.tables.keys().chain(schema.views.keys()).collect();
            if let (Some(first), false) = (held.first(), cascade) {
                return Err(Error::invalid(format!(
                    "schema '{name}' holds {} tables and views, '{first}' among them; DROP SCHEMA … CASCADE drops them too",
                    held.len()
                )));
            }
            self.apply(Definition::DropSchema { name, cascade })?;
        }
        Ok(Rest::default())
    }
}
