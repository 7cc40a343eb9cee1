//! What the catalog knows of all rows that a table ever had.

use std::collections::HashMap;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};

use super::values::{number, text, truth};
use super::{Changes, Commit};
use crate::{Column, ColumnId, ColumnStats, DataFile, Error, Result, Table, stats, types};

/// The statistics of a table while rows are added to it.
#[derive(Debug)]
pub(super) struct TableStats {
    id: i64,
    /// Whether the catalog has a row for the table.
    is_known: bool,
    rows: i64,
    next_row_id: i64,
    file_bytes: i64,
    columns: HashMap<ColumnId, Known>,
}

/// What is known of a column.
#[derive(Debug)]
struct Known {
    stats: ColumnStats,
    has_nulls: Option<bool>,
}

impl TableStats {
    /// The first of so many row ids.
    pub(super) fn take_row_ids(&mut self, rows: u64) -> i64 {
        let first = self.next_row_id;
        self.next_row_id += i64::try_from(rows).unwrap_or(i64::MAX);
        first
    }

    pub(super) fn add_file(&mut self, table: &Table, file: &DataFile) -> Result<()> {
        self.rows += i64::try_from(file.rows).map_err(Error::internal)?;
        self.file_bytes += i64::try_from(file.bytes).map_err(Error::internal)?;
        let stats = file.stats.iter().map(|stats| (stats.column, stats));
        self.add(table, &stats.collect());
        Ok(())
    }

    pub(super) fn add_rows(&mut self, table: &Table, batch: &RecordBatch) -> Result<()> {
        self.rows += i64::try_from(batch.num_rows()).map_err(Error::internal)?;
        let columns = table.columns.iter().zip(batch.columns());
        let columns = columns.map(|(column, array)| types::to_file(array, column));
        let columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        let fields = columns.iter().enumerate();
        let fields =
            fields.map(|(at, array)| Field::new(at.to_string(), array.data_type().clone(), true));
        let schema = Schema::new(fields.collect::<Vec<_>>());
        let batch = RecordBatch::try_new(schema.into(), columns).map_err(Error::internal)?;
        let stats = stats::of_rows(&table.columns, &batch)?;
        let stats = stats.iter().map(|stats| (stats.column, stats));
        self.add(table, &stats.collect());
        Ok(())
    }

    fn add(&mut self, table: &Table, added: &HashMap<ColumnId, &ColumnStats>) {
        for column in stats::leaves(&table.columns) {
            let Some(known) = self.columns.get_mut(&column.id) else {
                continue;
            };
            let unknown = unknown(column.id);
            let added = added.get(&column.id).copied().unwrap_or(&unknown);
            known.stats = stats::merge(&known.stats, added, column);
            known.has_nulls = match (known.has_nulls, added.nulls.map(|nulls| nulls > 0)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
        }
    }
}

fn unknown(column: ColumnId) -> ColumnStats {
    ColumnStats {
        column,
        bytes: None,
        values: None,
        nulls: None,
        min: None,
        max: None,
        has_nan: None,
    }
}

impl Known {
    /// Of a column without rows.
    fn nothing(column: &Column) -> Self {
        let is_float = matches!(column.stored.as_str(), "float32" | "float64");
        Self {
            stats: ColumnStats {
                values: Some(0),
                has_nan: is_float.then_some(false),
                ..unknown(column.id)
            },
            has_nulls: Some(false),
        }
    }
}

impl Commit<'_> {
    /// After a compaction: the rows that files hold now were counted before.
    pub(super) async fn recount(&mut self, changes: &Changes) -> Result<()> {
        for rows in &changes.rows {
            let id = rows.table.id;
            let live =
                format!("FROM ducklake_data_file WHERE table_id = {id} AND end_snapshot IS NULL");
            let sql = format!(
                "UPDATE ducklake_table_stats SET record_count = (SELECT COALESCE(SUM(record_count), 0) {live}), \
                 file_size_bytes = (SELECT COALESCE(SUM(file_size_bytes), 0) {live}) WHERE table_id = {id}"
            );
            self.writing.execute(&sql, &[]).await?;
        }
        Ok(())
    }

