use std::collections::HashMap;
use std::sync::Arc;

use crate::{Content, Error, Result, Schema, State, Table, TableId};

/// What a transaction has changed so far. A clone shares everything.
#[derive(Debug, Clone)]
pub(crate) struct Staged {
    /// Schemas, tables and views.
    pub(crate) state: Arc<State>,
    /// Rows of tables whose rows it has changed, with the version that tells them from all others.
    pub(crate) rows: Arc<HashMap<TableId, (Arc<Content>, u64)>>,
    /// Base tables whose columns it has changed, but not their rows: as they were, with a version for what is made of them.
    pub(crate) altered: Arc<HashMap<TableId, (Arc<Table>, u64)>>,
    /// Whose new schemas, tables and views are.
    pub(super) owner: Option<String>,
    /// The number that the next new thing has until the commit.
    next_id: i64,
}

impl Staged {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self {
            state,
            rows: Arc::default(),
            altered: Arc::default(),
            owner: None,
            next_id: -1,
        }
    }

    /// A number for something new. Such numbers are negative, and the commit replaces them.
    pub(super) fn new_id(&mut self) -> i64 {
        let id = self.next_id;
        self.next_id -= 1;
        id
    }

    pub(crate) fn set_rows(&mut self, table: TableId, content: Content) {
        let version = crate::snapshot::staged_version();
        Arc::make_mut(&mut self.rows).insert(table, (Arc::new(content), version));
    }

    /// The rows of a table are to be read in other columns than the catalog has.
    pub(super) fn set_altered(&mut self, old: &Table) {
        let version = crate::snapshot::staged_version();
        let altered = Arc::make_mut(&mut self.altered);
        let first = altered.entry(old.id);
        first.or_insert_with(|| (Arc::new(old.clone()), version)).1 = version;
    }

    pub(super) fn forget_rows(&mut self, table: TableId) {
        if self.rows.contains_key(&table) {
            Arc::make_mut(&mut self.rows).remove(&table);
        }
    }

    /// A schema to be changed.
    pub(super) fn schema_mut(&mut self, name: &str) -> Result<&mut Schema> {
        let schema = Arc::make_mut(&mut self.state).schemas.get_mut(name);
        schema.map(Arc::make_mut).ok_or_else(|| no_schema(name))
    }

    /// A table as it is.
    pub(super) fn table(&self, id: TableId) -> Result<Arc<Table>> {
        let table = self.state.table_of(id).map(Arc::clone);
        table.ok_or_else(|| Error::not_found("the table does not exist any more"))
    }

    /// Puts a table in the place of the one that has its number.
    pub(super) fn put_table(&mut self, table: Table) -> Result<()> {
        let schema = self.schema_mut(&table.schema)?;
        schema.tables.retain(|_, other| other.id != table.id);
        schema.tables.insert(table.name.clone(), Arc::new(table));
        Ok(())
    }
}

pub(super) fn no_schema(name: &str) -> Error {
    Error::not_found(format!("schema {name:?} does not exist"))
}
