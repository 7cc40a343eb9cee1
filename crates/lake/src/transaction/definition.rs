//! What can be asked of a transaction besides changing rows.

use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;

use crate::TableId;

/// A change of what there is, not of rows.
#[derive(Debug, Clone, PartialEq)]
pub enum Definition {
    /// A new schema.
    CreateSchema {
        /// Its name.
        name: String,
    },
    /// A schema without tables and views; with them when it cascades.
    DropSchema {
        /// Its name.
        name: String,
        /// Whether what is in it goes too.
        cascade: bool,
    },
    /// A table less.
    DropTable {
        /// Which.
        table: TableId,
    },
    /// A table's new name, in its schema.
    RenameTable {
        /// Which.
        table: TableId,
        /// What it is to be called.
        to: String,
    },
    /// A column after all others.
    AddColumn {
        /// Whose.
        table: TableId,
        /// The column.
        column: NewColumn,
    },
    /// A column less. One that is in a key stays.
    DropColumn {
        /// Whose.
        table: TableId,
        /// Which.
        column: String,
    },
    /// A column's new name.
    RenameColumn {
        /// Whose.
        table: TableId,
        /// Which.
        column: String,
        /// What it is to be called.
        to: String,
    },
    /// A wider type: every value stays what it is.
    SetType {
        /// Whose.
        table: TableId,
        /// Which.
        column: String,
        /// The type.
        data_type: DataType,
    },
    /// What new rows get that say nothing about it.
    SetDefault {
        /// Whose.
        table: TableId,
        /// Which.
        column: String,
        /// An SQL expression; `None` is null.
        default: Option<String>,
    },
    /// Whether nulls are refused. Whoever asks for it has looked whether there are any.
    SetNotNull {
        /// Whose.
        table: TableId,
        /// Which.
        column: String,
        /// True: they are refused.
        not_null: bool,
    },
    /// A stored query, in place of one of that name if it replaces.
    CreateView {
        /// Where.
        schema: String,
        /// Its name.
        name: String,
        /// The query.
        sql: String,
        /// Names of its columns; empty for those of the query.
        aliases: Vec<String>,
        /// Whether one of that name makes place.
        replace: bool,
    },
    /// A stored query less.
    DropView {
        /// Where.
        schema: String,
        /// Its name.
        name: String,
    },
    /// A comment, or none.
    Comment {
        /// What it is about.
        on: Commented,
        /// The text; `None` takes it away.
        text: Option<String>,
    },
    /// Goes from now on by the number of the table that it was made anew from.
    SetOrigin {
        /// The table.
        table: TableId,
        /// What it goes by.
        origin: TableId,
    },
    /// Another user's from now on.
    SetOwner {
        /// What.
        of: Owned,
        /// Whose it is to be.
        owner: String,
    },
}

/// What can have a comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Commented {
    /// A schema, by its name.
    Schema(String),
    /// A table.
    Table(TableId),
    /// A column of a table.
    Column(TableId, String),
    /// A view: schema and name.
    View(String, String),
}

/// What belongs to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owned {
    /// A schema, by its name.
    Schema(String),
    /// A table.
    Table(TableId),
    /// A view: schema and name.
    View(String, String),
}

/// A column to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewColumn {
    /// Name, type, nullability.
    pub field: Field,
    /// What new rows get that say nothing about it, as an SQL expression; `None` is null.
    pub default: Option<String>,
    /// What rows that are there already get; null for most.
    pub initial: Option<ScalarValue>,
}

/// A table to be made.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTable {
    /// The schema, which is there.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// In order.
    pub columns: Vec<NewColumn>,
    /// PRIMARY KEY and UNIQUE: name, whether it is the primary one, and the columns' names.
    pub keys: Vec<(String, bool, Vec<String>)>,
    /// Whether a table of that name makes place, with its rows.
    pub replace: bool,
}
