//! Arithmetic sequences.

use arrow::array::{Array, ArrayData, ArrayRef};
use arrow::datatypes::{ArrowNativeType, DataType, Decimal128Type, DecimalType, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// A sequence: its first value and what each value has more than the one before, as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Steps {
    /// The first value.
    pub(crate) start: String,
    /// Dates and times with their unit: `1d`, `250ms`.
    pub(crate) step: String,
    /// Bytes of both.
    pub(super) bytes: u64,
}

/// The sequence that an array is. None when a value is null, when there are fewer than two, or when the type has no
/// steps. Floating-point numbers are a sequence when start + row * step gives each of them to the bit.
pub(super) fn steps(array: &ArrayRef) -> Option<Steps> {
    if array.len() < 2 || array.null_count() > 0 {
        return None;
    }
    let step = step_of(array)?;
    let formatter = ArrayFormatter::try_new(array, &FormatOptions::default()).ok()?;
    Some(Steps {
        start: formatter.value(0).to_string(),
        step,
        bytes: 2 * array.data_type().primitive_width()? as u64,
    })
}

fn step_of(array: &ArrayRef) -> Option<String> {
    use DataType as T;
    let data = array.to_data();
    let (step, unit) = match array.data_type() {
        T::Int8 => (whole::<i8>(&data)?, ""),
        T::Int16 => (whole::<i16>(&data)?, ""),
        T::Int32 => (whole::<i32>(&data)?, ""),
        T::Int64 => (whole::<i64>(&data)?, ""),
        T::UInt8 => (whole::<u8>(&data)?, ""),
        T::UInt16 => (whole::<u16>(&data)?, ""),
        T::UInt32 => (whole::<u32>(&data)?, ""),
        T::UInt64 => (whole::<u64>(&data)?, ""),
        T::Date32 => (whole::<i32>(&data)?, "d"),
        T::Date64 => (whole::<i64>(&data)?, "ms"),
        T::Time32(unit) => (whole::<i32>(&data)?, name(*unit)),
        T::Time64(unit) | T::Timestamp(unit, _) | T::Duration(unit) => {
            (whole::<i64>(&data)?, name(*unit))
        }
        T::Decimal32(_, scale) => return Some(decimal(whole::<i32>(&data)?, *scale)),
        T::Decimal64(_, scale) => return Some(decimal(whole::<i64>(&data)?, *scale)),
        T::Decimal128(_, scale) => return Some(decimal(whole::<i128>(&data)?, *scale)),
        T::Float32 => return float32(values(&data)?).map(|step| format!("{step:?}")),
        T::Float64 => return float64(values(&data)?).map(|step| format!("{step:?}")),
        _ => return None,
    };
    Some(format!("{step}{unit}"))
}

fn values<T: ArrowNativeType>(data: &ArrayData) -> Option<&[T]> {
    data.buffer::<T>(0).get(..data.len())
}

fn whole<T: ArrowNativeType + Into<i128>>(data: &ArrayData) -> Option<i128> {
    let values = values::<T>(data)?;
    let mut steps = values.windows(2).map(|pair| match pair {
        [one, next] => {
            let next: i128 = (*next).into();
            next.checked_sub((*one).into())
        }
        _ => None,
    });
    let first = steps.next()??;
    steps.all(|step| step == Some(first)).then_some(first)
}

fn float64(values: &[f64]) -> Option<f64> {
    let (start, step) = (*values.first()?, values.get(1)? - values.first()?);
    let expected = |row: usize| start + row as f64 * step;
    let mut values = values.iter().enumerate();
    values
        .all(|(row, value)| value.is_finite() && expected(row).to_bits() == value.to_bits())
        .then_some(step)
}

fn float32(values: &[f32]) -> Option<f32> {
    let (start, step) = (*values.first()?, values.get(1)? - values.first()?);
    let expected = |row: usize| start + row as f32 * step;
    let mut values = values.iter().enumerate();
    values
        .all(|(row, value)| value.is_finite() && expected(row).to_bits() == value.to_bits())
        .then_some(step)
}

fn decimal(step: i128, scale: i8) -> String {
    Decimal128Type::format_decimal(step, Decimal128Type::MAX_PRECISION, scale)
}

fn name(unit: TimeUnit) -> &'static str {
    match unit {
        TimeUnit::Second => "s",
        TimeUnit::Millisecond => "ms",
        TimeUnit::Microsecond => "us",
        TimeUnit::Nanosecond => "ns",
    }
}
