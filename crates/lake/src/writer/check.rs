use arrow::array::{Array, RecordBatch};

use crate::{Error, Result, Table};

/// Whether rows fit a table. `before` is how many rows the statement has added so far.
pub(super) fn rows(table: &Table, batch: &RecordBatch, before: u64) -> Result<()> {
    if let Some(why) = &table.read_only {
        return Err(Error::unsupported(format!(
            "rows of table \"{}.{}\" cannot be added or updated: {why}",
            table.schema, table.name
        )));
    }
    if batch.num_columns() != table.columns.len() {
        return Err(Error::invalid(format!(
            "rows of {} columns are for table \"{}.{}\", which has {}",
            batch.num_columns(),
            table.schema,
            table.name,
            table.columns.len()
        )));
    }
    for (column, array) in table.columns.iter().zip(batch.columns()) {
        let field = &column.field;
        if !field.data_type().equals_datatype(array.data_type()) {
            return Err(Error::invalid(format!(
                "column {:?} of table \"{}.{}\" is of type {}, and the values are of type {}",
                field.name(),
                table.schema,
                table.name,
                field.data_type(),
                array.data_type()
            )));
        }
        if !field.is_nullable() && array.null_count() > 0 {
            let at = (0..array.len()).find(|&row| array.is_null(row));
            let row = before + at.unwrap_or_default() as u64 + 1;
            return Err(Error::invalid(format!(
                "column {:?} of table \"{}.{}\" is NOT NULL, and row {row} of the statement has no value for it",
                field.name(),
                table.schema,
                table.name
            )));
        }
    }
    Ok(())
}
