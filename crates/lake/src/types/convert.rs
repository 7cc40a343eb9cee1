//! Values of one type as values of another, without loss or with an error.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, FixedSizeBinaryBuilder, ListArray, MapArray, StringArray,
    StructArray, new_null_array,
};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, FieldRef, Time64MicrosecondType};
use arrow::error::ArrowError;
use chrono::NaiveTime;

use super::{file_field, name};
use crate::{Column, Error, Result};

type Converted = std::result::Result<ArrayRef, ArrowError>;

/// Values of one scalar type as another: what a file holds as what users see, and back.
///
/// # Errors
/// When a value does not fit.
pub(crate) fn convert(array: &ArrayRef, to: &DataType) -> Converted {
    match (array.data_type(), to) {
        (from, to) if from == to => Ok(Arc::clone(array)),
        (_, DataType::Null) => Ok(new_null_array(to, array.len())),
        (DataType::Null, to) => Ok(new_null_array(to, array.len())),
        (DataType::FixedSizeBinary(16), DataType::Utf8) => Ok(uuid_texts(array)),
        (DataType::Utf8, DataType::FixedSizeBinary(16)) => uuids(array),
        (DataType::Time64(_), DataType::Utf8) => Ok(times_of_utc(array)),
        // Both are moments in UTC; Arrow's cast would take the one without a zone for local time.
        (DataType::Timestamp(_, None), DataType::Timestamp(unit, Some(_))) => {
            let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
            plainly(&plainly(array, &utc)?, to)
        }
        (DataType::Timestamp(_, Some(_)), DataType::Timestamp(unit, None)) => {
            let utc = DataType::Timestamp(*unit, Some("+00:00".into()));
            plainly(&plainly(array, &utc)?, to)
        }
        _ => plainly(array, to),
    }
}

fn plainly(array: &ArrayRef, to: &DataType) -> Converted {
    let options = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    cast_with_options(array, to, &options)
}

fn uuid_texts(array: &ArrayRef) -> ArrayRef {
    let texts = array.as_fixed_size_binary().iter().map(|value| {
        let bytes: [u8; 16] = value?.try_into().ok()?;
        Some(uuid::Uuid::from_bytes(bytes).to_string())
    });
    Arc::new(texts.collect::<StringArray>())
}

fn uuids(array: &ArrayRef) -> Converted {
    let texts = array.as_string::<i32>();
    let mut bytes = FixedSizeBinaryBuilder::with_capacity(texts.len(), 16);
    for text in texts {
        match text {
            Some(text) => {
                let parsed = uuid::Uuid::parse_str(text.trim())
                    .map_err(|_| ArrowError::CastError(format!("{text:?} is no uuid")))?;
                bytes.append_value(parsed.as_bytes())?;
            }
            None => bytes.append_null(),
        }
    }
    Ok(Arc::new(bytes.finish()))
}

/// A time with a zone: files have it in UTC.
fn times_of_utc(array: &ArrayRef) -> ArrayRef {
    let Some(times) = array.as_primitive_opt::<Time64MicrosecondType>() else {
        return new_null_array(&DataType::Utf8, array.len());
    };
    let texts = times.iter().map(|time| {
        let time = time?;
        let seconds = u32::try_from(time.div_euclid(1_000_000)).ok()?;
        let nanos = u32::try_from(time.rem_euclid(1_000_000)).ok()? * 1000;
        let time = NaiveTime::from_num_seconds_from_midnight_opt(seconds, nanos)?;
        Some(format!("{time}+00"))
    });
    Arc::new(texts.collect::<StringArray>())
}

/// Values of a column as its Parquet file holds them.
///
/// # Errors
/// [`Error::Invalid`] naming the column when a value does not fit; [`Error::Unsupported`] for a type that is only read.
pub(crate) fn to_file(array: &ArrayRef, column: &Column) -> Result<ArrayRef> {
    let field = file_field(column)?;
    into(array, column, field.data_type()).map_err(|error| {
        Error::invalid(format!(
            "a value of the column {:?} cannot be kept as {}: {error}",
            column.field.name(),
            column.stored
        ))
    })
}

fn into(array: &ArrayRef, column: &Column, to: &DataType) -> Converted {
    match (column.stored.as_str(), to, column.children.as_slice()) {
        ("list", DataType::List(item), [element]) => {
            let list = as_list(array)?;
            let values = into(list.values(), element, item.data_type())?;
            let nulls = list.nulls().cloned();
            let offsets = list.offsets().clone();
            let list = ListArray::try_new(Arc::clone(item), offsets, values, nulls)?;
            Ok(Arc::new(list))
        }
        ("struct", DataType::Struct(fields), children) => {
            let values = array.as_struct();
            let columns = values.columns().iter().zip(children).zip(fields);
            let columns = columns
                .map(|((values, child), field)| into(values, child, field.data_type()))
                .collect::<std::result::Result<Vec<_>, _>>()?;
            let made = StructArray::try_new_with_length(
                fields.clone(),
                columns,
                values.nulls().cloned(),
                values.len(),
            )?;
            Ok(Arc::new(made))
        }
        ("map", DataType::Map(entries, sorted), [key, value]) => {
            let map = array.as_map();
            let DataType::Struct(fields) = entries.data_type() else {
                return Err(ArrowError::SchemaError("a map of no pairs".to_owned()));
            };
            let keys = into(map.keys(), key, fields[0].data_type())?;
            let values = into(map.values(), value, fields[1].data_type())?;
            map_of(map, entries, keys, values, *sorted)
        }
        (scalar, ..) => {
            let to = name::in_file(scalar)
                .ok_or_else(|| ArrowError::CastError(format!("{scalar} cannot be written")))?;
            convert(array, &to)
        }
    }
}

/// A list of any kind as the plain kind.
pub(crate) fn as_list(array: &ArrayRef) -> std::result::Result<ListArray, ArrowError> {
    let item = match array.data_type() {
        DataType::List(_) => return Ok(array.as_list::<i32>().clone()),
        DataType::LargeList(item)
        | DataType::FixedSizeList(item, _)
        | DataType::ListView(item)
        | DataType::LargeListView(item) => item,
        other => {
            return Err(ArrowError::CastError(format!("{other} is no list")));
        }
    };
    let plain = plainly(array, &DataType::List(Arc::clone(item)))?;
    Ok(plain.as_list::<i32>().clone())
}

/// A list of the plain kind as the kind that is asked for, whose elements are of its type already.
pub(crate) fn of_list(list: ListArray, to: &DataType) -> Converted {
    plainly(&(Arc::new(list) as ArrayRef), to)
}

/// A map like another with other keys and values.
pub(crate) fn map_of(
    like: &MapArray,
    entries: &FieldRef,
    keys: ArrayRef,
    values: ArrayRef,
    sorted: bool,
) -> Converted {
    let DataType::Struct(fields) = entries.data_type() else {
        return Err(ArrowError::SchemaError("a map of no pairs".to_owned()));
    };
    let pairs = StructArray::try_new(fields.clone(), vec![keys, values], None)?;
    let map = MapArray::try_new(
        Arc::clone(entries),
        like.offsets().clone(),
        pairs,
        like.nulls().cloned(),
        sorted,
    )?;
    Ok(Arc::new(map))
}
