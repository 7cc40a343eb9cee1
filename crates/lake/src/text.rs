//! Values as the catalog's texts, as DuckDB writes and reads them: statistics, defaults, inlined rows.
//!
//! A text belongs to the type that files hold ([`crate::Column::stored`]): for a column that users see in another type, its
//! values are converted first. Bytes of sixteen are a uuid.

mod blob;
mod calendar;
mod interval;
mod leaf;
mod nested;
mod number;
mod tree;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Decimal128Type, Decimal256Type, Float16Type, Float32Type, Float64Type,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::ScalarValue;

use crate::database::Dialect;
use crate::{Error, Result};

pub(crate) use blob::hex;

/// The text of a value; `None` for null.
///
/// # Errors
/// [`Error::Unsupported`] for a type that has no text.
pub(crate) fn write(array: &dyn Array, row: usize) -> Result<Option<String>> {
    if array.is_null(row) {
        return Ok(None);
    }
    let text = match array.data_type() {
        DataType::Null => return Ok(None),
        DataType::Boolean => array.as_boolean().value(row).to_string(),
        DataType::Float16 => {
            number::write_f32(array.as_primitive::<Float16Type>().value(row).to_f32())
        }
        DataType::Float32 => number::write_f32(array.as_primitive::<Float32Type>().value(row)),
        DataType::Float64 => number::write_f64(array.as_primitive::<Float64Type>().value(row)),
        DataType::Decimal128(..) => array.as_primitive::<Decimal128Type>().value_as_string(row),
        DataType::Decimal256(..) => array.as_primitive::<Decimal256Type>().value_as_string(row),
        DataType::Utf8 => array.as_string::<i32>().value(row).to_owned(),
        DataType::LargeUtf8 => array.as_string::<i64>().value(row).to_owned(),
        DataType::Utf8View => array.as_string_view().value(row).to_owned(),
        DataType::Binary => blob::write(array.as_binary::<i32>().value(row)),
        DataType::LargeBinary => blob::write(array.as_binary::<i64>().value(row)),
        DataType::BinaryView => blob::write(array.as_binary_view().value(row)),
        DataType::FixedSizeBinary(16) => blob::uuid(array.as_fixed_size_binary().value(row)),
        DataType::FixedSizeBinary(_) => blob::write(array.as_fixed_size_binary().value(row)),
        DataType::Interval(IntervalUnit::MonthDayNano) => {
            interval::write(array.as_primitive::<IntervalMonthDayNanoType>().value(row))
        }
        moment if calendar::is_moment(moment) => calendar::write(array, row)?,
        nested if nested.is_nested() => nested::write(array, row)?,
        integer if integer.is_integer() => plain(array, row)?,
        other => return Err(unsupported(other)),
    };
    Ok(Some(text))
}

/// Values from their texts.
///
/// # Errors
/// [`Error::Broken`] with the text that is no value of the type; [`Error::Unsupported`] for a type that has no text.
pub(crate) fn read(texts: &[Option<&str>], to: &DataType) -> Result<ArrayRef> {
    if to.is_nested() {
        nested::read(texts, to)
    } else {
        leaf::read(texts, to)
    }
}

/// One value from its text.
///
/// # Errors
/// As [`read`].
pub(crate) fn scalar(text: Option<&str>, to: &DataType) -> Result<ScalarValue> {
    let array = read(&[text], to)?;
    ScalarValue::try_from_array(&array, 0).map_err(Error::internal)
}

/// The text that goes into a column of an inlined table, by way of [`Dialect::cast`].
///
/// # Errors
/// As [`write`].
pub(crate) fn write_inlined(
    array: &dyn Array,
    row: usize,
    sql_type: &str,
) -> Result<Option<String>> {
    if array.is_null(row) {
        return Ok(None);
    }
    if holds_bytes(sql_type) {
        let bytes = match array.data_type() {
            DataType::Utf8 => array.as_string::<i32>().value(row).as_bytes(),
            DataType::Binary => array.as_binary::<i32>().value(row),
            other => return Err(unsupported(other)),
        };
        return Ok(Some(format!("\\x{}", hex(bytes).to_lowercase())));
    }
    if array.data_type() == &DataType::Boolean {
        return Ok(Some(u8::from(array.as_boolean().value(row)).to_string()));
    }
    write(array, row)
}

