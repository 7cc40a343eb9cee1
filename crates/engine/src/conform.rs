//! Batches that are exactly what was promised.
//!
//! The planner and the operators disagree at times about nullability, and about the inner fields of nested types. A
//! client was told one schema before the first row, so every batch is made to have it.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, RecordBatch, RecordBatchOptions, make_array};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{Field, SchemaRef};
use arrow::error::ArrowError;

/// The batch under the promised schema.
///
/// # Errors
/// When it cannot have that schema: another number of columns, a null where none was promised, a type of another shape.
pub(crate) fn conform(
    batch: &RecordBatch,
    promised: &SchemaRef,
) -> Result<RecordBatch, ArrowError> {
    if batch.num_columns() != promised.fields().len() {
        return Err(ArrowError::SchemaError(format!(
            "{} columns were promised, {} came",
            promised.fields().len(),
            batch.num_columns()
        )));
    }
    let columns = batch
        .columns()
        .iter()
        .zip(promised.fields())
        .map(|(column, field)| column_as(column, field));
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(
        Arc::clone(promised),
        columns.collect::<Result<_, _>>()?,
        &options,
    )
}

fn column_as(column: &ArrayRef, field: &Field) -> Result<ArrayRef, ArrowError> {
    if !field.is_nullable() && column.is_nullable() && column.logical_null_count() > 0 {
        return Err(ArrowError::SchemaError(format!(
            "column '{}' was promised to hold no nulls, and holds some",
            field.name()
        )));
    }
    if column.data_type() == field.data_type() {
        return Ok(Arc::clone(column));
    }
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    match cast_with_options(column, field.data_type(), &options) {
        Ok(column) => Ok(column),
        // The same layout under other names of inner fields is no cast, but is what was promised.
        Err(error) => {
            let data = column
                .to_data()
                .into_builder()
                .data_type(field.data_type().clone())
                .build();
            data.map(make_array).map_err(|_| error)
        }
    }
}
