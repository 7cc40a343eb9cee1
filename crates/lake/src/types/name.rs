//! Names of the catalog's scalar types.

use arrow::datatypes::{DataType, IntervalUnit, TimeUnit};

use super::tag::{Form, Unit};
use super::utc;

/// Greatest number of decimal digits that a decimal may have.
const DIGITS: u8 = 38;

/// The plain Arrow type of a name; bytes for what cannot be read, so that the table's other columns can.
pub(super) fn shown(stored: &str) -> DataType {
    match stored {
        "uuid" | "timetz" => DataType::Utf8,
        "timestamp_s" => DataType::Timestamp(TimeUnit::Second, None),
        // One digit more than a decimal of 128 bits has.
        "int128" | "uint128" => DataType::Decimal256(DIGITS + 1, 0),
        "interval" => DataType::Interval(IntervalUnit::MonthDayNano),
        other => in_file(other).unwrap_or(DataType::Binary),
    }
}

/// What the catalog's text for a name says; `None` where Godwit cannot read it.
pub(super) fn in_text(stored: &str) -> Option<DataType> {
    match stored {
        "timetz" | "int128" | "uint128" | "interval" => Some(shown(stored)),
        other => in_file(other),
    }
}

/// What a Parquet file holds for a name; `None` where Godwit cannot read it.
pub(super) fn in_file(stored: &str) -> Option<DataType> {
    Some(match stored {
        "boolean" => DataType::Boolean,
        "int8" => DataType::Int8,
        "int16" => DataType::Int16,
        "int32" => DataType::Int32,
        "int64" => DataType::Int64,
        "uint8" => DataType::UInt8,
        "uint16" => DataType::UInt16,
        "uint32" => DataType::UInt32,
        "uint64" => DataType::UInt64,
        "float32" => DataType::Float32,
        // DuckDB writes integers of 128 bits as doubles.
        "float64" | "int128" | "uint128" => DataType::Float64,
        "varchar" | "json" => DataType::Utf8,
        "blob" => DataType::Binary,
        "uuid" => DataType::FixedSizeBinary(16),
        "date" => DataType::Date32,
        "time" | "timetz" => DataType::Time64(TimeUnit::Microsecond),
        "time_ns" => DataType::Time64(TimeUnit::Nanosecond),
        "timestamp" | "timestamp_s" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamp_ms" => DataType::Timestamp(TimeUnit::Millisecond, None),
        "timestamp_ns" => DataType::Timestamp(TimeUnit::Nanosecond, None),
        "timestamptz" => utc(),
        other => decimal(other)?,
    })
}

/// Whether values of this type can be read from files.
pub(crate) fn is_readable(stored: &str) -> bool {
    matches!(stored, "list" | "struct" | "map") || in_file(stored).is_some()
}

/// Whether values of this type can be written to files without loss.
pub(crate) fn is_writable(stored: &str) -> bool {
    is_readable(stored) && !matches!(stored, "int128" | "uint128" | "timetz" | "time_ns")
}

/// `decimal(10,2)`.
fn decimal(stored: &str) -> Option<DataType> {
    let inner = stored.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',')?;
    let precision: u8 = precision.trim().parse().ok()?;
    let scale: i8 = scale.trim().parse().ok()?;
    let fits = (1..=DIGITS).contains(&precision) && (0..=precision.cast_signed()).contains(&scale);
    fits.then_some(DataType::Decimal128(precision, scale))
}

/// The name for a scalar Arrow type, and the form of it that the name does not give back.
pub(super) fn stored(data_type: &DataType) -> Option<(String, Option<Form>)> {
    let exact = |name: &str| Some((name.to_owned(), None));
    let formed = |name: &str, form: Form| Some((name.to_owned(), Some(form)));
    match data_type {
        DataType::Null => formed("int32", Form::Null),
        DataType::Boolean => exact("boolean"),
        DataType::Int8 => exact("int8"),
        DataType::Int16 => exact("int16"),
        DataType::Int32 => exact("int32"),
        DataType::Int64 => exact("int64"),
        DataType::UInt8 => exact("uint8"),
        DataType::UInt16 => exact("uint16"),
        DataType::UInt32 => exact("uint32"),
        DataType::UInt64 => exact("uint64"),
        DataType::Float16 => formed("float32", Form::Float16),
        DataType::Float32 => exact("float32"),
        DataType::Float64 => exact("float64"),
        DataType::Utf8 => exact("varchar"),
        DataType::LargeUtf8 => formed("varchar", Form::LargeUtf8),
        DataType::Binary => exact("blob"),
        DataType::LargeBinary => formed("blob", Form::LargeBinary),
        DataType::FixedSizeBinary(size) => formed("blob", Form::FixedSizeBinary(*size)),
        DataType::Date32 => exact("date"),
        // Milliseconds need not be whole days.
        DataType::Date64 => formed("timestamp_ms", Form::Date64),
        DataType::Time64(TimeUnit::Microsecond) => exact("time"),
        DataType::Time32(unit) => formed("time", Form::Time32(Unit::of(*unit))),
        // DuckDB knows a time of nanoseconds and cannot write it to Parquet.
        DataType::Time64(unit) => formed("int64", Form::Time64(Unit::of(*unit))),
        DataType::Duration(unit) => formed("int64", Form::Duration(Unit::of(*unit))),
        DataType::Timestamp(unit, None) => exact(match unit {
            TimeUnit::Second => "timestamp_s",
            TimeUnit::Millisecond => "timestamp_ms",
            TimeUnit::Microsecond => "timestamp",
            TimeUnit::Nanosecond => "timestamp_ns",
        }),
        zoned if *zoned == utc() => exact("timestamptz"),
        DataType::Timestamp(unit, Some(zone)) => {
            let form = Form::Timestamp(Unit::of(*unit), Some(zone.to_string()));
            // Nanoseconds do not fit into microseconds, and there is no type of both nanoseconds and a zone.
            if *unit == TimeUnit::Nanosecond {
                formed("timestamp_ns", form)
            } else {
                formed("timestamptz", form)
            }
        }
        DataType::Decimal32(p, s) => sized(*p, *s, Some(Form::Decimal32)),
        DataType::Decimal64(p, s) => sized(*p, *s, Some(Form::Decimal64)),
        DataType::Decimal128(p, s) => sized(*p, *s, None),
        DataType::Decimal256(p, s) => sized(*p, *s, Some(Form::Decimal256)),
        _ => None,
    }
}

fn sized(precision: u8, scale: i8, form: Option<Form>) -> Option<(String, Option<Form>)> {
    let name = format!("decimal({precision},{scale})");
    decimal(&name).map(|_| (name, form))
}
