//! Batches of exactly so many rows, for a session that asked for that.

use std::collections::VecDeque;

use arrow::array::RecordBatch;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;

/// Cuts and joins batches to the rows that a session wants in each; the last one of a result has what is left. Without
/// a wish batches pass as they come: rows never wait for others then.
pub(crate) struct Filling {
    joined: Option<BatchCoalescer>,
    passing: VecDeque<RecordBatch>,
}

impl Filling {
    pub(crate) fn new(schema: SchemaRef, rows: Option<usize>) -> Self {
        // A schema without columns has rows all the same, which the coalescer cannot count.
        let rows = rows.filter(|_| !schema.fields().is_empty());
        Self {
            joined: rows.map(|rows| BatchCoalescer::new(schema, rows)),
            passing: VecDeque::new(),
        }
    }

    pub(crate) fn push(&mut self, batch: RecordBatch) -> Result<(), ArrowError> {
        match &mut self.joined {
            Some(joined) => joined.push_batch(batch),
            None => {
                self.passing.push_back(batch);
                Ok(())
            }
        }
    }

    /// No more rows will come.
    pub(crate) fn finish(&mut self) -> Result<(), ArrowError> {
        self.joined
            .as_mut()
            .map_or(Ok(()), BatchCoalescer::finish_buffered_batch)
    }

    /// The next batch that is full.
    pub(crate) fn next(&mut self) -> Option<RecordBatch> {
        match &mut self.joined {
            Some(joined) => joined.next_completed_batch(),
            None => self.passing.pop_front(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{Int64Array, RecordBatch, RecordBatchOptions};
    use arrow::datatypes::Schema;

    use super::Filling;

    fn rows(wanted: Option<usize>, sizes: &[i64]) -> Vec<usize> {
        let batch = |rows: i64| {
            let values = Arc::new(Int64Array::from_iter_values(0..rows)) as _;
            RecordBatch::try_from_iter([("n", values)]).unwrap()
        };
        let mut filling = Filling::new(batch(0).schema(), wanted);
        let mut taken = Vec::new();
        for size in sizes {
            filling.push(batch(*size)).unwrap();
            taken.extend(std::iter::from_fn(|| filling.next()).map(|batch| batch.num_rows()));
        }
        filling.finish().unwrap();
        taken.extend(std::iter::from_fn(|| filling.next()).map(|batch| batch.num_rows()));
        taken
    }

    #[test]
    fn batches_are_full_but_for_the_last() {
        assert_eq!(
            rows(Some(150), &[142, 82, 149, 59, 78]),
            [150, 150, 150, 60]
        );
        assert_eq!(rows(Some(10), &[35]), [10, 10, 10, 5]);
        assert_eq!(rows(Some(10), &[5, 5]), [10]);
        assert!(rows(Some(10), &[]).is_empty());
    }

    #[test]
    fn without_a_wish_they_pass_as_they_come() {
        assert_eq!(rows(None, &[3, 1, 2]), [3, 1, 2]);
    }

    #[test]
    fn rows_without_columns_pass() {
        let options = RecordBatchOptions::new().with_row_count(Some(3));
        let schema = Arc::new(Schema::empty());
        let batch = RecordBatch::try_new_with_options(schema, Vec::new(), &options).unwrap();
        let mut filling = Filling::new(batch.schema(), Some(2));
        filling.push(batch).unwrap();
        assert_eq!(filling.next().unwrap().num_rows(), 3);
    }
}
