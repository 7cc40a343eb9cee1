//! What a commit says about itself, in DuckDB's words: others look there for conflicts.

use super::Changes;
use super::deletes::Prepared;
use super::numbers::Numbers;

pub(super) fn of(changes: &Changes, deletes: &Prepared, numbers: &Numbers) -> String {
    let mut words = Vec::new();
    definitions(changes, numbers, &mut words);
    for (rows, deletes) in changes.rows.iter().zip(&deletes.tables) {
        let table = numbers.table(rows.table.id);
        let mut say = |is_so: bool, word: &str| {
            if is_so {
                words.push(format!("{word}:{table}"));
            }
        };
        let in_files = !rows.ended_files.is_empty() || deletes.has_files();
        let in_catalog = !rows.ended_rows.is_empty() || deletes.has_rows();
        say(!rows.files.is_empty(), "inserted_into_table");
        say(in_files, "deleted_from_table");
        say(!rows.inlined.is_empty(), "inlined_insert");
        say(in_catalog, "inlined_delete");
    }
    words.join(",")
}

/// Rows are where they were not before, and are the same.
pub(super) fn of_compaction(changes: &Changes) -> String {
    let mut words = Vec::new();
    for rows in &changes.rows {
        let id = rows.table.id;
        if !rows.ended_files.is_empty() {
            words.push(format!("merge_adjacent:{id}"));
        }
        if !rows.ended_rows.is_empty() {
            words.push(format!("inline_flush:{id}"));
        }
    }
    words.join(",")
}

fn definitions(changes: &Changes, numbers: &Numbers, words: &mut Vec<String>) {
    let changes = &changes.definitions;
    let dropped = changes.dropped_schemas.iter();
    words.extend(dropped.map(|schema| format!("dropped_schema:{}", schema.id)));
    let dropped = changes.dropped_tables.iter();
    words.extend(dropped.map(|table| format!("dropped_table:{}", table.id)));
    let dropped = changes.dropped_views.iter();
    words.extend(dropped.map(|view| format!("dropped_view:{}", view.id)));
    let created = changes.created_schemas.iter();
    words.extend(created.map(|schema| format!("created_schema:{}", quoted(&schema.name))));
    let created = changes.created_tables.iter().map(|(_, table)| table);
    // A new name is a creation too, for those who would take the same.
    let renamed = changes.altered_tables.iter();
    let renamed = renamed.filter(|(old, new)| old.name != new.name);
    for table in created.chain(renamed.map(|(_, new)| new)) {
        words.push(created_in("table", &table.schema, &table.name));
    }
    for (_, view) in &changes.created_views {
        words.push(created_in("view", &view.schema, &view.name));
    }
    for (_, table) in &changes.altered_tables {
        words.push(format!("altered_table:{}", numbers.table(table.id)));
    }
    for (_, view) in &changes.altered_views {
        words.push(format!("altered_view:{}", view.id));
    }
}

fn created_in(kind: &str, schema: &str, name: &str) -> String {
    format!("created_{kind}:{}.{}", quoted(schema), quoted(name))
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
