//! What Parquet files hold.

use std::collections::HashMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef};

use super::name;
use crate::{Column, Error, Result};

/// The key of a field's metadata that is the Parquet field id: the column's number.
pub(crate) const FIELD_ID: &str = "PARQUET:field_id";

/// The Arrow schema of the Parquet files that are written for columns, with field ids.
///
/// # Errors
/// [`Error::Unsupported`] naming a column that cannot be written.
pub(crate) fn file_schema(columns: &[Column]) -> Result<SchemaRef> {
    let fields = columns.iter().map(file_field).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(Schema::new(fields)))
}

/// One field of it.
///
/// # Errors
/// As [`file_schema`].
pub(crate) fn file_field(column: &Column) -> Result<Field> {
    let mut field = part(column, column.field.name(), &|column| {
        name::is_writable(&column.stored)
            .then(|| name::in_file(&column.stored))
            .flatten()
            .ok_or_else(|| unwritable(column))
    })?;
    field.set_nullable(column.field.is_nullable());
    Ok(field)
}

/// What the catalog's texts of a column are values of: as in files, with field ids in nested types.
///
/// # Errors
/// [`Error::Unsupported`] naming a column whose texts cannot be read.
pub(crate) fn text_type(column: &Column) -> Result<DataType> {
    let field = part(column, column.field.name(), &|column| {
        name::in_text(&column.stored).ok_or_else(|| {
            Error::unsupported(format!(
                "the column {:?} holds values of the type {}, which Godwit cannot read",
                column.field.name(),
                column.stored
            ))
        })
    })?;
    Ok(field.data_type().clone())
}

type ScalarType<'a> = &'a dyn Fn(&Column) -> Result<DataType>;

/// Parts of nested columns are always nullable in files, as DuckDB writes them.
fn part(column: &Column, name: &str, scalar: ScalarType<'_>) -> Result<Field> {
    let child = |at: usize, name: &str| {
        let child = column
            .children
            .get(at)
            .ok_or_else(|| incomplete(column, name))?;
        part(child, name, scalar)
    };
    let data_type = match column.stored.as_str() {
        "list" => DataType::List(Arc::new(child(0, "element")?)),
        "struct" => {
            let fields = column.children.iter();
            let fields = fields.map(|child| part(child, child.field.name(), scalar));
            DataType::Struct(fields.collect::<Result<Fields>>()?)
        }
        "map" => {
            let key = child(0, "key")?.with_nullable(false);
            let entries = DataType::Struct(Fields::from(vec![key, child(1, "value")?]));
            DataType::Map(Arc::new(Field::new("key_value", entries, false)), false)
        }
        _ => scalar(column)?,
    };
    let id = HashMap::from([(FIELD_ID.to_owned(), column.id.to_string())]);
    Ok(Field::new(name, data_type, true).with_metadata(id))
}

fn unwritable(column: &Column) -> Error {
    Error::unsupported(format!(
        "column {:?} is of the type {}, which Godwit cannot write to Parquet files",
        column.field.name(),
        column.stored
    ))
}

fn incomplete(column: &Column, part: &str) -> Error {
    Error::broken(format!(
        "the catalog describes the column {:?} of the type {} without its {part}",
        column.field.name(),
        column.stored
    ))
}
