//! What a transaction touches, to be compared with what others did.

use std::collections::{HashMap, HashSet};

use super::Changes;
use super::theirs::Theirs;

/// Numbers of what was there before, and names of what is new.
#[derive(Debug, Default)]
pub(super) struct Mine {
    /// Tables, with what is done to them.
    tables: HashMap<i64, Touched>,
    views: HashSet<i64>,
    dropped_schemas: HashMap<i64, String>,
    /// Schemas that something is made or changed in.
    used_schemas: HashMap<i64, String>,
    /// Names in lower case, as all below: two that differ in case are one.
    created_schemas: HashSet<String>,
    created: HashSet<(String, String)>,
}

#[derive(Debug, Default)]
struct Touched {
    name: String,
    inserts: bool,
    deletes: bool,
    alters: bool,
    /// Whether rows that others add may contradict it: keys, or a column that has no nulls any more.
    minds_inserts: bool,
}

impl Mine {
    pub(super) fn of(changes: &Changes) -> Self {
        let mut mine = Self::default();
        for rows in &changes.rows {
            let table = &rows.table;
            let touched = mine.table(table.id.0, &table.schema, &table.name);
            touched.inserts = rows.inserts_rows();
            touched.deletes = rows.deletes_rows();
            touched.minds_inserts = !table.keys.is_empty();
        }
        mine.definitions(changes);
        mine
    }

    fn definitions(&mut self, changes: &Changes) {
        let changes = &changes.definitions;
        for (old, new) in &changes.altered_tables {
            let touched = self.table(old.id.0, &old.schema, &old.name);
            touched.alters = true;
            touched.minds_inserts |= new.columns.iter().any(|column| {
                let mut before = old.columns.iter();
                let before = before.find(|before| before.id == column.id);
                !column.field.is_nullable() && before.is_none_or(|old| old.field.is_nullable())
            });
            if old.name != new.name {
                self.created.insert(lower(&new.schema, &new.name));
            }
        }
        for table in &changes.dropped_tables {
            self.table(table.id.0, &table.schema, &table.name);
        }
        let views = changes.dropped_views.iter();
        let views = views.chain(changes.altered_views.iter().map(|(_, view)| view));
        self.views.extend(views.map(|view| view.id.0));
        for schema in &changes.dropped_schemas {
            self.dropped_schemas
                .insert(schema.id.0, schema.name.clone());
        }
        for schema in &changes.created_schemas {
            self.created_schemas.insert(schema.name.to_lowercase());
        }
        for (schema, table) in &changes.created_tables {
            self.used_schemas.insert(schema.id.0, schema.name.clone());
            self.created.insert(lower(&table.schema, &table.name));
        }
        for (schema, view) in &changes.created_views {
            self.used_schemas.insert(schema.id.0, schema.name.clone());
            self.created.insert(lower(&view.schema, &view.name));
        }
        for (schema, _) in &changes.altered_schemas {
            self.used_schemas.insert(schema.id.0, schema.name.clone());
        }
    }

    fn table(&mut self, id: i64, schema: &str, name: &str) -> &mut Touched {
        let touched = self.tables.entry(id).or_default();
        if touched.name.is_empty() {
            touched.name = format!("\"{schema}\".\"{name}\"");
        }
        touched
    }

    /// What of it a change of another commit excludes, in words; `None` when both can be.
    pub(super) fn against(&self, theirs: &Theirs) -> Option<String> {
        match theirs {
            Theirs::Nothing => None,
            Theirs::Unknown(word) => Some(format!(
                "the lake was changed in a way that this server does not know ({word})"
            )),
            Theirs::CreatedSchema(name) => {
                let is_mine = self.created_schemas.contains(&name.to_lowercase());
                is_mine.then(|| format!("schema {name:?} was created"))
            }
            Theirs::Created(schema, name) => self.against_created(schema, name),
            Theirs::DroppedSchema(id) => {
                let schemas = [&self.used_schemas, &self.dropped_schemas];
                let name = schemas.iter().find_map(|schemas| schemas.get(id))?;
                Some(format!("schema {name:?} was dropped"))
            }
            Theirs::View(id) => {
                let is_mine = self.views.contains(id);
                is_mine.then(|| "a view was changed or dropped that it changes".to_owned())
            }
            Theirs::Inserted(id) => self.against_table(*id, "got new rows", |mine| {
                mine.minds_inserts && (mine.inserts || mine.deletes || mine.alters)
            }),
            Theirs::Deleted(id) => {
                self.against_table(*id, "lost rows, or rows of it were updated", |mine| {
                    mine.deletes || (mine.minds_inserts && mine.inserts)
                })
            }
            Theirs::AlteredTable(id) => self.against_table(*id, "was altered", |_| true),
            Theirs::DroppedTable(id) => self.against_table(*id, "was dropped", |_| true),
            Theirs::Compacted(id) => {
                self.against_table(*id, "got its files put together", |mine| mine.deletes)
            }
        }
    }

    fn against_created(&self, schema: &str, name: &str) -> Option<String> {
        let mut dropped = self.dropped_schemas.values();
        let is_inside = dropped.any(|dropped| dropped.eq_ignore_ascii_case(schema));
        let is_mine = is_inside || self.created.contains(&lower(schema, name));
        is_mine.then(|| format!("\"{schema}\".\"{name}\" was created"))
    }

    fn against_table(
        &self,
        id: i64,
        what: &str,
        excludes: impl FnOnce(&Touched) -> bool,
    ) -> Option<String> {
        let mine = self.tables.get(&id)?;
        excludes(mine).then(|| format!("table {} {what}", mine.name))
    }
}

fn lower(schema: &str, name: &str) -> (String, String) {
    (schema.to_lowercase(), name.to_lowercase())
}
