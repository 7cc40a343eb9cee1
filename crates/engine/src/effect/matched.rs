use std::sync::Arc;

use arrow::array::{Array, ArrayRef, BooleanArray, RecordBatch, UInt64Array};
use arrow::buffer::BooleanBuffer;
use arrow::compute::{filter_record_batch, interleave};
use datafusion::error::Result as EngineResult;
use datafusion::execution::memory_pool::MemoryReservation;
use godwit_catalog::{Chunk, Staging, TempTable};

use crate::{Error, Result};

/// What a row that matches is remembered by, in bytes.
const MATCH_BYTES: usize = size_of::<Match>();

/// Stands for the batch of a row that has no new values.
const DELETED: u32 = u32::MAX;

/// The rows of a table that a change is about, and their new values.
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
    ) -> Self {
        Self {
            table: Arc::clone(table),
            columns: columns.to_vec(),
            matches: Vec::new(),
            values: Vec::new(),
            memory,
        }
    }

    /// Whether no row matches.
    pub(super) fn is_empty(&self) -> bool {
        self.matches.is_empty()
    }

    /// Takes numbers of rows, and new values for all columns of the table.
    pub(super) fn update(&mut self, rows: &UInt64Array, values: &RecordBatch) -> EngineResult<()> {
        let values = self
            .columns
            .iter()
            .filter_map(|at| values.columns().get(*at));
        let values: Vec<_> = values.cloned().collect();
        let held: usize = values.iter().map(Array::get_array_memory_size).sum();
        self.memory.try_grow(held)?;
        let batch = u32::try_from(self.values.len()).unwrap_or(DELETED - 1);
        self.values.push(values);
        self.remember(rows, batch)
    }

    /// Takes numbers of rows that are to go.
    pub(super) fn delete(&mut self, rows: &UInt64Array) -> EngineResult<()> {
        self.remember(rows, DELETED)
    }

    fn remember(&mut self, rows: &UInt64Array, batch: u32) -> EngineResult<()> {
        self.memory.try_grow(rows.len() * 2 * MATCH_BYTES)?;
        let rows = rows.values().iter().zip(0u32..);
        self.matches.extend(rows.map(|(row, at)| Match {
            row: *row,
            batch,
            at,
        }));
        Ok(())
    }

    /// All rows, these with their new values or gone, and new ones after them.
    pub(super) async fn applied(
        mut self,
        mut staging: Staging,
        new: Vec<Arc<Chunk>>,
    ) -> Result<Vec<Arc<Chunk>>> {
        self.sort()?;
        let table = Arc::clone(&self.table);
        let mut chunks = Cut::new(&self.matches);
        for chunk in table.chunks() {
            let (first, matches) = chunks.next(chunk);
            let changed = if matches.is_empty() {
                staging.keep(chunk)
            } else {
                self.updated_rows(chunk.batch(), first, matches)
                    .and_then(|rows| left(&rows, first, matches))
                    .and_then(|rows| staging.push(&rows))
            };
            changed.map_err(translate)?;
            tokio::task::yield_now().await;
        }
        for chunk in &new {
            staging.keep(chunk).map_err(translate)?;
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
        let matches = || matches.iter().filter(|found| found.batch != DELETED);
        let mut batches: Vec<u32> = matches().map(|found| found.batch).collect();
        if batches.is_empty() {
            return Ok(rows.clone());
        }
        batches.sort_unstable();
        batches.dedup();
        let mut picks: Vec<(usize, usize)> = (0..rows.num_rows()).map(|row| (0, row)).collect();
        for found in matches() {
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

/// The rows of a chunk without those that are deleted.
fn left(rows: &RecordBatch, first: u64, matches: &[Match]) -> EngineResult<RecordBatch> {
    let deleted = matches.iter().filter(|found| found.batch == DELETED);
    let mut deleted = deleted.map(|found| found.row - first).peekable();
    if deleted.peek().is_none() {
        return Ok(rows.clone());
    }
    let kept = BooleanBuffer::collect_bool(rows.num_rows(), |row| {
        deleted.next_if_eq(&(row as u64)).is_none()
    });
    Ok(filter_record_batch(rows, &BooleanArray::new(kept, None))?)
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
