//! What an effect returns when it is run like a query: one row with its count.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use crate::Result;

pub(crate) fn schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new(
        "count",
        DataType::Int64,
        false,
    )]))
}

/// # Errors
/// Never; the shape is fixed.
pub(crate) fn rows(count: i64) -> Result<RecordBatch> {
    let column = Int64Array::from(vec![count]);
    Ok(RecordBatch::try_new(schema(), vec![Arc::new(column)])?)
}
