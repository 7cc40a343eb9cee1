//! Positions in a data file that other files, or the file itself, tell of.

use std::sync::Arc;

use arrow::array::{Array, AsArray};
use arrow::datatypes::Int64Type;
use datafusion::datasource::physical_plan::parquet::{
    CachedParquetFileReaderFactory, ParquetFileReaderFactory,
};
use datafusion::error::DataFusionError;
use datafusion::physical_plan::metrics::ExecutionPlanMetricsSet;
use futures::TryStreamExt;
use parquet::arrow::ProjectionMask;
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStreamBuilder};

use super::rows::DeleteFile;
use crate::scan::{self, blame};
use crate::{DataFile, Error, Lake, Result, SnapshotId, Table};

/// The column that says which snapshot a row belongs to, in files that hold rows of several.
const SNAPSHOTS: &str = "_ducklake_internal_snapshot_id";
const POSITIONS: &str = "pos";

/// Only what was there at this snapshot counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Only(pub(super) SnapshotId);

/// The positions that a delete file names.
///
/// # Errors
/// [`Error::Unsupported`] for a file that is no Parquet file; [`Error::Broken`]; [`Error::Unavailable`].
pub(super) async fn of_delete_file(
    lake: &Lake,
    delete: &DeleteFile,
    table: &Table,
) -> Result<Vec<u64>> {
    let file = Opened::open(lake, &delete.path, delete.bytes, table).await?;
    let mut positions = Vec::new();
    file.each(&[POSITIONS, SNAPSHOTS], |values| {
        let [Some(position), since] = values else {
            return;
        };
        let counts = match (delete.only, since) {
            (Some(Only(only)), Some(since)) => *since <= only.0,
            _ => true,
        };
        if let (true, Ok(position)) = (counts, u64::try_from(*position)) {
            positions.push(position);
        }
    })
    .await?;
    Ok(positions)
}

/// The positions of a data file's rows that came later.
///
/// # Errors
/// As [`of_delete_file`].
pub(super) async fn later_rows(
    lake: &Lake,
    data: &DataFile,
    Only(only): Only,
    table: &Table,
) -> Result<Vec<u64>> {
    let file = Opened::open(lake, &data.path, data.bytes, table).await?;
    let (mut at, mut later) = (0, Vec::new());
    file.each(&[SNAPSHOTS], |values| {
        if values[0].is_some_and(|since| since > only.0) {
            later.push(at);
        }
        at += 1;
    })
    .await?;
    Ok(later)
}

/// A Parquet file whose footer was read.
struct Opened {
    rows: ParquetRecordBatchStreamBuilder<Box<dyn AsyncFileReader>>,
    table: String,
    path: String,
}

impl Opened {
    async fn open(lake: &Lake, path: &str, bytes: u64, table: &Table) -> Result<Self> {
        let name = format!("{:?}.{:?}", table.schema, table.name);
        let storage = &lake.inner.storage;
        let location = storage.locate(path)?;
        let cache = lake.inner.runtime.cache_manager.get_file_metadata_cache();
        let readers = CachedParquetFileReaderFactory::new(Arc::clone(storage.store()), cache);
        let entry = scan::entry(location.path, bytes);
        let reader: Box<dyn AsyncFileReader> = readers
            .create_reader(0, entry, None, &ExecutionPlanMetricsSet::new())
            .map_err(|error| failed(error, &name, path))?;
        let rows = ParquetRecordBatchStreamBuilder::new(reader)
            .await
            .map_err(|error| failed(error.into(), &name, path))?;
        Ok(Self {
            rows,
            table: name,
            path: path.to_owned(),
        })
    }

    /// Calls with the values of columns of integers, row by row; with none for a column that is not there.
    async fn each(self, columns: &[&str], mut row: impl FnMut(&[Option<i64>])) -> Result<()> {
        let Self { rows, table, path } = self;
        let schema = Arc::clone(rows.schema());
        let places = schema.fields().iter().enumerate();
        let wanted = places.filter(|(_, field)| columns.contains(&field.name().as_str()));
        let mask = ProjectionMask::roots(rows.parquet_schema(), wanted.map(|(place, _)| place));
        if schema.index_of(columns[0]).is_err() {
            return Err(Error::broken(format!(
                "the file {path:?} of the table {table} has no column {:?}",
                columns[0]
            )));
        }
        let broken = |error| failed(error, &table, &path);
        let mut batches = rows
            .with_projection(mask)
            .build()
            .map_err(|error| broken(error.into()))?;
        let mut values = vec![None; columns.len()];
        while let Some(batch) = batches
            .try_next()
            .await
            .map_err(|error| broken(error.into()))?
        {
            let found: Vec<_> = columns
                .iter()
                .map(|name| {
                    let column = batch.column_by_name(name)?;
                    column.as_primitive_opt::<Int64Type>()
                })
                .collect();
            for at in 0..batch.num_rows() {
                for (value, column) in values.iter_mut().zip(&found) {
                    *value = column
                        .filter(|column| column.is_valid(at))
                        .map(|column| column.value(at));
                }
                row(&values);
            }
        }
        Ok(())
    }
}

fn failed(error: DataFusionError, table: &str, path: &str) -> Error {
    blame::explained(error, table, path)
}
