//! Statistics of rows in memory.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch};
use arrow::compute::{SortOptions, filter, is_not_null, sort_to_indices};
use arrow::datatypes::{DataType, Float32Type, Float64Type};
use datafusion::common::ScalarValue;

use super::{Nans, bound_text, in_text};
use crate::{Column, ColumnStats, Error, Result};

/// What is known of rows, whose columns are these, in the types that files hold.
///
/// # Errors
/// Of Arrow's kernels; none for these types.
pub(crate) fn of_rows(columns: &[Column], batch: &RecordBatch) -> Result<Vec<ColumnStats>> {
    let mut all = Vec::with_capacity(columns.len());
    for (column, array) in columns.iter().zip(batch.columns()) {
        of_array(column, array, 0, &mut all)?;
    }
    let mut nans = Nans::default();
    nans.look(columns, batch);
    nans.say(columns, &mut all);
    Ok(all)
}

/// A column, or a part of a nested one of which so many more values are null because what they are in is.
fn of_array(
    column: &Column,
    array: &ArrayRef,
    outer_nulls: usize,
    all: &mut Vec<ColumnStats>,
) -> Result<()> {
    let nulls = outer_nulls + array.null_count();
    let mut each = |columns: &[Column], arrays: &[ArrayRef]| {
        let mut parts = columns.iter().zip(arrays);
        parts.try_for_each(|(column, array)| of_array(column, array, nulls, all))
    };
    match array.data_type() {
        DataType::Struct(_) => each(&column.children, array.as_struct().columns()),
        DataType::List(_) => {
            let items = Arc::clone(array.as_list::<i32>().values());
            each(&column.children, &[items])
        }
        DataType::Map(..) => {
            let entries = array.as_map().entries().clone();
            each(&column.children, entries.columns())
        }
        _ => {
            all.push(of_leaf(column, array, nulls)?);
            Ok(())
        }
    }
}

fn of_leaf(column: &Column, array: &ArrayRef, nulls: usize) -> Result<ColumnStats> {
    let count = |count: usize| i64::try_from(count).ok();
    let has_order = in_text(&column.stored).is_some();
    let values = if has_order { ordered(array)? } else { None };
    let bound = |descending: bool| match &values {
        Some(values) => first(values, descending),
        None => Ok(None),
    };
    Ok(ColumnStats {
        column: column.id,
        bytes: None,
        values: count(array.len() - array.null_count()),
        nulls: count(nulls),
        min: bound(false)?,
        max: bound(true)?,
        has_nan: None,
    })
}

/// The values that bounds are of: neither nulls nor NaNs.
fn ordered(array: &ArrayRef) -> Result<Option<ArrayRef>> {
    let is_value = match array.data_type() {
        DataType::Float32 => not_nan(array.as_primitive::<Float32Type>(), f32::is_nan),
        DataType::Float64 => not_nan(array.as_primitive::<Float64Type>(), f64::is_nan),
        DataType::Interval(_) | DataType::Null => return Ok(None),
        _ => is_not_null(array).map_err(Error::internal)?,
    };
    filter(array, &is_value).map(Some).map_err(Error::internal)
}

fn not_nan<T: arrow::datatypes::ArrowPrimitiveType>(
    array: &arrow::array::PrimitiveArray<T>,
    is_nan: impl Fn(T::Native) -> bool,
) -> BooleanArray {
    let values = array.iter();
    values
        .map(|value| Some(value.is_some_and(|value| !is_nan(value))))
        .collect()
}

fn first(values: &ArrayRef, descending: bool) -> Result<Option<String>> {
    let options = SortOptions {
        descending,
        nulls_first: false,
    };
    let order = sort_to_indices(values, Some(options), Some(1)).map_err(Error::internal)?;
    let Some(first) = order.iter().flatten().next() else {
        return Ok(None);
    };
    let at = usize::try_from(first).map_err(Error::internal)?;
    let bound = ScalarValue::try_from_array(values, at).map_err(Error::internal)?;
    bound_text(&bound)
}
