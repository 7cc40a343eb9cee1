//! Rows that are in memory.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Int64Array, RecordBatch, RecordBatchOptions, UInt64Array,
};
use arrow::compute::filter_record_batch;
use arrow::datatypes::SchemaRef;
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::physical_plan::ExecutionPlan;
use datafusion_datasource::source::DataSourceExec;

use super::Output;
use crate::{Inlined, Part, RowNumber, Rows};

/// The rows of all parts that are in memory; nothing where there are none.
pub(super) fn scan<'a>(
    parts: impl Iterator<Item = (usize, &'a Part)>,
    outputs: &[Output],
    schema: &SchemaRef,
) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let mut batches = Vec::new();
    for (number, part) in parts {
        if let Rows::Inlined(rows) = &part.rows
            && part.live_rows() > 0
        {
            batches.push(batch(number, part, rows, outputs, schema)?);
        }
    }
    if batches.is_empty() {
        return Ok(None);
    }
    let source = MemorySourceConfig::try_new(&[batches], Arc::clone(schema), None)?;
    Ok(Some(DataSourceExec::from_data_source(source)))
}

fn batch(
    number: usize,
    part: &Part,
    rows: &Inlined,
    outputs: &[Output],
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let count = rows.batch.num_rows();
    let columns = outputs.iter().map(|output| -> ArrayRef {
        match output {
            Output::Number => {
                let first = RowNumber::new(number, 0).0;
                Arc::new(UInt64Array::from_iter_values(first..first + count as u64))
            }
            Output::RowId => match &rows.row_ids {
                Some(ids) => Arc::new(ids.clone()),
                None => Arc::new(Int64Array::new_null(count)),
            },
            Output::Column(place) => Arc::clone(rows.batch.column(*place)),
        }
    });
    let options = RecordBatchOptions::new().with_row_count(Some(count));
    let batch = RecordBatch::try_new_with_options(Arc::clone(schema), columns.collect(), &options)?;
    Ok(match &part.deleted {
        Some(deleted) => {
            let living = BooleanArray::new(!&deleted.rows, None);
            filter_record_batch(&batch, &living)?
        }
        None => batch,
    })
}
