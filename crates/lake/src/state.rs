//! What the catalog holds at one snapshot, without the rows.

mod default;
pub(crate) mod load;
pub(crate) mod quoted;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{FieldRef, SchemaRef};
use chrono::{DateTime, Utc};

use crate::{ColumnId, SchemaId, SnapshotId, TableId, ViewId};

/// Schemas, tables and views as of one snapshot. It never changes; a transaction changes a copy.
#[derive(Debug, Clone)]
pub struct State {
    /// The snapshot that it was read at.
    pub snapshot: SnapshotId,
    /// Changes with every change of schemas, tables and views; not with rows.
    pub schema_version: i64,
    /// By their names.
    pub schemas: BTreeMap<String, Arc<Schema>>,
}

/// A schema with what is in it.
#[derive(Debug, Clone)]
pub struct Schema {
    /// Its number.
    pub id: SchemaId,
    /// Its name.
    pub name: String,
    /// Where its tables' files are, relative to the data path, with a slash at the end; absolute where it has a scheme
    /// or begins with a slash.
    pub path: String,
    /// By their names.
    pub tables: BTreeMap<String, Arc<Table>>,
    /// By their names.
    pub views: BTreeMap<String, Arc<View>>,
    /// What `COMMENT ON` said.
    pub comment: Option<String>,
    /// The user who made it, or to whom it was given; `None` where another program made it.
    pub owner: Option<String>,
}

/// A table, without its rows.
#[derive(Debug, Clone)]
pub struct Table {
    /// Its number.
    pub id: TableId,
    /// The schema it is in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Where its files are, relative to the data path (the schema's path is part of it), with a slash at the end;
    /// absolute where it has a scheme or begins with a slash.
    pub path: String,
    /// In order.
    pub columns: Vec<Column>,
    /// The greatest number that any column of it ever had, of nested ones too. No number is given twice.
    pub last_column: ColumnId,
    /// The columns as Arrow fields, in order: what every scan gives and every append takes.
    pub arrow: SchemaRef,
    /// PRIMARY KEY and UNIQUE, the primary key first.
    pub keys: Vec<Key>,
    /// What `COMMENT ON` said.
    pub comment: Option<String>,
    /// The user who made it, or to whom it was given; `None` where another program made it.
    pub owner: Option<String>,
    /// The number of the table that a restoration made this one anew from, or of that one's own: what was said of who may
    /// do what with it goes on for this one.
    pub origin: Option<TableId>,
    /// Of the newest row of `ducklake_schema_versions` for the table; names the table for inlined rows.
    pub schema_version: i64,
    /// Whether it is partitioned or sorted, or has files that are encrypted: then Godwit reads it and adds no rows.
    pub read_only: Option<String>,
}

/// A column of a table, or of a nested column.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its number, which files know it by.
    pub id: ColumnId,
    /// Name, Arrow type and nullability as users see them.
    pub field: FieldRef,
    /// The type's name in the catalog: `int32`, `decimal(10,2)`, `list` …
    pub stored: String,
    /// What rows of older files have in this column, as text of the catalog; `None` is null.
    pub initial_default: Option<String>,
    /// What new rows get that say nothing about it, as an SQL expression of this server; `None` is null.
    pub default: Option<String>,
    /// What `COMMENT ON` said.
    pub comment: Option<String>,
    /// The element of a list, the fields of a struct, key and value of a map.
    pub children: Vec<Column>,
}

/// Columns whose values together are unique.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Key {
    /// What the statement called it, or a name made for it.
    pub name: String,
    /// Whether it is the primary key; its columns are not null.
    pub primary: bool,
    /// The columns, by the numbers that they keep when they are renamed.
    pub columns: Vec<i64>,
}

/// A stored query.
#[derive(Debug, Clone)]
pub struct View {
    /// Its number.
    pub id: ViewId,
    /// The schema it is in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// The query's text.
    pub sql: String,
    /// Whose SQL it is: `godwit` or `duckdb`.
    pub dialect: String,
    /// Names for its columns; empty when they are called as in the query.
    pub aliases: Vec<String>,
    /// What `COMMENT ON` said.
    pub comment: Option<String>,
    /// The user who made it, or to whom it was given; `None` where another program made it.
    pub owner: Option<String>,
}

/// A snapshot as the catalog lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// Its number.
    pub id: SnapshotId,
    /// When it was committed.
    pub time: DateTime<Utc>,
    /// The schema version that it has.
    pub schema_version: i64,
    /// What the commit did, in the catalog's words: `inserted_into_table:3` …
    pub changes: String,
    /// Who committed, where that is known.
    pub author: Option<String>,
    /// What the commit says about itself.
    pub message: Option<String>,
}

impl State {
    /// A table by its name.
    pub fn table(&self, schema: &str, name: &str) -> Option<&Arc<Table>> {
        self.schemas.get(schema)?.tables.get(name)
    }

    /// A table by its number.
    pub fn table_of(&self, id: TableId) -> Option<&Arc<Table>> {
        let mut tables = self
            .schemas
            .values()
            .flat_map(|schema| schema.tables.values());
        tables.find(|table| table.id == id)
    }

    /// A view by its name.
    pub fn view(&self, schema: &str, name: &str) -> Option<&Arc<View>> {
        self.schemas.get(schema)?.views.get(name)
    }
}

impl Table {
    /// The number that others know it by for good: a table that was made anew goes by the one that it was made from.
    pub fn known_by(&self) -> TableId {
        self.origin.unwrap_or(self.id)
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns
            .iter()
            .find(|column| column.field.name() == name)
    }
}
