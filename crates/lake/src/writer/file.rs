//! A Parquet file of rows that is being written.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

use super::parquet::ParquetFile;
use crate::stats::{self, Nans};
use crate::transaction::Inner;
use crate::types::{self, FIELD_ID};
use crate::{DataFile, Error, Part, Result, Rows, Table};

/// The column of row ids, and the field id that DuckDB gives it.
const ROW_ID: (&str, &str) = ("_ducklake_internal_row_id", "2147483540");

/// What a file is written for.
pub(crate) struct Writing<'a> {
    pub(crate) transaction: &'a Arc<Inner>,
    pub(crate) table: &'a Arc<Table>,
    /// Whether the file holds a row id for each row.
    pub(crate) row_ids: bool,
}

/// A file that is not finished. Dropped before, it never was.
#[derive(Debug)]
pub(crate) struct FileWriter {
    table: Arc<Table>,
    schema: SchemaRef,
    row_ids: bool,
    file: ParquetFile,
    rows: u64,
    nans: Nans,
    target_bytes: u64,
    reservation: MemoryReservation,
}

impl FileWriter {
    pub(crate) fn begin(writing: &Writing<'_>) -> Result<Self> {
        let lake = &writing.transaction.lake.inner;
        let schema = schema(writing.table, writing.row_ids)?;
        let path = lake.storage.new_path(&writing.table.path, ".parquet");
        writing.transaction.files.add(path.clone());
        let file = ParquetFile::begin(lake, path, Arc::clone(&schema))?;
        let consumer = MemoryConsumer::new("Parquet file");
        Ok(Self {
            table: Arc::clone(writing.table),
            schema,
            row_ids: writing.row_ids,
            file,
            rows: 0,
            nans: Nans::default(),
            target_bytes: lake.options.target_file_bytes,
            reservation: consumer.register(&lake.runtime.memory_pool),
        })
    }

    /// Adds rows: all columns of the table, and row ids where the file holds them.
    pub(crate) async fn write(
        &mut self,
        batch: &RecordBatch,
        row_ids: Option<&Int64Array>,
    ) -> Result<()> {
        let columns = self.table.columns.iter().zip(batch.columns());
        let columns = columns.map(|(column, array)| types::to_file(array, column));
        let mut columns = columns.collect::<Result<Vec<ArrayRef>>>()?;
        if self.row_ids {
            let row_ids = row_ids.ok_or_else(|| Error::internal("rows without row ids"))?;
            columns.push(Arc::new(row_ids.clone()));
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns);
        let batch = batch.map_err(Error::internal)?;
        self.file.write(&batch).await?;
        self.rows += batch.num_rows() as u64;
        self.nans.look(&self.table.columns, &batch);
        self.account().await
    }

    /// Reserves what the rows that are not written yet take; they are written early when that is too much.
    async fn account(&mut self) -> Result<()> {
        if self.reservation.try_resize(self.file.memory()).is_ok() {
            return Ok(());
        }
        self.file.flush().await?;
        let resized = self.reservation.try_resize(self.file.memory());
        resized.map_err(|error| Error::full(format!("no memory is left to write rows: {error}")))
    }

    /// Whether it is time for another file.
    pub(crate) fn is_large(&self) -> bool {
        self.file.bytes() >= self.target_bytes
    }

    /// The rows, which from now on are a file.
    pub(crate) async fn finish(self) -> Result<Part> {
        let finished = self.file.finish().await?;
        let mut stats = stats::of_file(&finished.metadata, &self.table)?;
        self.nans.say(&self.table.columns, &mut stats);
        let file = DataFile {
            id: None,
            path: finished.path,
            rows: self.rows,
            bytes: finished.bytes,
            footer_bytes: Some(finished.footer_bytes),
            row_id_start: None,
            embeds_row_ids: self.row_ids,
            begin: None,
            only_until: None,
            mapping: None,
            stats: Arc::new(stats),
        };
        Ok(Part {
            rows: Rows::File(Arc::new(file)),
            deleted: None,
        })
    }
}

fn schema(table: &Table, row_ids: bool) -> Result<SchemaRef> {
    let schema = types::file_schema(&table.columns)?;
    if !row_ids {
        return Ok(schema);
    }
    let (name, id) = ROW_ID;
    let field = Field::new(name, DataType::Int64, true);
    let field = field.with_metadata(HashMap::from([(FIELD_ID.to_owned(), id.to_owned())]));
    let mut fields: Vec<_> = schema.fields().iter().map(Arc::clone).collect();
    fields.push(Arc::new(field));
    Ok(Arc::new(Schema::new(fields)))
}
