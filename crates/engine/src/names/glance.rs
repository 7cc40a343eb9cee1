//! Whether names still stand for what they stood for, where a glance shows it.

use datafusion::common::TableReference;
use godwit_catalog::{Catalog, Seen, TEMP, TableKind};

use super::resolved::Found;
use super::{Resolved, Table};
use crate::copy::FILE;

impl Resolved {
    /// Whether all names stand for the same contents, `seen` being of the snapshot of the lake that they were found in, and
    /// `current` the session's schema. Only looks; false says nothing.
    pub(crate) fn is_as_before(&self, seen: &Seen, catalog: &Catalog, current: &str) -> bool {
        // A file that is new in the session's own schema may come before one that was found in the next.
        let is_passed = |reference: &TableReference, table: &Table| {
            let is_bare = matches!(reference, TableReference::Bare { .. });
            is_bare && table.schema != current && catalog.is_mount(current)
        };
        self.found.iter().all(|(reference, found)| match found {
            Found::Table(table) if is_passed(reference, table) => false,
            Found::Table(table) => is_as_before(reference, table, seen, catalog),
            Found::Not(_) => false,
        })
    }
}

fn is_as_before(reference: &TableReference, table: &Table, seen: &Seen, catalog: &Catalog) -> bool {
    let (schema, name) = (table.schema.as_str(), table.name.as_str());
    let temporary = seen.temporary().get(name);
    if table.kind == TableKind::Temporary {
        return temporary.is_some_and(|now| now.snapshot() == table.snapshot);
    }
    let is_hidden = matches!(reference, TableReference::Bare { .. }) && temporary.is_some();
    if is_hidden || schema == TEMP || reference.catalog() == Some(FILE) {
        return false;
    }
    match seen.lake() {
        Ok(lake) if lake.state().table(schema, name).is_some() => true,
        Ok(_) => catalog.glance(schema, name) == Some(table.snapshot),
        Err(_) => false,
    }
}
