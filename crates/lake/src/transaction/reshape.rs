//! Rows of a table whose columns were changed in the same transaction.

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, new_null_array};
use arrow::datatypes::FieldRef;
use datafusion::common::ScalarValue;

use crate::{
    Column, ColumnId, ColumnStats, Content, DataFile, Error, Inlined, Part, Result, Rows, Table,
    text, types,
};

/// The content of a table in its altered columns. Files stay as they are: readers find their columns by number.
pub(crate) fn content(content: &Content, old: &Table, altered: &Table) -> Result<Content> {
    let rounded = rounded_columns(old, altered);
    let part = |part: &Part| {
        let rows = match &part.rows {
            Rows::Inlined(rows) => Rows::Inlined(Arc::new(inlined(rows, old, altered)?)),
            Rows::File(file) if rounded.is_empty() => Rows::File(Arc::clone(file)),
            Rows::File(file) => Rows::File(Arc::new(without_bounds(file, &rounded))),
        };
        let deleted = part.deleted.clone();
        Ok(Part { rows, deleted })
    };
    let parts = content.parts.iter().map(part).collect::<Result<_>>()?;
    Ok(Content { parts })
}

/// Columns whose texts of least and greatest values do not hold for the wider type: the shortest text of a float32 is
/// another number as a float64.
pub(crate) fn rounded_columns(old: &Table, altered: &Table) -> Vec<ColumnId> {
    let rounded = altered.columns.iter().filter(|column| {
        let before = old.columns.iter().find(|other| other.id == column.id);
        before.is_some_and(|before| before.stored == "float32" && column.stored != "float32")
    });
    rounded.map(|column| column.id).collect()
}

fn without_bounds(file: &DataFile, columns: &[ColumnId]) -> DataFile {
    let stats = file.stats.iter().cloned().map(|stats| {
        let is_rounded = columns.contains(&stats.column);
        match is_rounded {
            true => ColumnStats {
                min: None,
                max: None,
                ..stats
            },
            false => stats,
        }
    });
    DataFile {
        stats: Arc::new(stats.collect()),
        ..file.clone()
    }
}

fn inlined(rows: &Inlined, old: &Table, altered: &Table) -> Result<Inlined> {
    let count = rows.batch.num_rows();
    let array = |column: &Column| -> Result<ArrayRef> {
        let mut columns = old.columns.iter();
        match columns.position(|other| other.id == column.id) {
            Some(at) => cast(rows.batch.column(at), &column.field),
            None => initial(column, count),
        }
    };
    let arrays = altered.columns.iter().map(array);
    let arrays = arrays.collect::<Result<Vec<_>>>()?;
    let batch = RecordBatch::try_new(Arc::clone(&altered.arrow), arrays);
    let batch = batch.map_err(|error| Error::invalid(error.to_string()))?;
    Ok(Inlined {
        batch,
        ..rows.clone()
    })
}

fn cast(array: &ArrayRef, field: &FieldRef) -> Result<ArrayRef> {
    if array.data_type() == field.data_type() {
        return Ok(Arc::clone(array));
    }
    types::convert(array, field.data_type()).map_err(Error::internal)
}

fn initial(column: &Column, count: usize) -> Result<ArrayRef> {
    let data_type = column.field.data_type();
    let Some(initial) = &column.initial_default else {
        return Ok(new_null_array(data_type, count));
    };
    let value = text::read(&[Some(initial)], types::file_field(column)?.data_type())?;
    let value = types::convert(&value, data_type).map_err(Error::internal)?;
    let value = ScalarValue::try_from_array(&value, 0).map_err(Error::internal)?;
    value.to_array_of_size(count).map_err(Error::internal)
}
