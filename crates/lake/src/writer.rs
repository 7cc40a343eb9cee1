//! Changes of the rows of one table by one statement.

mod append;
mod check;
mod file;
mod marks;
mod merge;
mod parquet;
mod sink;

use std::sync::Arc;

use arrow::array::{Array, Int64Array, RecordBatch, UInt64Array};
use arrow::compute::{filter_record_batch, is_not_null, is_null};

use crate::transaction::Inner;
use crate::{Content, Error, LakeTable, Part, Result, State, TableId};

use append::Appends;
pub(crate) use append::is_inline_safe;
pub(crate) use file::{FileWriter, Writing};
use marks::Marks;
pub(crate) use merge::left;
pub(crate) use parquet::{Finished, ParquetFile};

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
pub struct TableWriter {
    transaction: Arc<Inner>,
    /// What there was when it began.
    state: Arc<State>,
    table: LakeTable,
    marks: Marks,
    appends: Appends,
    written: Written,
}

impl TableWriter {
    pub(crate) async fn begin(transaction: Arc<Inner>, table: TableId) -> Result<Self> {
        let snapshot = transaction.snapshot();
        let state = Arc::clone(snapshot.state());
        let gone = || Error::not_found("the table does not exist any more");
        let found = state.table_of(table).ok_or_else(gone)?;
        let table = snapshot.table(&found.schema, &found.name).await?;
        let table = table.ok_or_else(gone)?;
        let marks = Marks::new(&transaction.lake, Arc::clone(&table.content));
        let appends = Appends::new(Arc::clone(&transaction), Arc::clone(&table.table));
        Ok(Self {
            transaction,
            state,
            table,
            marks,
            appends,
            written: Written::default(),
        })
    }

    /// The table as it was when the writing began: rows are deleted by their numbers in it.
    pub fn table(&self) -> &LakeTable {
        &self.table
    }

    /// Adds rows: all columns of the table in order, of exactly its Arrow types.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a null where none may be, with column and row; [`Error::Unsupported`] for a table that takes
    /// no rows; [`Error::Full`].
    pub async fn append(&mut self, batch: RecordBatch) -> Result<()> {
        let rows = batch.num_rows() as u64;
        self.check(&batch)?;
        self.appends.push(batch, None).await?;
        self.written.appended += rows;
        Ok(())
    }

    /// Gives rows new values: deletes them and adds their new versions under their row ids.
    ///
    /// # Errors
    /// As [`Self::append`]; [`Error::Invalid`] when a row comes twice.
    pub async fn update(
        &mut self,
        rows: &UInt64Array,
        row_ids: &Int64Array,
        batch: RecordBatch,
    ) -> Result<()> {
        self.check(&batch)?;
        if rows.len() != batch.num_rows() || row_ids.len() != batch.num_rows() {
            return Err(Error::invalid(format!(
                "{} rows with {} row ids are to get {} new versions",
                rows.len(),
                row_ids.len(),
                batch.num_rows()
            )));
        }
        let deleted = self.marks.delete(rows)?;
        if deleted != rows.len() as u64 {
            return Err(Error::invalid(format!(
                "a row of table {:?} is to be updated twice by one statement",
                self.table.table.name
            )));
        }
        self.written.deleted += deleted;
        self.written.appended += deleted;
        self.push_versions(row_ids, batch).await
    }

    /// Rows that the transaction itself has added have no row ids yet: they are added again as new ones.
    async fn push_versions(&mut self, row_ids: &Int64Array, batch: RecordBatch) -> Result<()> {
        if row_ids.null_count() == 0 {
            return self.appends.push(batch, Some(row_ids.clone())).await;
        }
        let known = is_not_null(row_ids).map_err(Error::internal)?;
        let unknown = is_null(row_ids).map_err(Error::internal)?;
        let fresh = filter_record_batch(&batch, &unknown).map_err(Error::internal)?;
        if fresh.num_rows() > 0 {
            self.appends.push(fresh, None).await?;
        }
        let versions = filter_record_batch(&batch, &known).map_err(Error::internal)?;
        if versions.num_rows() > 0 {
            let row_ids: Int64Array = row_ids.iter().flatten().map(Some).collect();
            self.appends.push(versions, Some(row_ids)).await?;
        }
        Ok(())
    }

    /// Deletes rows. Those that this writer has deleted already count no second time. How many were deleted.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a row that the table does not have; [`Error::Full`] when memory is.
    pub fn delete(&mut self, rows: &UInt64Array) -> Result<u64> {
        let deleted = self.marks.delete(rows)?;
        self.written.deleted += deleted;
        Ok(deleted)
    }

    /// Deletes all rows. How many there were.
    pub fn truncate(&mut self) -> u64 {
        let deleted = self.marks.delete_all();
        self.written.deleted += deleted;
        deleted
    }

    /// Makes the changes part of the transaction.
    ///
    /// # Errors
    /// [`Error::Unavailable`] or [`Error::Full`] when the last rows cannot be written.
    pub async fn finish(self) -> Result<Written> {
        let added = self.appends.finish().await?;
        if self.written == Written::default() {
            return Ok(self.written);
        }
        let mut parts: Vec<Part> = self.marks.finish();
        merge::push(&self.transaction, &self.table.table, &mut parts, added).await?;
        let (id, content) = (self.table.table.id, Content { parts });
        self.transaction.stage(id, &self.state, content)?;
        Ok(self.written)
    }

    fn check(&self, batch: &RecordBatch) -> Result<()> {
        check::rows(&self.table.table, batch, self.written.appended)
    }
}
