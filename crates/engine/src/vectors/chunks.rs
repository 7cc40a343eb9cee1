use std::collections::VecDeque;

use arrow::array::{ArrayRef, RecordBatch};
use arrow::compute::concat;
use arrow::error::ArrowError;

use super::unfolded;

/// Batches of any size, cut and joined to chunks of the same number of rows; the last one has what is left.
#[derive(Debug)]
pub(super) struct Chunks {
    rows: usize,
    waiting: VecDeque<RecordBatch>,
    held: usize,
    ended: bool,
}

impl Chunks {
    pub(super) fn new(rows: usize) -> Self {
        Self {
            rows,
            waiting: VecDeque::new(),
            held: 0,
            ended: false,
        }
    }

    pub(super) fn push(&mut self, batch: RecordBatch) {
        if batch.num_rows() > 0 {
            self.held += batch.num_rows();
            self.waiting.push_back(batch);
        }
    }

    /// No more batches will come.
    pub(super) fn end(&mut self) {
        self.ended = true;
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// The columns of the next chunk and how many rows they have, when all of its rows are there.
    pub(super) fn next(&mut self) -> Result<Option<(Vec<ArrayRef>, usize)>, ArrowError> {
        let rows = match self.held {
            held if held >= self.rows => self.rows,
            held if self.ended && held > 0 => held,
            _ => return Ok(None),
        };
        let mut parts = Vec::new();
        let mut left = rows;
        while left > 0 {
            let Some(batch) = self.waiting.pop_front() else {
                break;
            };
            let taken = batch.num_rows().min(left);
            if taken < batch.num_rows() {
                self.waiting
                    .push_front(batch.slice(taken, batch.num_rows() - taken));
            }
            parts.push(batch.slice(0, taken));
            left -= taken;
        }
        self.held -= rows;
        Ok(Some((joined(&parts)?, rows)))
    }
}

fn joined(parts: &[RecordBatch]) -> Result<Vec<ArrayRef>, ArrowError> {
    let columns = parts.first().map_or(0, RecordBatch::num_columns);
    let column = |at: usize| match parts {
        [one] => Ok(ArrayRef::clone(one.column(at))),
        // Dictionaries may have more values together than their keys can tell apart.
        many => {
            let parts = many.iter().map(|part| unfolded(part.column(at)));
            let parts = parts.collect::<Result<Vec<_>, _>>()?;
            concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())
        }
    };
    (0..columns).map(column).collect()
}
