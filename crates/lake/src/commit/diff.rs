//! What differs between two states.

use std::collections::HashMap;
use std::sync::Arc;

use crate::{Schema, SchemaId, State, Table, TableId, View, ViewId};

/// Changes of what there is. Old and new ones of a pair have one number.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    pub(super) dropped_schemas: Vec<Arc<Schema>>,
    pub(super) dropped_tables: Vec<Arc<Table>>,
    pub(super) dropped_views: Vec<Arc<View>>,
    pub(super) created_schemas: Vec<Arc<Schema>>,
    /// With the schema that they are in.
    pub(super) created_tables: Vec<(Arc<Schema>, Arc<Table>)>,
    /// With the schema that they are in.
    pub(super) created_views: Vec<(Arc<Schema>, Arc<View>)>,
    /// Those whose comment or owner was changed.
    pub(super) altered_schemas: Vec<(Arc<Schema>, Arc<Schema>)>,
    pub(super) altered_tables: Vec<(Arc<Table>, Arc<Table>)>,
    pub(super) altered_views: Vec<(Arc<View>, Arc<View>)>,
}

impl Definitions {
    pub(super) fn between(base: &Arc<State>, staged: &Arc<State>) -> Self {
        if Arc::ptr_eq(base, staged) {
            return Self::default();
        }
        let (old, new) = (Index::of(base), Index::of(staged));
        let mut found = Self::default();
        found.dropped(&old, &new);
        found.there(&old, &new);
        found
    }

    fn dropped(&mut self, old: &Index<'_>, new: &Index<'_>) {
        let schemas = old
            .schemas
            .iter()
            .filter(|(id, _)| !new.schemas.contains_key(id));
        self.dropped_schemas = schemas.map(|(_, &schema)| Arc::clone(schema)).collect();
        let tables = old
            .tables
            .iter()
            .filter(|(id, _)| !new.tables.contains_key(id));
        self.dropped_tables = tables.map(|(_, (_, table))| Arc::clone(table)).collect();
        let views = old
            .views
            .iter()
            .filter(|(id, _)| !new.views.contains_key(id));
        self.dropped_views = views.map(|(_, (_, view))| Arc::clone(view)).collect();
        self.dropped_schemas.sort_by_key(|schema| schema.id);
        self.dropped_tables.sort_by_key(|table| table.id);
        self.dropped_views.sort_by_key(|view| view.id);
    }

    fn there(&mut self, old: &Index<'_>, new: &Index<'_>) {
        for (id, &schema) in &new.schemas {
            match old.schemas.get(id) {
                None => self.created_schemas.push(Arc::clone(schema)),
                Some(before)
                    if (&before.comment, &before.owner) != (&schema.comment, &schema.owner) =>
                {
                    let pair = (Arc::clone(before), Arc::clone(schema));
                    self.altered_schemas.push(pair);
                }
                Some(_) => {}
            }
        }
        for (id, (schema, table)) in &new.tables {
            match old.tables.get(id) {
                None => self
                    .created_tables
                    .push((Arc::clone(schema), Arc::clone(table))),
                Some((_, before)) if Arc::ptr_eq(before, table) => {}
                Some((_, before)) => {
                    let pair = (Arc::clone(before), Arc::clone(table));
                    self.altered_tables.push(pair);
                }
            }
        }
        for (id, (schema, view)) in &new.views {
            match old.views.get(id) {
                None => self
                    .created_views
                    .push((Arc::clone(schema), Arc::clone(view))),
                Some((_, before))
                    if (&before.comment, &before.owner) != (&view.comment, &view.owner) =>
                {
                    let pair = (Arc::clone(before), Arc::clone(view));
                    self.altered_views.push(pair);
                }
                Some(_) => {}
            }
        }
        // In the order in which they were made: provisional numbers count down.
        self.created_schemas.sort_by_key(|schema| -schema.id.0);
        self.created_tables.sort_by_key(|(_, table)| -table.id.0);
        self.created_views.sort_by_key(|(_, view)| -view.id.0);
        self.altered_tables.sort_by_key(|(_, table)| table.id);
        self.altered_views.sort_by_key(|(_, view)| view.id);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.dropped_schemas.is_empty()
            && self.dropped_tables.is_empty()
            && self.dropped_views.is_empty()
            && self.created_schemas.is_empty()
            && self.created_tables.is_empty()
            && self.created_views.is_empty()
            && self.altered_schemas.is_empty()
            && self.altered_tables.is_empty()
            && self.altered_views.is_empty()
    }
}

/// All that a state has, by number.
struct Index<'a> {
    schemas: HashMap<SchemaId, &'a Arc<Schema>>,
    tables: HashMap<TableId, (&'a Arc<Schema>, &'a Arc<Table>)>,
    views: HashMap<ViewId, (&'a Arc<Schema>, &'a Arc<View>)>,
}

impl<'a> Index<'a> {
    fn of(state: &'a State) -> Self {
        let schemas = || state.schemas.values();
        let tables = schemas().flat_map(|schema| schema.tables.values().map(move |t| (schema, t)));
        let views = schemas().flat_map(|schema| schema.views.values().map(move |v| (schema, v)));
        Self {
            schemas: schemas().map(|schema| (schema.id, schema)).collect(),
            tables: tables.map(|found| (found.1.id, found)).collect(),
            views: views.map(|found| (found.1.id, found)).collect(),
        }
    }
}
