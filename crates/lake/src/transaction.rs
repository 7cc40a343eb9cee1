use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, UInt64Array};
use arrow::datatypes::{DataType, Field};
use datafusion::common::ScalarValue;

use crate::{Key, LakeTable, Result, Snapshot, SnapshotId, TableId};

/// Changes that are to be committed together. It sees the lake as it was at its beginning, with its own changes.
/// A clone is the same transaction. One statement at a time may change it; whoever owns it sees to that.
///
/// When the last clone is dropped without a commit, it is rolled back.
#[derive(Debug, Clone)]
pub struct Transaction {}

/// A mark to go back to.
#[derive(Debug, Clone)]
pub struct Savepoint {}

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

/// What a writer did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Rows added, new versions of updated rows included.
    pub appended: u64,
    /// Rows deleted, old versions of updated rows included.
    pub deleted: u64,
}

/// One statement's changes of the rows of one table. They become part of the transaction at [`TableWriter::finish`]; dropped
/// before, nothing has happened.
#[derive(Debug)]
pub struct TableWriter {}

impl Transaction {
    /// The commit that it began with.
    pub fn base(&self) -> SnapshotId {
        unimplemented!()
    }

    /// The lake as the transaction sees it now.
    pub fn snapshot(&self) -> Snapshot {
        unimplemented!()
    }

    /// Whether it has changed anything.
    pub fn is_changed(&self) -> bool {
        unimplemented!()
    }

    /// Makes a table without rows.
    ///
    /// # Errors
    /// [`crate::Error::AlreadyExists`]; [`crate::Error::NotFound`] for the schema; [`crate::Error::Unsupported`] for a type that the
    /// lake cannot keep, by name.
    pub fn create_table(&self, table: NewTable) -> Result<TableId> {
        let _ = table;
        unimplemented!()
    }

    /// Changes what there is.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`], [`crate::Error::AlreadyExists`], [`crate::Error::Invalid`], [`crate::Error::Unsupported`].
    pub fn define(&self, definition: Definition) -> Result<()> {
        let _ = definition;
        unimplemented!()
    }

    /// Begins to change the rows of a table.
    pub async fn write(&self, table: TableId) -> Result<TableWriter> {
        let _ = table;
        unimplemented!()
    }

    /// A mark to go back to.
    pub fn savepoint(&self) -> Savepoint {
        unimplemented!()
    }

    /// Takes back what was changed since the mark.
    pub fn rollback_to(&self, savepoint: &Savepoint) {
        let _ = savepoint;
        unimplemented!()
    }

    /// Makes all changes durable at once. Without changes no snapshot is made.
    ///
    /// # Errors
    /// [`crate::Error::Conflict`] when another transaction committed first; [`crate::Error::Unavailable`].
    pub async fn commit(self) -> Result<SnapshotId> {
        unimplemented!()
    }

    /// Forgets all changes and removes their files.
    pub async fn rollback(self) {
        unimplemented!()
    }
}

impl TableWriter {
    /// The table as it was when the writing began: rows are deleted by their numbers in it.
    pub fn table(&self) -> &LakeTable {
        unimplemented!()
    }

    /// Adds rows: all columns of the table in order, of exactly its Arrow types.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for a null where none may be, with column and row.
    pub async fn append(&mut self, batch: RecordBatch) -> Result<()> {
        let _ = batch;
        unimplemented!()
    }

    /// Gives rows new values: deletes them and adds their new versions under their row ids.
    ///
    /// # Errors
    /// As [`Self::append`]; [`crate::Error::Invalid`] when a row comes twice.
    pub async fn update(
        &mut self,
        rows: &UInt64Array,
        row_ids: &Int64Array,
        batch: RecordBatch,
    ) -> Result<()> {
        let _ = (rows, row_ids, batch);
        unimplemented!()
    }

    /// Deletes rows. Those that this writer has deleted already count no second time. How many were deleted.
    pub fn delete(&mut self, rows: &UInt64Array) -> Result<u64> {
        let _ = rows;
        unimplemented!()
    }

    /// Deletes all rows. How many there were.
    pub fn truncate(&mut self) -> u64 {
        unimplemented!()
    }

    /// Makes the changes part of the transaction.
    pub async fn finish(self) -> Result<Written> {
        unimplemented!()
    }
}

/// Keeps [`Key`] and [`Arc`] in use until this is filled in.
#[doc(hidden)]
pub type _Unused = Arc<Key>;
