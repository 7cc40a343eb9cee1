use std::sync::Arc;

use datafusion::arrow::array::{Array, RecordBatch};
use datafusion::arrow::compute::{CastOptions, cast_with_options, concat_batches};
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::arrow::error::ArrowError;
use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;

use super::{Chunk, TempTables, grow, plain};
use crate::Error;

/// How many bytes the rows of a chunk take, at least: about as many as go into a message of a result, so that the
/// buffers of a chunk are sent as they are. Small batches are put together up to here, except for the last of a change.
const CHUNK_WANTED: usize = 2 << 20;
/// The most that the rows of a chunk take; larger batches are cut.
const CHUNK_LIMIT: usize = 4 << 20;
/// The most rows of a chunk, however small they are.
const CHUNK_ROWS: usize = 128 << 10;

/// What a chunk takes besides the buffers of its columns, in bytes; and each column of it.
const CHUNK_BYTES: usize = 256;
const ARRAY_BYTES: usize = 128;

/// Rows on their way into a temporary table, counted as they come. Dropping it gives all memory back.
#[derive(Debug)]
pub struct Staging {
    /// Qualified with its schema, for messages.
    table: String,
    schema: SchemaRef,
    tables: TempTables,
    memory: MemoryReservation,
    /// What the tables of the session take without these rows.
    before: u64,
    bytes: u64,
    rows: u64,
    chunks: Vec<Arc<Chunk>>,
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
}

impl Staging {
    /// For rows of the table's schema. `before` is what the session's tables will take without them, in bytes.
    ///
    /// # Errors
    /// [`Error::Full`].
    pub fn new(
        tables: &TempTables,
        table: &str,
        schema: SchemaRef,
        before: u64,
    ) -> crate::Result<Self> {
        Ok(Self {
            table: format!("{}.{table}", crate::TEMP),
            schema,
            memory: tables.reserve(0)?,
            tables: tables.clone(),
            before,
            bytes: 0,
            rows: 0,
            chunks: Vec::new(),
            waiting: Vec::new(),
            waiting_rows: 0,
            waiting_bytes: 0,
        })
    }

    /// Takes rows: columns by position, cast to the table's types.
    ///
    /// # Errors
    /// [`Error::Full`] at a limit, [`Error::Null`] for a null where none may be; what a cast does not take.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let rows = batch.num_rows();
        let pieces = bytes_of(batch)?.div_ceil(CHUNK_LIMIT).max(1);
        let wanted = rows.div_ceil(pieces).clamp(1, CHUNK_ROWS);
        let mut from = 0;
        while from < rows {
            let rows = (rows - from).min(wanted);
            self.push_piece(&batch.slice(from, rows))?;
            from += rows;
        }
        Ok(())
    }

    /// Takes rows that are in a table already and stay what they are.
    pub fn keep(&mut self, chunk: &Arc<Chunk>) -> Result<()> {
        self.settle()?;
        self.count(chunk.bytes)?;
        self.rows += chunk.batch.num_rows() as u64;
        self.chunks.push(Arc::clone(chunk));
        Ok(())
    }

    /// How many rows it has taken.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// All rows.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub fn finish(mut self) -> Result<Vec<Arc<Chunk>>> {
        self.settle()?;
        Ok(std::mem::take(&mut self.chunks))
    }

    fn push_piece(&mut self, piece: &RecordBatch) -> Result<()> {
        let (piece, bytes) = self.compact(&self.cast(piece)?)?;
        if bytes >= CHUNK_WANTED / 2 {
            // Large enough by itself: what waits is not worth a copy of these rows.
            self.settle()?;
        }
        // The memory is taken at once, and corrected when the rows are settled.
        grow(&self.memory, bytes as u64)?;
        self.rows += piece.num_rows() as u64;
        self.waiting_rows += piece.num_rows();
        self.waiting_bytes += bytes;
        self.waiting.push(piece);
        self.tables
            .check_limit(self.before + self.bytes + self.waiting_bytes as u64)?;
        if bytes >= CHUNK_WANTED / 2
            || self.waiting_bytes >= CHUNK_WANTED
            || self.waiting_rows >= CHUNK_ROWS
        {
            self.settle()?;
        }
        Ok(())
    }

    /// Makes a chunk of the rows that wait.
    fn settle(&mut self) -> Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let waiting = std::mem::take(&mut self.waiting);
        let rows = match waiting.as_slice() {
            [one] => one.clone(),
            several => concat_batches(&self.schema, several)?,
        };
        drop(waiting);
        let (batch, bytes) = self.compact(&rows)?;
        let taken = std::mem::take(&mut self.waiting_bytes);
        self.waiting_rows = 0;
        if bytes > taken {
            grow(&self.memory, (bytes - taken) as u64)?;
        } else {
            self.memory.shrink(taken - bytes);
        }
        self.count(bytes as u64)?;
        self.chunks.push(Arc::new(Chunk {
            batch,
            bytes: bytes as u64,
            _memory: self.memory.split(bytes),
        }));
        Ok(())
    }

    /// The rows in buffers of their own, with the bytes that these and what holds them take.
    fn compact(&self, rows: &RecordBatch) -> Result<(RecordBatch, usize)> {
        let columns = rows.columns().iter().map(plain::compact);
        let (columns, bytes) = columns.collect::<Result<(Vec<_>, Vec<_>), ArrowError>>()?;
        let bytes = bytes
            .into_iter()
            .map(|bytes| bytes + ARRAY_BYTES)
            .fold(CHUNK_BYTES, usize::saturating_add);
        Ok((
            RecordBatch::try_new(Arc::clone(&self.schema), columns)?,
            bytes,
        ))
    }

    fn count(&mut self, bytes: u64) -> Result<()> {
        self.bytes += bytes;
        Ok(self.tables.check_limit(self.before + self.bytes)?)
    }

    fn cast(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let options = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let fields = self.schema.fields().iter();
        let columns = batch.columns().iter().zip(fields).map(|(column, field)| {
            let column = if column.data_type() == field.data_type() {
                Arc::clone(column)
            } else {
                cast_with_options(column, field.data_type(), &options)?
            };
            if !field.is_nullable() && column.logical_null_count() > 0 {
                return Err(Error::Null {
                    table: self.table.clone(),
                    column: field.name().clone(),
                }
                .into());
            }
            Ok(column)
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        Ok(RecordBatch::try_new(Arc::clone(&self.schema), columns)?)
    }
}

/// What the rows of a batch take in buffers of their own, in bytes.
fn bytes_of(batch: &RecordBatch) -> Result<usize, ArrowError> {
    let columns = batch.columns().iter();
    let bytes = columns.map(|column| column.to_data().get_slice_memory_size());
    bytes.sum()
}

#[cfg(test)]
mod tests;
