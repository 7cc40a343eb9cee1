//! Which files can have rows that a predicate keeps. In doubt, a file can.

use std::sync::Arc;

use arrow::array::{ArrayRef, UInt64Array};
use arrow::datatypes::DataType;
use datafusion::common::pruning::PruningStatistics;
use datafusion::common::{Column as Name, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_optimizer::pruning::PruningPredicateBuilder;

use super::bounds::Side;
use crate::{Column, ColumnStats, DataFile, Result, Table, text};

/// For each file, whether it has to be read for a predicate over the table's columns, as users see them.
///
/// # Errors
/// None so far: what cannot be decided keeps the file.
pub(crate) fn prune(
    files: &[Arc<DataFile>],
    table: &Table,
    predicate: &Arc<dyn PhysicalExpr>,
) -> Result<Vec<bool>> {
    let statistics = Files { files, table };
    let schema = Arc::clone(&table.arrow);
    let kept = PruningPredicateBuilder::new()
        .with_file_schema(schema)
        .try_build(Arc::clone(predicate))
        .and_then(|predicate| predicate.prune(&statistics));
    Ok(kept.unwrap_or_else(|error| {
        tracing::debug!(%error, "a predicate cannot skip files");
        vec![true; files.len()]
    }))
}

struct Files<'a> {
    files: &'a [Arc<DataFile>],
    table: &'a Table,
}

impl Files<'_> {
    fn bounds(&self, name: &str, side: Side) -> Option<ArrayRef> {
        let column = self.table.column(name)?;
        if !is_comparable(column) {
            return None;
        }
        let unknown = ScalarValue::try_from(column.field.data_type()).ok()?;
        let bounds = self.files.iter().map(|file| {
            let stats = of(file, column);
            let bound = stats.and_then(|stats| bound(stats, column, side));
            bound.unwrap_or_else(|| unknown.clone())
        });
        ScalarValue::iter_to_array(bounds).ok()
    }
}

impl PruningStatistics for Files<'_> {
    fn min_values(&self, column: &Name) -> Option<ArrayRef> {
        self.bounds(column.name(), Side::Min)
    }

    fn max_values(&self, column: &Name) -> Option<ArrayRef> {
        self.bounds(column.name(), Side::Max)
    }

    fn num_containers(&self) -> usize {
        self.files.len()
    }

    fn null_counts(&self, column: &Name) -> Option<ArrayRef> {
        let column = self.table.column(column.name())?;
        if !column.children.is_empty() {
            return None;
        }
        let counts = self.files.iter().map(|file| {
            let nulls = of(file, column)?.nulls?;
            u64::try_from(nulls).ok()
        });
        Some(Arc::new(counts.collect::<UInt64Array>()))
    }

    fn row_counts(&self) -> Option<ArrayRef> {
        let rows = self.files.iter().map(|file| Some(file.rows));
        Some(Arc::new(rows.collect::<UInt64Array>()))
    }

    fn contained(
        &self,
        _column: &Name,
        _values: &std::collections::HashSet<ScalarValue>,
    ) -> Option<arrow::array::BooleanArray> {
        None
    }
}

/// A file made before the column was added has no statistics of it.
fn of<'a>(file: &'a DataFile, column: &Column) -> Option<&'a ColumnStats> {
    file.stats.iter().find(|stats| stats.column == column.id)
}

/// Whether the order of the type that users see is that of the texts.
fn is_comparable(column: &Column) -> bool {
    let shown = column.field.data_type();
    let is_stored_as_shown = !matches!(shown, DataType::Float16 | DataType::FixedSizeBinary(_));
    let has_order = super::in_text(&column.stored).is_some();
    column.children.is_empty() && is_stored_as_shown && has_order
}

fn bound(stats: &ColumnStats, column: &Column, side: Side) -> Option<ScalarValue> {
    let text = match side {
        Side::Min => stats.min.as_deref()?,
        Side::Max => stats.max.as_deref()?,
    };
    let shown = column.field.data_type();
    match shown {
        DataType::Float32 | DataType::Float64 => float(stats, text, shown, side),
        DataType::Binary | DataType::LargeBinary | DataType::BinaryView => {
            let text = format!("\\x{text}");
            let array = text::read_inlined(&[Some(&text)], "BLOB", shown).ok()?;
            ScalarValue::try_from_array(&array, 0).ok()
        }
        shown => text::scalar(Some(text), shown).ok(),
    }
}

/// NaNs are beyond all bounds, and both zeros are in the order; a text may come from a file of narrower floats.
fn float(stats: &ColumnStats, text: &str, shown: &DataType, side: Side) -> Option<ScalarValue> {
    if stats.has_nan != Some(false) {
        return None;
    }
    let wide: f64 = text.parse().ok()?;
    let narrow: f32 = text.parse().ok()?;
    let of = |a: f64, b: f64| match side {
        Side::Min => a.min(b),
        Side::Max => a.max(b),
    };
    let zero = match side {
        Side::Min => -0.0,
        Side::Max => 0.0,
    };
    let bound = of(wide, f64::from(narrow));
    let is_zero = bound == 0.0;
    match shown {
        _ if bound.is_nan() => None,
        DataType::Float32 if is_zero => ScalarValue::from(zero).cast_to(shown).ok(),
        DataType::Float32 => Some(ScalarValue::Float32(Some(narrow))),
        _ => Some(ScalarValue::from(if is_zero { zero } else { bound })),
    }
}
