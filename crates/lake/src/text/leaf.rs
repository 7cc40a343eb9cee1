//! Texts of values that are not nested, as arrays.

use std::str::FromStr;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, NullArray, PrimitiveArray,
    StringArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Decimal256Type, DecimalType,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, IntervalMonthDayNanoType,
    IntervalUnit, Time32MillisecondType, Time32SecondType, Time64MicrosecondType,
    Time64NanosecondType, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};

use super::{blob, broken, calendar, interval, number, unsupported};
use crate::{Error, Result};

type Texts<'a> = &'a [Option<&'a str>];

/// Values from their texts.
pub(super) fn read(texts: Texts<'_>, to: &DataType) -> Result<ArrayRef> {
    match to {
        DataType::Null => Ok(Arc::new(NullArray::new(texts.len()))),
        DataType::Boolean => {
            let values = each(texts, to, number::read_boolean)?;
            Ok(Arc::new(BooleanArray::from(values)))
        }
        DataType::Int8 => integers::<Int8Type>(texts, to),
        DataType::Int16 => integers::<Int16Type>(texts, to),
        DataType::Int32 => integers::<Int32Type>(texts, to),
        DataType::Int64 => integers::<Int64Type>(texts, to),
        DataType::UInt8 => integers::<UInt8Type>(texts, to),
        DataType::UInt16 => integers::<UInt16Type>(texts, to),
        DataType::UInt32 => integers::<UInt32Type>(texts, to),
        DataType::UInt64 => integers::<UInt64Type>(texts, to),
        DataType::Float32 => numbers::<Float32Type>(texts, to, number::read_f32),
        DataType::Float64 => numbers::<Float64Type>(texts, to, number::read_f64),
        DataType::Decimal128(p, s) => decimals::<Decimal128Type>(texts, to, *p, *s),
        DataType::Decimal256(p, s) => decimals::<Decimal256Type>(texts, to, *p, *s),
        DataType::Utf8 => Ok(Arc::new(StringArray::from(texts.to_vec()))),
        DataType::Binary => bytes(texts, to, blob::read),
        DataType::FixedSizeBinary(16) => {
            let parse = |text: &str| uuid::Uuid::try_parse(text).ok().map(uuid::Uuid::into_bytes);
            let values = each(texts, to, parse)?;
            let values =
                FixedSizeBinaryArray::try_from_sparse_iter_with_size(values.into_iter(), 16);
            Ok(Arc::new(values.map_err(Error::internal)?))
        }
        DataType::Date32 => numbers::<Date32Type>(texts, to, calendar::read_date),
        DataType::Time32(_) | DataType::Time64(_) => times(texts, to),
        DataType::Timestamp(unit, _) => timestamps(texts, to, *unit),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            numbers::<IntervalMonthDayNanoType>(texts, to, interval::read)
        }
        DataType::LargeUtf8 | DataType::Utf8View => cast(&read(texts, &DataType::Utf8)?, to),
        DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_) => {
            cast(&read(texts, &DataType::Binary)?, to)
        }
        DataType::Float16 => cast(&read(texts, &DataType::Float32)?, to),
        other => Err(unsupported(other)),
    }
}

/// Bytes, or texts, from `\x00ff`.
pub(super) fn read_hex(texts: Texts<'_>, to: &DataType) -> Result<ArrayRef> {
    let unhex = |text: &str| blob::unhex(text.strip_prefix("\\x")?);
    let array = bytes(texts, &DataType::Binary, unhex)?;
    cast(&array, to)
}

fn each<T>(
    texts: Texts<'_>,
    to: &DataType,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Vec<Option<T>>> {
    let read = |text: &&str| parse(text).ok_or_else(|| broken(text, to));
    let texts = texts.iter();
    texts
        .map(|text| text.as_ref().map(read).transpose())
        .collect()
}

fn numbers<T: ArrowPrimitiveType>(
    texts: Texts<'_>,
    to: &DataType,
    parse: impl Fn(&str) -> Option<T::Native>,
) -> Result<ArrayRef> {
    let values: PrimitiveArray<T> = each(texts, to, parse)?.into_iter().collect();
    Ok(Arc::new(values.with_data_type(to.clone())))
}

fn integers<T: ArrowPrimitiveType<Native: FromStr>>(
    texts: Texts<'_>,
    to: &DataType,
) -> Result<ArrayRef> {
    numbers::<T>(texts, to, |text| text.parse().ok())
}

fn decimals<T: DecimalType<Native: FromStr>>(
    texts: Texts<'_>,
    to: &DataType,
    precision: u8,
    scale: i8,
) -> Result<ArrayRef> {
    numbers::<T>(texts, to, |text| {
        let value = number::read_decimal(text, scale)?.parse().ok()?;
        T::validate_decimal_precision(value, precision, scale)
            .ok()
            .map(|()| value)
    })
}

fn bytes(
    texts: Texts<'_>,
    to: &DataType,
    parse: impl Fn(&str) -> Option<Vec<u8>>,
) -> Result<ArrayRef> {
    let values = each(texts, to, parse)?;
    Ok(Arc::new(values.into_iter().collect::<BinaryArray>()))
}

fn times(texts: Texts<'_>, to: &DataType) -> Result<ArrayRef> {
    fn of<T: ArrowPrimitiveType<Native: TryFrom<i64>>>(
        texts: Texts<'_>,
        to: &DataType,
        unit: TimeUnit,
    ) -> Result<ArrayRef> {
        let (per_second, _) = calendar::resolution(unit);
        numbers::<T>(texts, to, |text| {
            T::Native::try_from(calendar::read_clock(text, per_second)?).ok()
        })
    }
    match to {
        DataType::Time32(unit @ TimeUnit::Second) => of::<Time32SecondType>(texts, to, *unit),
        DataType::Time32(unit @ TimeUnit::Millisecond) => {
            of::<Time32MillisecondType>(texts, to, *unit)
        }
        DataType::Time64(unit @ TimeUnit::Microsecond) => {
            of::<Time64MicrosecondType>(texts, to, *unit)
        }
        DataType::Time64(unit @ TimeUnit::Nanosecond) => {
            of::<Time64NanosecondType>(texts, to, *unit)
        }
        other => Err(unsupported(other)),
    }
}

fn timestamps(texts: Texts<'_>, to: &DataType, unit: TimeUnit) -> Result<ArrayRef> {
    let parse = |text: &str| calendar::read_timestamp(text, unit);
    match unit {
        TimeUnit::Second => numbers::<TimestampSecondType>(texts, to, parse),
        TimeUnit::Millisecond => numbers::<TimestampMillisecondType>(texts, to, parse),
        TimeUnit::Microsecond => numbers::<TimestampMicrosecondType>(texts, to, parse),
        TimeUnit::Nanosecond => numbers::<TimestampNanosecondType>(texts, to, parse),
    }
}

/// Fails where a value does not fit.
pub(super) fn cast(array: &ArrayRef, to: &DataType) -> Result<ArrayRef> {
    let options = arrow::compute::CastOptions {
        safe: false,
        ..Default::default()
    };
    arrow::compute::cast_with_options(array, to, &options)
        .map_err(|error| Error::broken(format!("the catalog has a text that is no {to}: {error}")))
}
