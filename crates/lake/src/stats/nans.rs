//! Whether there is a NaN in a column, which Parquet's footer does not say.

use std::collections::BTreeSet;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Float16Type, Float32Type, Float64Type};

use super::leaves;
use crate::{Column, ColumnId, ColumnStats};

/// Looks at rows as they pass.
#[derive(Debug, Clone, Default)]
pub(crate) struct Nans {
    seen: BTreeSet<ColumnId>,
}

impl Nans {
    /// Looks at the rows of a batch, whose columns are these, in any Arrow type that they can have.
    pub(crate) fn look(&mut self, columns: &[Column], batch: &RecordBatch) {
        for (column, array) in columns.iter().zip(batch.columns()) {
            self.look_at(column, array);
        }
    }

    /// Says in the statistics of float columns what was seen.
    pub(crate) fn say(&self, columns: &[Column], stats: &mut [ColumnStats]) {
        for column in leaves(columns) {
            let is_float = matches!(column.stored.as_str(), "float32" | "float64");
            let of_column = stats.iter_mut().find(|stats| stats.column == column.id);
            if let (true, Some(of_column)) = (is_float, of_column) {
                of_column.has_nan = Some(self.seen.contains(&column.id));
            }
        }
    }

    fn look_at(&mut self, column: &Column, array: &ArrayRef) {
        if self.seen.contains(&column.id) {
            return;
        }
        match array.data_type() {
            _ if has_nan(array) => {
                self.seen.insert(column.id);
            }
            DataType::Struct(_) => self.look_at_all(&column.children, array.as_struct().columns()),
            DataType::List(_) => self.look_at_items(column, array.as_list::<i32>().values()),
            DataType::LargeList(_) => self.look_at_items(column, array.as_list::<i64>().values()),
            DataType::FixedSizeList(..) => {
                self.look_at_items(column, array.as_fixed_size_list().values());
            }
            DataType::Map(..) => {
                let entries = array.as_map().entries();
                self.look_at_all(&column.children, entries.columns());
            }
            _ => {}
        }
    }

    fn look_at_items(&mut self, column: &Column, items: &ArrayRef) {
        if let Some(child) = column.children.first() {
            self.look_at(child, items);
        }
    }

    fn look_at_all(&mut self, columns: &[Column], arrays: &[ArrayRef]) {
        for (column, array) in columns.iter().zip(arrays) {
            self.look_at(column, array);
        }
    }
}

fn has_nan(array: &ArrayRef) -> bool {
    match array.data_type() {
        DataType::Float16 => {
            let mut values = array.as_primitive::<Float16Type>().iter().flatten();
            values.any(|value| value.to_f32().is_nan())
        }
        DataType::Float32 => {
            let mut values = array.as_primitive::<Float32Type>().iter().flatten();
            values.any(f32::is_nan)
        }
        DataType::Float64 => {
            let mut values = array.as_primitive::<Float64Type>().iter().flatten();
            values.any(f64::is_nan)
        }
        _ => false,
    }
}