    /// The statistics before the commit. A column that was added to a table with rows has none: nobody knows what these
    /// rows add to it.
    pub(super) async fn table_stats(&mut self, table: &Table) -> Result<TableStats> {
        let id = self.numbers.table(table.id);
        let sql = format!(
            "SELECT record_count, next_row_id, file_size_bytes FROM ducklake_table_stats WHERE table_id = {id}"
        );
        let rows = self.writing.query(&sql, &[]).await?;
        let Some(row) = rows.first() else {
            let leaves = stats::leaves(&table.columns).into_iter();
            return Ok(TableStats {
                id,
                is_known: false,
                rows: 0,
                next_row_id: 0,
                file_bytes: 0,
                columns: leaves.map(|leaf| (leaf.id, Known::nothing(leaf))).collect(),
            });
        };
        Ok(TableStats {
            id,
            is_known: true,
            rows: row.opt_int(0)?.unwrap_or_default(),
            next_row_id: row.int(1)?,
            file_bytes: row.opt_int(2)?.unwrap_or_default(),
            columns: self.column_stats(id).await?,
        })
    }

    async fn column_stats(&mut self, id: i64) -> Result<HashMap<ColumnId, Known>> {
        let sql = format!(
            "SELECT column_id, contains_null, contains_nan, min_value, max_value FROM ducklake_table_column_stats \
             WHERE table_id = {id}"
        );
        let mut columns = HashMap::new();
        for row in self.writing.query(&sql, &[]).await? {
            let column = ColumnId(row.int(0)?);
            let stats = ColumnStats {
                min: row.opt_text(3)?.map(str::to_owned),
                max: row.opt_text(4)?.map(str::to_owned),
                has_nan: row.opt_int(2)?.map(|has_nan| has_nan != 0),
                ..unknown(column)
            };
            let has_nulls = row.opt_int(1)?.map(|has_nulls| has_nulls != 0);
            columns.insert(column, Known { stats, has_nulls });
        }
        Ok(columns)
    }

    pub(super) async fn write_stats(&mut self, stats: TableStats) -> Result<()> {
        let (id, rows, next, bytes) = (stats.id, stats.rows, stats.next_row_id, stats.file_bytes);
        let sql = match stats.is_known {
            true => format!(
                "UPDATE ducklake_table_stats SET record_count = {rows}, next_row_id = {next}, file_size_bytes = {bytes} \
                 WHERE table_id = {id}"
            ),
            false => format!(
                "INSERT INTO ducklake_table_stats(table_id, record_count, next_row_id, file_size_bytes) \
                 VALUES ({id}, {rows}, {next}, {bytes})"
            ),
        };
        self.writing.execute(&sql, &[]).await?;
        for (column, known) in &stats.columns {
            let has_nulls = truth(known.has_nulls);
            let has_nan = truth(known.stats.has_nan);
            let column = number(Some(column.0));
            let sql = match stats.is_known {
                true => format!(
                    "UPDATE ducklake_table_column_stats SET contains_null = {has_nulls}, contains_nan = {has_nan}, \
                     min_value = $1, max_value = $2 WHERE table_id = {id} AND column_id = {column}"
                ),
                false => format!(
                    "INSERT INTO ducklake_table_column_stats(table_id, column_id, contains_null, contains_nan, min_value, \
                     max_value) VALUES ({id}, {column}, {has_nulls}, {has_nan}, $1, $2)"
                ),
            };
            let bounds = [
                text(known.stats.min.as_deref()),
                text(known.stats.max.as_deref()),
            ];
            self.writing.execute(&sql, &bounds).await?;
        }
        Ok(())
    }
}
