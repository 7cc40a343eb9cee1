use arrow::array::{Array, RecordBatch};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

use crate::Result;

/// How an absent value is shown.
pub(crate) const NULL: &str = "NULL";

/// Writes every value of a column as text, row by row.
pub(super) struct Cells<'a>(Vec<ArrayFormatter<'a>>);

impl<'a> Cells<'a> {
    pub(super) fn of(batch: &'a RecordBatch) -> Result<Self> {
        let columns = batch.columns().iter();
        let all: Result<_, _> = columns.map(|column| formatter(column.as_ref())).collect();
        Ok(Self(all?))
    }

    /// One value.
    pub(super) fn text(&self, row: usize, column: usize) -> String {
        self.0[column].value(row).to_string()
    }

    pub(super) fn columns(&self) -> usize {
        self.0.len()
    }
}

/// Where a value that cannot be shown is among others that can, its place says why.
fn formatter(column: &dyn Array) -> Result<ArrayFormatter<'_>> {
    let options = FormatOptions::new()
        .with_null(NULL)
        .with_display_error(true);
    Ok(ArrayFormatter::try_new(column, &options)?)
}

/// Whether its values are read from the right.
pub(super) fn is_numeric(kind: &DataType) -> bool {
    match kind {
        DataType::Dictionary(_, value) => is_numeric(value),
        kind => kind.is_numeric(),
    }
}
