//! Rows that the catalog itself holds, in tables with the columns of older versions of the table.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, RecordBatchOptions};

use super::rows::exists;
use crate::database::{Dialect, Reading, Row, Value};
use crate::scan::assemble::{assemble, initial};
use crate::state::load::columns_at;
use crate::{Column, Error, Inlined, Result, SnapshotId, Table, text, types};

/// The rows of one of the catalog's tables.
pub(super) struct InlinedRows {
    pub(super) rows: Inlined,
    /// The least row id.
    pub(super) first: i64,
    /// Tells these rows from all others.
    pub(super) mark: Mark,
}

/// Tells the rows of one of the catalog's tables from all others. What is added to it makes it what it would be if the rows
/// were read anew.
#[derive(Debug, Clone)]
pub(super) struct Mark(DefaultHasher);

impl Mark {
    fn new(table: &str) -> Self {
        let mut hasher = DefaultHasher::new();
        table.hash(&mut hasher);
        Self(hasher)
    }

    /// One more row, with the snapshot that it began to live at.
    pub(super) fn add(&mut self, row_id: i64, begin: i64) {
        (row_id, begin).hash(&mut self.0);
    }

    pub(super) fn value(&self) -> u64 {
        self.0.finish()
    }
}

/// All rows of a table that the catalog holds at a snapshot.
///
/// # Errors
/// [`Error::Broken`] for a text that is no value; [`Error::Unsupported`] for a type that has none.
pub(super) async fn read(
    reading: &mut Reading,
    dialect: Dialect,
    table: &Table,
    snapshot: SnapshotId,
) -> Result<Vec<InlinedRows>> {
    let versions = reading
        .query(
            "SELECT table_name, schema_version FROM ducklake_inlined_data_tables WHERE table_id = $1 ORDER BY schema_version",
            &[Value::Int(table.id.0)],
        )
        .await?;
    let mut all = Vec::new();
    for row in versions {
        let mut version = Version {
            reading: &mut *reading,
            dialect,
            table,
            snapshot,
            name: row.text(0)?.to_owned(),
        };
        all.extend(version.read(row.int(1)?).await?);
    }
    Ok(all)
}

/// One of the catalog's tables for rows of a table.
pub(crate) struct Version<'a> {
    pub(crate) reading: &'a mut Reading,
    pub(crate) dialect: Dialect,
    pub(crate) table: &'a Table,
    pub(crate) snapshot: SnapshotId,
    /// The catalog's table.
    pub(crate) name: String,
}

impl Version<'_> {
    async fn read(&mut self, schema_version: i64) -> Result<Option<InlinedRows>> {
        if !exists(self.reading, self.dialect, &self.name).await? {
            return Ok(None);
        }
        let columns = self.columns(schema_version).await?;
        let rows = self.rows(&columns).await?;
        if rows.is_empty() {
            return Ok(None);
        }
        let ids = rows
            .iter()
            .map(|row| row.int(0))
            .collect::<Result<Vec<_>>>()?;
        let mut mark = Mark::new(&self.name);
        for (row_id, row) in ids.iter().zip(&rows) {
            mark.add(*row_id, row.int(1)?);
        }
        let stored = self.stored(&columns, &rows)?;
        let batch = self.batch(&columns, &stored, rows.len())?;
        Ok(Some(InlinedRows {
            first: ids.iter().copied().min().unwrap_or_default(),
            mark,
            rows: Inlined {
                batch,
                row_ids: Some(Int64Array::from(ids)),
                table: Some(self.name.clone()),
            },
        }))
    }

    /// The table's columns when the catalog's table was made.
    pub(crate) async fn columns(&mut self, schema_version: i64) -> Result<Vec<Column>> {
        if schema_version == self.table.schema_version {
            return Ok(self.table.columns.clone());
        }
        let begin = self
            .reading
            .query(
                "SELECT begin_snapshot FROM ducklake_schema_versions WHERE table_id = $1 AND schema_version = $2",
                &[Value::Int(self.table.id.0), Value::Int(schema_version)],
            )
            .await?;
        let begin = begin.first().ok_or_else(|| {
            Error::broken(format!(
                "the catalog does not say which columns the table {:?} had in its schema version {schema_version}, in which {:?} holds rows",
                self.table.name, self.name
            ))
        })?;
        columns_at(self.reading, self.table.id, SnapshotId(begin.int(0)?)).await
    }

    async fn rows(&mut self, columns: &[Column]) -> Result<Vec<Row>> {
        let texts = columns.iter().map(|column| {
            let name = format!("\"{}\"", column.field.name().replace('"', "\"\""));
            format!(", {}", self.dialect.text(&name))
        });
        let sql = format!(
            "SELECT row_id, begin_snapshot{} FROM {} WHERE begin_snapshot <= $1 \
             AND (end_snapshot IS NULL OR end_snapshot > $1) ORDER BY row_id",
            texts.collect::<String>(),
            self.name
        );
        let snapshot = Value::Int(self.snapshot.0);
        self.reading.query(&sql, &[snapshot]).await
    }

    /// The values as they were stored.
    pub(crate) fn stored(&self, columns: &[Column], rows: &[Row]) -> Result<Vec<ArrayRef>> {
        let arrays = columns.iter().enumerate().map(|(place, column)| {
            let texts = rows.iter().map(|row| row.opt_text(place + 2));
            let texts = texts.collect::<Result<Vec<_>>>()?;
            let sql_type = text::sql_type(&column.stored, self.dialect);
            text::read_inlined(&texts, &sql_type, &types::text_type(column)?)
        });
        arrays.collect()
    }

    /// The values in the columns that the table has now.
    pub(crate) fn batch(
        &self,
        columns: &[Column],
        stored: &[ArrayRef],
        rows: usize,
    ) -> Result<RecordBatch> {
        let arrays = self.table.columns.iter().map(|column| {
            let place = columns.iter().position(|known| known.id == column.id);
            let array = match place {
                Some(place) => assemble(&stored[place], &None, column),
                None => initial(column).and_then(|value| value.to_array_of_size(rows).map_err(external)),
            };
            array.map_err(|error| {
                Error::broken(format!(
                    "rows of the table {:?}.{:?} that the catalog keeps in {:?} do not fit its column {:?}: {error}",
                    self.table.schema, self.table.name, self.name, column.field.name()
                ))
            })
        });
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::clone(&self.table.arrow), arrays, &options).map_err(|error| {
            Error::broken(format!(
                "rows of the table {:?}.{:?} that the catalog keeps in {:?} are not what the table takes: {error}",
                self.table.schema, self.table.name, self.name
            ))
        })
    }
}

fn external(error: datafusion::error::DataFusionError) -> arrow::error::ArrowError {
    arrow::error::ArrowError::ExternalError(Box::new(error))
}
