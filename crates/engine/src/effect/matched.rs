use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter_record_batch, interleave};
use arrow::datatypes::UInt64Type;
use datafusion::error::Result as EngineResult;
use datafusion::execution::memory_pool::MemoryReservation;
use godwit_catalog::{Chunk, Staging, TempTable};

use crate::{Error, Result};

/// What a row that matches is remembered by, in bytes.
const MATCH_BYTES: usize = size_of::<Match>();

/// The rows of a table that a DELETE or UPDATE is about, and their new values.
pub(super) struct Matched {
    table: Arc<TempTable>,
    /// The columns that get new values.
    columns: Vec<usize>,
    matches: Vec<Match>,
    /// For each batch of new values its columns.
    values: Vec<Vec<ArrayRef>>,
    memory: MemoryReservation,
}

/// A row, and where its new values are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Match {
    row: u64,
    batch: u32,
    at: u32,
}

impl Matched {
    pub(super) fn new(
        table: &Arc<TempTable>,
        columns: &[usize],
        memory: MemoryReservation,
    ) -> Result<Self> {
        Ok(Self {
            table: Arc::clone(table),
            columns: columns.to_vec(),
            matches: Vec::new(),
            values: Vec::new(),
            memory,
        })
    }

    /// How many rows match.
    pub(super) fn rows(&self) -> u64 {
        self.matches.len() as u64
    }

    /// Takes numbers of rows, and their new values.
    pub(super) fn take(&mut self, batch: &RecordBatch) -> EngineResult<()> {
        let (numbers, values) = match batch.columns() {
            [numbers, values @ ..] => (numbers.as_primitive::<UInt64Type>(), values),
            [] => return Ok(()),
        };
        let held: usize = values.iter().map(Array::get_array_memory_size).sum();
        self.memory
            .try_grow(held + numbers.len() * 2 * MATCH_BYTES)?;
        let batch = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        let rows = numbers.values().iter().zip(0u32..);
        self.matches.extend(rows.map(|(row, at)| Match {
            row: *row,
            batch,
            at,
        }));
        self.values.push(values.to_vec());
        Ok(())
    }

    /// The rows that are left without these.
    pub(super) async fn deleted(mut self, mut staging: Staging) -> Result<Vec<Arc<Chunk>>> {
        self.sort()?;
        let table = Arc::clone(&self.table);
        let mut chunks = Cut::new(&self.matches);
        for chunk in table.chunks() {
            let (first, matches) = chunks.next(chunk);
            let left = if matches.is_empty() {
                staging.keep(chunk)
            } else {
                let rows = chunk.batch().num_rows();
                let mut matches = matches.iter().map(|found| found.row - first).peekable();
                let kept = BooleanBuffer::collect_bool(rows, |row| {
                    matches.next_if_eq(&(row as u64)).is_none()
                });
                let kept = BooleanArray::new(kept, None);
                filter_record_batch(chunk.batch(), &kept)
                    .map_err(Into::into)
                    .and_then(|rows| staging.push(&rows))
            };
            left.map_err(translate)?;
            tokio::task::yield_now().await;
        }
        staging.finish().map_err(translate)
    }

    /// All rows, these with their new values.
    pub(super) async fn updated(mut self, mut staging: Staging) -> Result<Vec<Arc<Chunk>>> {
        self.sort()?;
        let table = Arc::clone(&self.table);
        let mut chunks = Cut::new(&self.matches);
        for chunk in table.chunks() {
            let (first, matches) = chunks.next(chunk);
            let changed = if matches.is_empty() {
                staging.keep(chunk)
            } else {
                self.updated_rows(chunk.batch(), first, matches)
                    .and_then(|rows| staging.push(&rows))
            };
            changed.map_err(translate)?;
            tokio::task::yield_now().await;
        }
        staging.finish().map_err(translate)
    }

    fn updated_rows(
        &self,
        rows: &RecordBatch,
        first: u64,
        matches: &[Match],
    ) -> EngineResult<RecordBatch> {
        // Only batches that this chunk takes values from, each under a number of its own: zero is the chunk itself.
        let mut batches: Vec<u32> = matches.iter().map(|found| found.batch).collect();
        batches.sort_unstable();
        batches.dedup();
        let mut picks: Vec<(usize, usize)> = (0..rows.num_rows()).map(|row| (0, row)).collect();
        for found in matches {
            let row = usize::try_from(found.row - first).unwrap_or(usize::MAX);
            let batch = batches.partition_point(|batch| *batch < found.batch);
            if let Some(pick) = picks.get_mut(row) {
                *pick = (batch + 1, found.at as usize);
            }
        }
        let mut columns = rows.columns().to_vec();
        for (nth, at) in self.columns.iter().enumerate() {
            let Some(column) = columns.get_mut(*at) else {
                continue;
            };
            let new = batches
                .iter()
                .filter_map(|batch| self.values.get(*batch as usize)?.get(nth));
            let sources: Vec<&dyn Array> = std::iter::once(&*column)
                .chain(new)
                .map(AsRef::as_ref)
                .collect();
            *column = interleave(&sources, &picks)?;
        }
        // A null that may not be is found when the rows are staged.
        let fields = rows.schema().fields().clone();
        let nullable = fields
            .iter()
            .map(|field| field.as_ref().clone().with_nullable(true));
        let schema = arrow::datatypes::Schema::new(nullable.collect::<Vec<_>>());
        Ok(RecordBatch::try_new(Arc::new(schema), columns)?)
    }

    /// Puts the rows into the table's order. One that comes twice has two new values, of which none is right.
    fn sort(&mut self) -> Result<()> {
        self.matches.sort_unstable();
        if self.matches.is_sorted_by(|a, b| a.row < b.row) {
            return Ok(());
        }
        Err(Error::invalid(
            "the statement gives several new values for one row; nothing was changed",
        ))
    }
}

/// Cuts sorted matches into those of one chunk after the other.
struct Cut<'a> {
    left: &'a [Match],
    first: u64,
}

impl<'a> Cut<'a> {
    fn new(matches: &'a [Match]) -> Self {
        Self {
            left: matches,
            first: 0,
        }
    }

    /// The number of the chunk's first row, and the matches in it.
    fn next(&mut self, chunk: &Chunk) -> (u64, &'a [Match]) {
        let first = self.first;
        self.first += chunk.batch().num_rows() as u64;
        let count = self.left.partition_point(|found| found.row < self.first);
        let (matches, left) = self.left.split_at(count);
        self.left = left;
        (first, matches)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err passes it")]
fn translate(error: datafusion::error::DataFusionError) -> Error {
    Error::from_datafusion(&error, "change")
}
