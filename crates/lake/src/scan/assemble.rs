//! Values as they were stored become values of a column as it is now: parts are found by their numbers, what is missing gets
//! its default, what was widened is cast.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, ListArray, StructArray};
use arrow::datatypes::{DataType, Field, Fields};
use arrow::error::ArrowError;
use datafusion::common::ScalarValue;

use crate::types::{self, FIELD_ID, as_list, convert, map_of, of_list};
use crate::{Column, ColumnId, text};

/// The Parquet field id of the row ids that a file holds itself.
const ROW_ID_FIELD: i64 = 2_147_483_540;
const ROW_ID_NAME: &str = "_ducklake_internal_row_id";

/// Names that columns have in files which do not know their numbers.
pub(crate) type Mapping = Option<Arc<Vec<(ColumnId, String)>>>;

type Assembled = Result<ArrayRef, ArrowError>;

/// Where a column is among the fields of a file.
pub(crate) fn find(
    fields: &Fields,
    mapping: &Mapping,
    column: ColumnId,
    name: &str,
) -> Option<usize> {
    let named = |name: &str| fields.iter().position(|field| field.name() == name);
    if let Some(mapping) = mapping {
        let (_, name) = mapping.iter().find(|(id, _)| *id == column)?;
        return named(name);
    }
    if fields.iter().any(|field| field_id(field).is_some()) {
        return fields
            .iter()
            .position(|field| field_id(field) == Some(column.0));
    }
    named(name)
}

/// Where the row ids are among the fields of a file that holds them.
pub(crate) fn find_row_ids(fields: &Fields) -> Option<usize> {
    fields.iter().position(|field| {
        field_id(field) == Some(ROW_ID_FIELD)
            || (field_id(field).is_none() && field.name() == ROW_ID_NAME)
    })
}

fn field_id(field: &Field) -> Option<i64> {
    field.metadata().get(FIELD_ID)?.parse().ok()
}

/// Stored values as values of a column.
///
/// # Errors
/// When a value does not fit the column's type.
pub(crate) fn assemble(array: &ArrayRef, mapping: &Mapping, column: &Column) -> Assembled {
    let to = column.field.data_type();
    match (column.stored.as_str(), column.children.as_slice()) {
        ("list", [element]) => {
            let list = as_list(array)?;
            let values = assemble(list.values(), mapping, element)?;
            let item = match to {
                DataType::List(item)
                | DataType::LargeList(item)
                | DataType::FixedSizeList(item, _) => Arc::clone(item),
                other => return Err(ArrowError::CastError(format!("{other} is no list"))),
            };
            let nulls = list.nulls().cloned();
            let list = ListArray::try_new(item, list.offsets().clone(), values, nulls)?;
            of_list(list, to)
        }
        ("struct", children) => {
            let (DataType::Struct(fields), Some(values)) = (to, array.as_struct_opt()) else {
                return Err(mismatch(array, column));
            };
            let parts = children.iter().map(|child| {
                match find(values.fields(), mapping, child.id, child.field.name()) {
                    Some(at) => assemble(values.column(at), mapping, child),
                    None => initial(child)?
                        .to_array_of_size(values.len())
                        .map_err(arrow),
                }
            });
            let parts = parts.collect::<Result<Vec<_>, _>>()?;
            let nulls = values.nulls().cloned();
            let made =
                StructArray::try_new_with_length(fields.clone(), parts, nulls, values.len())?;
            Ok(Arc::new(made))
        }
        ("map", [key, value]) => {
            let (DataType::Map(entries, sorted), Some(map)) = (to, array.as_map_opt()) else {
                return Err(mismatch(array, column));
            };
            let keys = assemble(map.keys(), mapping, key)?;
            let values = assemble(map.values(), mapping, value)?;
            map_of(map, entries, keys, values, *sorted)
        }
        _ => convert(array, to),
    }
}

/// What rows have in a column that is younger than they are.
///
/// # Errors
/// When the catalog's text is no value of the column's type.
pub(crate) fn initial(column: &Column) -> Result<ScalarValue, ArrowError> {
    let to = column.field.data_type();
    match &column.initial_default {
        Some(text) if text != "NULL" => {
            let stored =
                types::text_type(column).and_then(|stored| text::read(&[Some(text)], &stored));
            let stored = stored.map_err(|error| ArrowError::ExternalError(Box::new(error)))?;
            let value = assemble(&stored, &None, column)?;
            ScalarValue::try_from_array(&value, 0).map_err(arrow)
        }
        _ => ScalarValue::try_new_null(to).map_err(arrow),
    }
}

fn arrow(error: datafusion::error::DataFusionError) -> ArrowError {
    ArrowError::ExternalError(Box::new(error))
}

fn mismatch(array: &ArrayRef, column: &Column) -> ArrowError {
    ArrowError::CastError(format!(
        "the column {:?} is a {}, and {} is stored",
        column.field.name(),
        column.stored,
        array.data_type()
    ))
}
