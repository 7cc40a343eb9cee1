use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, MutableArrayData, RecordBatch, RecordBatchOptions, make_array,
};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use datafusion::common::utils::memory::get_record_batch_memory_size;

/// What a batch may hold besides its rows before it is copied, in bytes.
const SLACK: usize = 4 << 10;

/// Parts of a batch, in order, of at most so many rows. They share its memory.
pub(super) fn cut(batch: RecordBatch, max_rows: usize) -> impl Iterator<Item = RecordBatch> + Send {
    let (rows, step) = (batch.num_rows(), max_rows.max(1));
    (0..rows)
        .step_by(step)
        .map(move |start| batch.slice(start, step.min(rows - start)))
}

/// The rows in memory of their own when they hold much more than they take: as part of a larger batch, or as some
/// columns of a message that holds more. Operators count what a batch holds, and would count it again for every part.
///
/// # Errors
/// When the rows cannot be put together again, which they can.
pub(super) fn compact(batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
    let sizes = batch
        .columns()
        .iter()
        .map(|column| column.to_data().get_slice_memory_size());
    let taken: usize = sizes.sum::<Result<usize, _>>()?;
    if get_record_batch_memory_size(batch) <= taken.saturating_mul(2).saturating_add(SLACK) {
        return Ok(batch.clone());
    }
    let columns = batch.columns().iter().map(copy);
    let columns = columns.collect::<Result<_, _>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(batch.schema(), columns, &options)
}

fn copy(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    Ok(match column.data_type() {
        DataType::Utf8View => Arc::new(column.as_string_view().gc()),
        DataType::BinaryView => Arc::new(column.as_binary_view().gc()),
        _ => {
            let data = column.to_data();
            let mut rows = MutableArrayData::new(vec![&data], false, data.len());
            rows.try_extend(0, 0, data.len())?;
            make_array(rows.freeze())
        }
    })
}

#[cfg(test)]
mod tests {
    use arrow::array::{Int64Array, ListArray, NullArray, StringArray, StringViewArray};
    use arrow::datatypes::Int32Type;

    use super::*;

    fn batch(rows: i64) -> RecordBatch {
        let numbers = Int64Array::from_iter_values(0..rows);
        let texts = StringArray::from_iter((0..rows).map(|n| (n % 3 > 0).then(|| n.to_string())));
        let views = StringViewArray::from_iter_values(
            (0..rows).map(|n| format!("a text that is too long for a view {n}")),
        );
        let lists = (0..rows).map(|n| (n % 2 == 0).then(|| vec![Some(1), None]));
        let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
        let nulls = NullArray::new(usize::try_from(rows).unwrap());
        RecordBatch::try_from_iter([
            ("n", Arc::new(numbers) as ArrayRef),
            ("t", Arc::new(texts)),
            ("v", Arc::new(views)),
            ("l", Arc::new(lists)),
            ("z", Arc::new(nulls)),
        ])
        .unwrap()
    }

    #[test]
    fn the_parts_are_the_batch() {
        let whole = batch(1000);
        let parts: Vec<_> = cut(whole.clone(), 300).collect();
        let rows: Vec<_> = parts.iter().map(RecordBatch::num_rows).collect();
        assert_eq!(rows, [300, 300, 300, 100]);
        let parts: Vec<_> = parts.into_iter().map(|p| compact(&p).unwrap()).collect();
        assert_eq!(
            arrow::compute::concat_batches(&whole.schema(), &parts).unwrap(),
            whole
        );
        assert_eq!(cut(batch(0), 10).count(), 0);
    }

    #[test]
    fn a_part_holds_no_more_than_it_takes() {
        let whole = batch(100_000);
        let part = whole.slice(50_000, 100);
        let held = get_record_batch_memory_size(&whole);
        assert!(get_record_batch_memory_size(&part) >= held);
        let part = compact(&part).unwrap();
        assert!(get_record_batch_memory_size(&part) < held / 100);
    }

    #[test]
    fn rows_without_columns_are_counted() {
        let rows = batch(1000).project(&[]).unwrap();
        let parts = cut(rows, 400).map(|part| compact(&part).unwrap().num_rows());
        assert_eq!(parts.collect::<Vec<_>>(), [400, 400, 200]);
    }
}
