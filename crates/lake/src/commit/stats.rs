//! What the catalog knows of all rows that a table ever had.

use std::collections::HashMap;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::datatypes::{Field, Schema};

use super::values::{text, truth};
use super::{Changes, Commit, KeptTable};
use crate::database::{Value, Writing};
use crate::{Column, ColumnId, ColumnStats, DataFile, Error, Result, Table, stats, types};

/// The statistics of a table while rows are added to it.
#[derive(Debug, Clone)]
pub(super) struct TableStats {
    id: i64,
    /// Whether the catalog has a row for the table.
    is_known: bool,
    /// Whether they differ from the catalog's.
    is_changed: bool,
    rows: i64,
    next_row_id: i64,
    file_bytes: i64,
    columns: HashMap<ColumnId, Known>,
}

/// What is known of a column.
#[derive(Debug, Clone)]
struct Known {
    stats: ColumnStats,
    has_nulls: Option<bool>,
    /// Whether it differs from the catalog's.
    is_changed: bool,
}

impl TableStats {
    /// The first of so many row ids.
    pub(super) fn take_row_ids(&mut self, rows: u64) -> i64 {
        let first = self.next_row_id;
        self.next_row_id += i64::try_from(rows).unwrap_or(i64::MAX);
        first
    }

    /// As the catalog has them now.
    fn settled(&mut self) {
        self.is_known = true;
        self.is_changed = false;
        self.columns
            .values_mut()
            .for_each(|known| known.is_changed = false);
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
        self.is_changed = true;
        for column in stats::leaves(&table.columns) {
            let Some(known) = self.columns.get_mut(&column.id) else {
                continue;
            };
            let unknown = unknown(column.id);
            let added = added.get(&column.id).copied().unwrap_or(&unknown);
            let merged = stats::merge(&known.stats, added, column);
            let has_nulls = match (known.has_nulls, added.nulls.map(|nulls| nulls > 0)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            };
            let before = (&known.stats, known.has_nulls);
            known.is_changed |= said(before) != said((&merged, has_nulls));
            known.stats = merged;
            known.has_nulls = has_nulls;
        }
    }
}

/// What the catalog says of a column.
fn said(
    (stats, has_nulls): (&ColumnStats, Option<bool>),
) -> (Option<&str>, Option<&str>, Option<bool>, Option<bool>) {
    let (min, max) = (stats.min.as_deref(), stats.max.as_deref());
    (min, max, stats.has_nan, has_nulls)
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
            is_changed: false,
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

    /// What is known of a table before rows are added to it.
    pub(super) async fn table(&mut self, table: &Table) -> Result<KeptTable> {
        let id = self.numbers.table(table.id);
        if let Some(kept) = self.tables.get(&id).or_else(|| self.memory.table(id)) {
            return Ok(kept.clone());
        }
        Ok(KeptTable {
            stats: self.table_stats(id, table).await?,
            inlined: None,
        })
    }

    /// The statistics before the commit. A column that was added to a table with rows has none: nobody knows what these
    /// rows add to it.
    async fn table_stats(&mut self, id: i64, table: &Table) -> Result<TableStats> {
        let sql = "SELECT record_count, next_row_id, file_size_bytes FROM ducklake_table_stats WHERE table_id = $1";
        let rows = self.writing.query(sql, &[id.into()]).await?;
        let Some(row) = rows.first() else {
            let leaves = stats::leaves(&table.columns).into_iter();
            return Ok(TableStats {
                id,
                is_known: false,
                is_changed: false,
                rows: 0,
                next_row_id: 0,
                file_bytes: 0,
                columns: leaves.map(|leaf| (leaf.id, Known::nothing(leaf))).collect(),
            });
        };
        Ok(TableStats {
            id,
            is_known: true,
            is_changed: false,
            rows: row.opt_int(0)?.unwrap_or_default(),
            next_row_id: row.int(1)?,
            file_bytes: row.opt_int(2)?.unwrap_or_default(),
            columns: self.column_stats(id).await?,
        })
    }

    async fn column_stats(&mut self, id: i64) -> Result<HashMap<ColumnId, Known>> {
        let sql = "SELECT column_id, contains_null, contains_nan, min_value, max_value FROM ducklake_table_column_stats \
                   WHERE table_id = $1";
        let mut columns = HashMap::new();
        for row in self.writing.query(sql, &[id.into()]).await? {
            let column = ColumnId(row.int(0)?);
            let stats = ColumnStats {
                min: row.opt_text(3)?.map(str::to_owned),
                max: row.opt_text(4)?.map(str::to_owned),
                has_nan: row.opt_int(2)?.map(|has_nan| has_nan != 0),
                ..unknown(column)
            };
            let known = Known {
                stats,
                has_nulls: row.opt_int(1)?.map(|has_nulls| has_nulls != 0),
                is_changed: false,
            };
            columns.insert(column, known);
        }
        Ok(columns)
    }
}

impl TableStats {
    /// Writes what differs from the catalog.
    pub(super) async fn write(&mut self, writing: &mut Writing) -> Result<()> {
        if !self.is_changed {
            return Ok(());
        }
        let sql = match self.is_known {
            true => {
                "UPDATE ducklake_table_stats SET record_count = $1, next_row_id = $2, file_size_bytes = $3 WHERE table_id = $4"
            }
            false => {
                "INSERT INTO ducklake_table_stats(record_count, next_row_id, file_size_bytes, table_id) VALUES ($1, $2, $3, $4)"
            }
        };
        let figures = [self.rows, self.next_row_id, self.file_bytes, self.id];
        writing.execute(sql, &figures.map(Value::Int)).await?;
        for (column, known) in &self.columns {
            if known.is_changed || !self.is_known {
                known
                    .write(writing, (self.id, *column), self.is_known)
                    .await?;
            }
        }
        self.settled();
        Ok(())
    }
}

impl Known {
    async fn write(
        &self,
        writing: &mut Writing,
        (table, column): (i64, ColumnId),
        is_there: bool,
    ) -> Result<()> {
        let (has_nulls, has_nan) = (truth(self.has_nulls), truth(self.stats.has_nan));
        let sql = match is_there {
            true => format!(
                "UPDATE ducklake_table_column_stats SET contains_null = {has_nulls}, contains_nan = {has_nan}, \
                 min_value = $1, max_value = $2 WHERE table_id = $3 AND column_id = $4"
            ),
            false => format!(
                "INSERT INTO ducklake_table_column_stats(contains_null, contains_nan, min_value, max_value, table_id, \
                 column_id) VALUES ({has_nulls}, {has_nan}, $1, $2, $3, $4)"
            ),
        };
        let parameters = [
            text(self.stats.min.as_deref()),
            text(self.stats.max.as_deref()),
            table.into(),
            column.0.into(),
        ];
        writing.execute(&sql, &parameters).await?;
        Ok(())
    }
}
