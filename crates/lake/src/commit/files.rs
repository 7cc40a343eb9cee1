//! Rows of files and of what is in them.

use std::sync::Arc;

use arrow::array::Int64Array;

use super::deletes::TableDeletes;
use super::rows::RowChanges;
use super::values::{number, text, truth};
use super::{Added, Commit};
use crate::{ColumnStats, DataFile, Error, Result};

impl Commit<'_> {
    /// Everything about the rows of one table.
    pub(super) async fn rows(
        &mut self,
        changes: &RowChanges,
        deletes: &TableDeletes,
    ) -> Result<()> {
        let table = &changes.table;
        let id = self.numbers.table(table.id);
        for file in &changes.ended_files {
            self.end_file(changes, file.0).await?;
        }
        for (name, row_ids) in &changes.ended_rows {
            self.end_rows(table, name, row_ids).await?;
        }
        for (file, deletes) in &deletes.old {
            self.expect_file(changes, file.0).await?;
            self.deletes(id, &table.path, file.0, deletes).await?;
        }
        if !changes.inserts_rows() {
            return Ok(());
        }
        let is_only_added = changes.is_only_added();
        let mut kept = self.table(table).await?;
        for (new, deletes) in changes.files.iter().zip(&deletes.new) {
            let first = kept.stats.take_row_ids(new.file.rows);
            let file = self.new_file(changes, &new.file, first).await?;
            kept.stats.add_file(table, &new.file)?;
            if let Some(deletes) = deletes {
                self.deletes(id, &table.path, file, deletes).await?;
            }
        }
        for (batch, row_ids) in &changes.inlined {
            let rows = batch.num_rows() as u64;
            let row_ids = match row_ids {
                Some(row_ids) => row_ids.clone(),
                None => {
                    let first = kept.stats.take_row_ids(rows);
                    Int64Array::from_iter_values(
                        (0..batch.num_rows() as i64).map(|row| first + row),
                    )
                }
            };
            let name = self.insert_rows(table, &mut kept, batch, &row_ids).await?;
            kept.stats.add_rows(table, batch)?;
            if is_only_added {
                self.added.push(Added {
                    table: Arc::clone(table),
                    name,
                    row_ids,
                    batch: batch.clone(),
                });
            }
        }
        if !self.defers {
            kept.stats.write(self.writing).await?;
        }
        self.tables.insert(id, kept);
        Ok(())
    }

    async fn new_file(&mut self, changes: &RowChanges, file: &DataFile, first: i64) -> Result<i64> {
        let id = self.numbers.file();
        let table = self.numbers.table(changes.table.id);
        let (path, is_relative) = relative(&changes.table.path, &file.path);
        let footer = file
            .footer_bytes
            .and_then(|bytes| i64::try_from(bytes).ok());
        let sql = format!(
            "INSERT INTO ducklake_data_file(data_file_id, table_id, begin_snapshot, path, path_is_relative, file_format, \
             record_count, file_size_bytes, footer_size, row_id_start) \
             VALUES ({id}, {table}, {}, $1, {is_relative}, 'parquet', {}, {}, {}, {first})",
            self.numbers.snapshot,
            file.rows,
            file.bytes,
            number(footer)
        );
        self.writing.execute(&sql, &[path.into()]).await?;
        for stats in file.stats.iter() {
            self.file_stats(id, table, stats).await?;
        }
        Ok(id)
    }

    async fn file_stats(&mut self, file: i64, table: i64, stats: &ColumnStats) -> Result<()> {
        let sql = format!(
            "INSERT INTO ducklake_file_column_stats(data_file_id, table_id, column_id, column_size_bytes, value_count, \
             null_count, min_value, max_value, contains_nan) VALUES ({file}, {table}, {}, {}, {}, {}, $1, $2, {})",
            stats.column,
            number(stats.bytes),
            number(stats.values),
            number(stats.nulls),
            truth(stats.has_nan)
        );
        let parameters = [text(stats.min.as_deref()), text(stats.max.as_deref())];
        self.writing.execute(&sql, &parameters).await?;
        Ok(())
    }

    /// Ends a file of which no row is left, and what was deleted of it.
    async fn end_file(&mut self, changes: &RowChanges, file: i64) -> Result<()> {
        let snapshot = self.numbers.snapshot;
        let end = |rows: &str| {
            format!(
                "UPDATE {rows} SET end_snapshot = {snapshot} WHERE data_file_id = {file} AND end_snapshot IS NULL"
            )
        };
        if self
            .writing
            .execute(&end("ducklake_data_file"), &[])
            .await?
            != 1
        {
            return Err(gone(changes));
        }
        self.writing
            .execute(&end("ducklake_delete_file"), &[])
            .await?;
        Ok(())
    }

    /// Whether a file of which rows are deleted is still there.
    async fn expect_file(&mut self, changes: &RowChanges, file: i64) -> Result<()> {
        let sql = format!(
            "SELECT 1 FROM ducklake_data_file WHERE data_file_id = {file} AND end_snapshot IS NULL"
        );
        match self.writing.query(&sql, &[]).await?.is_empty() {
            true => Err(gone(changes)),
            false => Ok(()),
        }
    }
}

/// The words of others are looked at first; this is for those who left none.
fn gone(changes: &RowChanges) -> Error {
    Error::conflict(format!(
        "another transaction committed first: a file of table \"{}\".\"{}\" is not there any more; nothing of this one was \
         kept, and it can be tried again",
        changes.table.schema, changes.table.name
    ))
}

/// A path below another one, and whether it is: `true` or `false`.
pub(super) fn relative<'a>(above: &str, path: &'a str) -> (&'a str, &'static str) {
    match path.strip_prefix(above) {
        Some(below) => (below, "true"),
        None => (path, "false"),
    }
}
