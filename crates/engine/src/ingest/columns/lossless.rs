use arrow::array::{Array, ArrayRef, Float64Array, Scalar};
use arrow::compute::kernels::{cmp, numeric};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use godwit_catalog::plain_type;

/// A cast that refuses what does not fit and what would not come back the same: digits, fractions, parts of a time.
pub(super) fn lossless(column: &ArrayRef, wanted: &DataType) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == wanted {
        return Ok(ArrayRef::clone(column));
    }
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let lenient = CastOptions::default();
    let from = plain_type(column.data_type());
    let column = cast_with_options(column, &from, &strict)?;
    let cast = cast_with_options(&column, wanted, &strict)?;
    if !(is_measured(&from) && is_measured(wanted)) || from == *wanted {
        return Ok(cast);
    }
    let back = cast_with_options(&cast, &from, &lenient)?;
    let changed = back.null_count() != column.null_count()
        || cmp::neq(
            &without_sign_of_zero(&back)?,
            &without_sign_of_zero(&column)?,
        )?
        .true_count()
            > 0;
    if changed {
        return Err(ArrowError::CastError(format!(
            "a value of type {from} would lose a part of it as {wanted}"
        )));
    }
    Ok(cast)
}

/// Whether values of this type can be near each other and not the same.
fn is_measured(data_type: &DataType) -> bool {
    data_type.is_numeric() || data_type.is_temporal()
}

/// Arrow tells -0 from 0, and no type but a float keeps the difference.
fn without_sign_of_zero(column: &ArrayRef) -> Result<ArrayRef, ArrowError> {
    if !column.data_type().is_floating() {
        return Ok(ArrayRef::clone(column));
    }
    let zero = cast_with_options(
        &Float64Array::from(vec![0.0]),
        column.data_type(),
        &CastOptions::default(),
    )?;
    numeric::add(column, &Scalar::new(zero))
}
