//! Which rows of a content a statement deletes.

use std::sync::Arc;

use arrow::array::{Array, BooleanBufferBuilder, UInt64Array};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};

use crate::{Content, Deleted, Error, Lake, Part, Result, RowNumber};

#[derive(Debug)]
pub(super) struct Marks {
    content: Arc<Content>,
    /// Deleted rows of a part, those before the statement included, from the first one on that the statement deletes.
    parts: Vec<Option<BooleanBufferBuilder>>,
    reservation: MemoryReservation,
}

impl Marks {
    pub(super) fn new(lake: &Lake, content: Arc<Content>) -> Self {
        let parts = content.parts.iter().map(|_| None).collect();
        let consumer = MemoryConsumer::new("deleted rows");
        let reservation = consumer.register(&lake.inner.runtime.memory_pool);
        Self {
            content,
            parts,
            reservation,
        }
    }

    /// How many of them were there.
    pub(super) fn delete(&mut self, rows: &UInt64Array) -> Result<u64> {
        if rows.null_count() > 0 {
            return Err(Error::invalid("the number of a row to be deleted is null"));
        }
        let mut deleted = 0;
        for &row in rows.values() {
            let row = RowNumber(row);
            let part = self.content.parts.get(row.part());
            let part = part.filter(|part| row.position() < part.rows());
            let part = part.ok_or_else(|| Error::invalid(format!("there is no row {}", row.0)))?;
            let marks = match &mut self.parts[row.part()] {
                Some(marks) => marks,
                none => none.insert(begin(part, &self.reservation)?),
            };
            let position = place(row.position())?;
            if !marks.get_bit(position) {
                marks.set_bit(position, true);
                deleted += 1;
            }
        }
        Ok(deleted)
    }

    /// How many were still there.
    pub(super) fn delete_all(&mut self) -> u64 {
        let before = self.live_rows();
        self.content = Arc::default();
        self.parts.clear();
        before
    }

    fn live_rows(&self) -> u64 {
        let parts = self.content.parts.iter().zip(&self.parts);
        let live = parts.map(|(part, marks)| match marks {
            Some(marks) => marks.as_slice().iter().fold(part.rows(), |live, byte| {
                live.saturating_sub(u64::from(byte.count_ones()))
            }),
            None => part.live_rows(),
        });
        live.sum()
    }

    /// The parts that have rows left.
    pub(super) fn finish(self) -> Vec<Part> {
        let reservation = &self.reservation;
        let parts = self.content.parts.iter().zip(self.parts);
        let parts = parts.map(|(part, marks)| match marks {
            Some(mut marks) => {
                let memory = reservation.split(bytes(marks.len()));
                let deleted = Deleted::new(marks.finish()).holding(memory);
                Part {
                    rows: part.rows.clone(),
                    deleted: Some(Arc::new(deleted)),
                }
            }
            None => part.clone(),
        });
        parts.filter(|part| part.live_rows() > 0).collect()
    }
}

fn begin(part: &Part, reservation: &MemoryReservation) -> Result<BooleanBufferBuilder> {
    let rows = place(part.rows())?;
    reservation
        .try_grow(bytes(rows))
        .map_err(|error| Error::full(format!("no memory is left to delete rows: {error}")))?;
    let mut marks = BooleanBufferBuilder::new(rows);
    match &part.deleted {
        Some(deleted) => marks.append_buffer(&deleted.rows),
        None => marks.append_n(rows, false),
    }
    Ok(marks)
}

/// What a bit for each of so many rows takes.
fn bytes(rows: usize) -> usize {
    rows.div_ceil(8)
}

fn place(position: u64) -> Result<usize> {
    usize::try_from(position).map_err(Error::internal)
}
