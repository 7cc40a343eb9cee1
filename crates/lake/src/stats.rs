//! What is known of the values in a column, in the catalog's texts: from files, from rows, together, and to skip files.

mod bounds;
mod nans;
mod prune;
mod rows;

use std::collections::HashMap;

use arrow::array::{Array, ArrayRef};
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::common::ScalarValue;
use parquet::arrow::arrow_reader::statistics::StatisticsConverter;
use parquet::file::metadata::ParquetMetaData;

use crate::{Column, ColumnId, ColumnStats, Error, Result, Table, text};

pub(crate) use bounds::merge;
pub(crate) use nans::Nans;
pub(crate) use prune::prune;
pub(crate) use rows::of_rows;

/// What a file's footer says of each column that is not nested, and of the parts of nested ones. Columns are known by the
/// field ids in the file; what has none is left out. Whether there are NaNs it does not say: [`Nans`] does.
///
/// # Errors
/// [`Error::Broken`] when the footer's statistics cannot be read.
pub(crate) fn of_file(metadata: &ParquetMetaData, table: &Table) -> Result<Vec<ColumnStats>> {
    let leaves: HashMap<ColumnId, &Column> = leaves(&table.columns)
        .into_iter()
        .map(|column| (column.id, column))
        .collect();
    let schema = metadata.file_metadata().schema_descr();
    let mut all = Vec::with_capacity(leaves.len());
    for (at, descriptor) in schema.columns().iter().enumerate() {
        let info = descriptor.self_type().get_basic_info();
        let id = info.has_id().then(|| ColumnId(i64::from(info.id())));
        if let Some(column) = id.and_then(|id| leaves.get(&id)) {
            all.push(of_chunks(metadata, at, column)?);
        }
    }
    Ok(all)
}

/// Columns that are not nested, and the parts of nested ones that are not.
pub(crate) fn leaves(columns: &[Column]) -> Vec<&Column> {
    let each = columns.iter().flat_map(|column| {
        if column.children.is_empty() {
            vec![column]
        } else {
            leaves(&column.children)
        }
    });
    each.collect()
}

/// One column in all row groups.
fn of_chunks(metadata: &ParquetMetaData, at: usize, column: &Column) -> Result<ColumnStats> {
    let mut stats = ColumnStats {
        column: column.id,
        bytes: Some(0),
        values: Some(0),
        nulls: Some(0),
        min: None,
        max: None,
        has_nan: None,
    };
    for group in metadata.row_groups() {
        let chunk = group.column(at);
        let nulls = chunk.statistics().and_then(|stats| stats.null_count_opt());
        let nulls = nulls.and_then(|nulls| i64::try_from(nulls).ok());
        stats.bytes = sum(stats.bytes, Some(chunk.compressed_size()));
        stats.nulls = sum(stats.nulls, nulls);
        let values = nulls.map(|nulls| chunk.num_values() - nulls);
        stats.values = sum(stats.values, values);
    }
    if let Some(data_type) = in_file(&column.stored) {
        let field = Field::new(column.field.name(), data_type, true);
        let schema = metadata.file_metadata().schema_descr();
        let groups = metadata.row_groups();
        let broken = |error| Error::broken(format!("a file's statistics cannot be read: {error}"));
        let converter =
            StatisticsConverter::from_column_index(at, &field, schema).map_err(broken)?;
        let mins = converter.row_group_mins(groups).map_err(broken)?;
        let maxes = converter.row_group_maxes(groups).map_err(broken)?;
        // A group without bounds that has values makes the file's unknown.
        let with_values = groups.iter().map(|group| {
            let chunk = group.column(at);
            let nulls = chunk.statistics().and_then(|stats| stats.null_count_opt());
            nulls.is_none_or(|nulls| i64::try_from(nulls) != Ok(chunk.num_values()))
        });
        let with_values: Vec<bool> = with_values.collect();
        stats.min = extreme(&mins, &with_values, bounds::Side::Min)?;
        stats.max = extreme(&maxes, &with_values, bounds::Side::Max)?;
    }
    Ok(stats)
}

/// The text of the least or greatest of the bounds of row groups.
fn extreme(bounds: &ArrayRef, with_values: &[bool], side: bounds::Side) -> Result<Option<String>> {
    let mut found: Option<ScalarValue> = None;
    for (at, _) in with_values.iter().enumerate().filter(|(_, has)| **has) {
        if at >= bounds.len() || bounds.is_null(at) {
            return Ok(None);
        }
        let bound = ScalarValue::try_from_array(bounds, at).map_err(Error::internal)?;
        found = match found {
            None => Some(bound),
            Some(found) => match side.of(found, bound) {
                Some(found) => Some(found),
                None => return Ok(None),
            },
        };
    }
    found.map_or(Ok(None), |found| bound_text(&found))
}

/// A bound as the catalog has it; `None` for what it cannot have.
fn bound_text(bound: &ScalarValue) -> Result<Option<String>> {
    let text = match bound {
        ScalarValue::Boolean(Some(value)) => Some(u8::from(*value).to_string()),
        ScalarValue::Binary(Some(bytes)) => Some(text::hex(bytes)),
        bound => {
            let array = bound.to_array().map_err(Error::internal)?;
            text::write(&array, 0)?
        }
    };
    // PostgreSQL has no texts with a zero in them.
    Ok(text.filter(|text| !text.contains('\0')))
}

/// The Arrow type whose values have bounds, as a Parquet file holds it.
fn in_file(stored: &str) -> Option<DataType> {
    match stored {
        "timestamp_s" => Some(DataType::Timestamp(TimeUnit::Microsecond, None)),
        // Written as doubles and not exact.
        "int128" | "uint128" => None,
        other => in_text(other),
    }
}

/// The Arrow type that the bounds of a column are texts of; `None` where they have no order that all agree on.
fn in_text(stored: &str) -> Option<DataType> {
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
        "int128" | "uint128" => DataType::Decimal256(39, 0),
        "float32" => DataType::Float32,
        "float64" => DataType::Float64,
        "varchar" | "json" => DataType::Utf8,
        "blob" => DataType::Binary,
        "uuid" => DataType::FixedSizeBinary(16),
        "date" => DataType::Date32,
        "time" => DataType::Time64(TimeUnit::Microsecond),
        "timestamp_s" => DataType::Timestamp(TimeUnit::Second, None),
        "timestamp_ms" => DataType::Timestamp(TimeUnit::Millisecond, None),
        "timestamp" => DataType::Timestamp(TimeUnit::Microsecond, None),
        "timestamp_ns" => DataType::Timestamp(TimeUnit::Nanosecond, None),
        "timestamptz" => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        decimal => {
            let inner = decimal.strip_prefix("decimal(")?.strip_suffix(')')?;
            let (precision, scale) = inner.split_once(',')?;
            DataType::Decimal128(precision.trim().parse().ok()?, scale.trim().parse().ok()?)
        }
    })
}

/// Unknown with anything is unknown.
fn sum(a: Option<i64>, b: Option<i64>) -> Option<i64> {
    a?.checked_add(b?)
}

#[cfg(test)]
#[path = "stats/tests.rs"]
mod tests;
