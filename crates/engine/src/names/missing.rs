//! Why a name stands for nothing.

use std::collections::BTreeMap;

use datafusion::common::TableReference;
use godwit_catalog::CATALOG;

use super::{INFORMATION_SCHEMA, Lookup, nearest};
use crate::Error;

impl Lookup<'_> {
    /// Why a name stands for nothing: where it was looked for, and what it may have been meant to be.
    pub(super) async fn missing(&self, reference: &TableReference) -> Error {
        let schemas = self.schema_names();
        let may_be_durable = match reference {
            TableReference::Full { catalog, .. } if catalog.as_ref() != CATALOG => false,
            reference => reference
                .schema()
                .is_none_or(|schema| !self.is_fixed(schema)),
        };
        if may_be_durable && let Err(away) = self.seen.lake() {
            return Error::from_catalog(&away);
        }
        match reference {
            TableReference::Full { catalog, .. } if catalog.as_ref() != CATALOG => {
                Error::not_found(format!(
                    "catalog '{catalog}' does not exist; the only one is {CATALOG}"
                ))
            }
            TableReference::Full { schema, .. } | TableReference::Partial { schema, .. }
                if schema.as_ref() != INFORMATION_SCHEMA
                    && !schemas.iter().any(|known| known == schema.as_ref()) =>
            {
                let hint = nearest::hint(schema, schemas.iter().map(String::as_str), String::from);
                Error::not_found(format!(
                    "schema '{schema}' does not exist in catalog {CATALOG}{hint}"
                ))
            }
            TableReference::Full { schema, table, .. }
            | TableReference::Partial { schema, table } => {
                let tables = self.table_names(&[schema]).await;
                let hint = nearest::hint(table, tables.keys().map(String::as_str), String::from);
                Error::not_found(format!(
                    "table '{table}' does not exist in schema {schema}{hint}"
                ))
            }
            TableReference::Bare { table } => {
                let path = self.search_path();
                if schemas.iter().any(|schema| schema == table.as_ref()) {
                    let names = self.table_names(&[table]).await;
                    let names: Vec<_> =
                        names.keys().map(|name| format!("{table}.{name}")).collect();
                    return Error::not_found(format!(
                        "table '{table}' does not exist; '{table}' is a schema, its tables are {}",
                        names.join(", ")
                    ));
                }
                // A name of another schema is worth a hint too, but then the schema has to be said.
                let all: Vec<_> = schemas.iter().map(String::as_str).collect();
                let tables = self.table_names(&all).await;
                let hint =
                    nearest::hint(
                        table,
                        tables.keys().map(String::as_str),
                        |name| match tables.get(name) {
                            Some(schema) if !path.contains(&schema.as_str()) => {
                                format!("{schema}.{name}")
                            }
                            _ => name.to_owned(),
                        },
                    );
                Error::not_found(format!(
                    "table '{table}' does not exist; looked in {}{hint}",
                    path.join(", ")
                ))
            }
        }
    }

    /// Names of tables with the schema of each; of one name in several schemas the last.
    async fn table_names(&self, schemas: &[&str]) -> BTreeMap<String, String> {
        let mut names = BTreeMap::new();
        for schema in schemas {
            let mut entries = self.seen.entries_of(schema).unwrap_or_default();
            entries.extend(self.catalog.table_names(schema).await);
            let sight = self.sight_of_caller();
            entries.retain(|entry| sight.sees(schema, &entry.name));
            names.extend(entries.into_iter().map(|entry| (entry.name, entry.schema)));
        }
        names
    }
}