/// Values of a column of an inlined table, as [`Dialect::text`] gives them.
///
/// # Errors
/// As [`read`].
pub(crate) fn read_inlined(
    texts: &[Option<&str>],
    sql_type: &str,
    to: &DataType,
) -> Result<ArrayRef> {
    if holds_bytes(sql_type) {
        leaf::read_hex(texts, to)
    } else {
        read(texts, to)
    }
}

/// The type that a column has in an inlined table, for the catalog's name of its type.
pub(crate) fn sql_type(stored: &str, dialect: Dialect) -> String {
    let name = match (dialect, stored) {
        (Dialect::Sqlite, "boolean" | "int8" | "int16" | "int32" | "int64") => "BIGINT",
        (Dialect::Sqlite, "uint8" | "uint16" | "uint32") => "BIGINT",
        (Dialect::Sqlite, "blob") => "BLOB",
        (Dialect::Sqlite, _) => "VARCHAR",
        (Dialect::Postgres, "boolean") => "BOOLEAN",
        (Dialect::Postgres, "int8" | "int16") => "SMALLINT",
        (Dialect::Postgres, "int32" | "uint8" | "uint16") => "INTEGER",
        (Dialect::Postgres, "int64" | "uint32") => "BIGINT",
        (Dialect::Postgres, "float32") => "REAL",
        (Dialect::Postgres, "float64") => "DOUBLE PRECISION",
        (Dialect::Postgres, "time") => "TIME",
        (Dialect::Postgres, "timetz") => "TIME WITH TIME ZONE",
        (Dialect::Postgres, "uuid") => "UUID",
        (Dialect::Postgres, "interval") => "INTERVAL",
        (Dialect::Postgres, "varchar" | "json" | "blob") => "BYTEA",
        (Dialect::Postgres, decimal) if decimal.starts_with("decimal(") => {
            return decimal.to_uppercase();
        }
        (Dialect::Postgres, _) => "VARCHAR",
    };
    name.to_owned()
}

/// Whether rows of a type may be kept in the catalog. Texts within nested values are not: DuckDB does not read all of them
/// back, and PostgreSQL refuses some.
pub(crate) fn is_inline_safe(data_type: &DataType) -> bool {
    let within = |data_type: &DataType| {
        !matches!(
            data_type,
            DataType::Utf8
                | DataType::LargeUtf8
                | DataType::Utf8View
                | DataType::Binary
                | DataType::LargeBinary
                | DataType::BinaryView
        ) && is_inline_safe(data_type)
    };
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
            within(item.data_type())
        }
        DataType::Struct(fields) => {
            !fields.is_empty() && fields.iter().all(|field| within(field.data_type()))
        }
        DataType::Map(entries, _) => within(entries.data_type()),
        DataType::Duration(_) | DataType::Union(..) | DataType::RunEndEncoded(..) => false,
        DataType::Dictionary(..) | DataType::ListView(_) | DataType::LargeListView(_) => false,
        DataType::Interval(unit) => *unit == IntervalUnit::MonthDayNano,
        DataType::Time64(unit) => *unit == TimeUnit::Microsecond,
        DataType::Float16 | DataType::Decimal32(..) | DataType::Decimal64(..) => false,
        _ => true,
    }
}

/// Whether a column of an inlined table holds bytes; texts are bytes too in PostgreSQL, which has no text with a zero.
fn holds_bytes(sql_type: &str) -> bool {
    matches!(sql_type, "BLOB" | "BYTEA")
}

/// Integers, which Arrow writes as everybody does.
fn plain(array: &dyn Array, row: usize) -> Result<String> {
    let options = FormatOptions::new();
    let formatter = ArrayFormatter::try_new(array, &options).map_err(Error::internal)?;
    Ok(formatter.value(row).to_string())
}

fn unsupported(data_type: &DataType) -> Error {
    Error::unsupported(format!(
        "values of the type {data_type} have no text in the catalog"
    ))
}

fn broken(text: &str, to: &DataType) -> Error {
    Error::broken(format!(
        "the catalog has {text:?} for a value of the type {to}"
    ))
}

#[cfg(test)]
#[path = "text/tests.rs"]
mod tests;
