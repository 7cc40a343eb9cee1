use arrow::datatypes::DataType;

use crate::{Column, Error, Result, text, types};

/// The column with a wider type.
///
/// # Errors
/// [`Error::Unsupported`] when values might not stay what they are.
pub(super) fn widen(column: &Column, to: DataType) -> Result<Column> {
    if column.field.data_type() == &to {
        return Ok(column.clone());
    }
    let field = column.field.as_ref().clone().with_data_type(to);
    let stored = types::stored_of(&field)?;
    if !widens(&column.stored, &stored.stored) || is_tagged(column)? || stored.tag.is_some() {
        return Err(refused(column, field.data_type()));
    }
    let mut wider = stored.column(&mut || column.id);
    wider.initial_default = widen_text(column, &wider)?;
    wider.default.clone_from(&column.default);
    wider.comment.clone_from(&column.comment);
    Ok(wider)
}

/// Whether users see another type than the catalog's name has by itself.
fn is_tagged(column: &Column) -> Result<bool> {
    Ok(types::stored_of(&column.field)?.tag.is_some())
}

/// The same value in the words of the wider type.
fn widen_text(column: &Column, wider: &Column) -> Result<Option<String>> {
    let Some(initial) = &column.initial_default else {
        return Ok(None);
    };
    let value = text::read(&[Some(initial)], types::file_field(column)?.data_type())?;
    let wider = types::file_field(wider)?;
    let value = types::convert(&value, wider.data_type()).map_err(Error::internal)?;
    text::write(&value, 0)
}

/// Whether every value of a type of the catalog is one of the other type too, and old files of the one are read as the
/// other. It is what DuckDB allows, without what would round.
fn widens(from: &str, to: &str) -> bool {
    let wider: &[&str] = match from {
        "int8" => &["int16", "int32", "int64", "float32", "float64"],
        "int16" => &["int32", "int64", "float32", "float64"],
        "int32" => &["int64", "float64"],
        "uint8" => &[
            "int16", "int32", "int64", "uint16", "uint32", "uint64", "float32", "float64",
        ],
        "uint16" => &["int32", "int64", "uint32", "uint64", "float32", "float64"],
        "uint32" => &["int64", "uint64", "float64"],
        "float32" => &["float64"],
        "date" => &["timestamp_s", "timestamp_ms", "timestamp"],
        "timestamp_s" => &["timestamp_ms", "timestamp"],
        "timestamp_ms" => &["timestamp"],
        from => return widens_decimal(from, to),
    };
    wider.contains(&to)
}

fn widens_decimal(from: &str, to: &str) -> bool {
    let (Some((from, from_scale)), Some((to, to_scale))) = (decimal(from), decimal(to)) else {
        return false;
    };
    from_scale == to_scale && from < to
}

/// Precision and scale.
fn decimal(stored: &str) -> Option<(u8, i8)> {
    let inner = stored.strip_prefix("decimal(")?.strip_suffix(')')?;
    let (precision, scale) = inner.split_once(',')?;
    Some((precision.trim().parse().ok()?, scale.trim().parse().ok()?))
}

fn refused(column: &Column, to: &DataType) -> Error {
    Error::unsupported(format!(
        "the type of column {:?} cannot become {to}: only types that hold every value of {} are taken; add a column of the new type, update it from the old one and drop that",
        column.field.name(),
        column.field.data_type()
    ))
}
