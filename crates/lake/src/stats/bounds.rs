//! Bounds of two sets of values as those of both.

use std::cmp::Ordering;

use arrow::datatypes::DataType;
use datafusion::common::ScalarValue;

use super::{in_text, sum};
use crate::{Column, ColumnStats, text};

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Min,
    Max,
}

impl Side {
    /// The one further out; `None` when they cannot be compared.
    pub(super) fn of(self, a: ScalarValue, b: ScalarValue) -> Option<ScalarValue> {
        let takes_first = match (self, a.partial_cmp(&b)?) {
            (_, Ordering::Equal) => true,
            (Self::Min, order) => order == Ordering::Less,
            (Self::Max, order) => order == Ordering::Greater,
        };
        Some(if takes_first { a } else { b })
    }
}

/// What is known of the values of both, in the order of the column's type. Where one side has values and no bound, there is
/// none; a side without values ([`ColumnStats::values`] is zero) takes none away.
pub(crate) fn merge(a: &ColumnStats, b: &ColumnStats, column: &Column) -> ColumnStats {
    let bound = |side: Side| {
        let of = |stats: &ColumnStats| match side {
            Side::Min => stats.min.clone(),
            Side::Max => stats.max.clone(),
        };
        match (of(a), of(b)) {
            (Some(a), Some(b)) => further(side, a, b, &column.stored),
            (Some(a), None) if b.values == Some(0) => Some(a),
            (None, Some(b)) if a.values == Some(0) => Some(b),
            _ => None,
        }
    };
    let has_nan = match (a.has_nan, b.has_nan) {
        (Some(a), Some(b)) => Some(a || b),
        (Some(true), _) | (_, Some(true)) => Some(true),
        (Some(known), None) if b.values == Some(0) => Some(known),
        (None, Some(known)) if a.values == Some(0) => Some(known),
        _ => None,
    };
    ColumnStats {
        column: column.id,
        bytes: sum(a.bytes, b.bytes),
        values: sum(a.values, b.values),
        nulls: sum(a.nulls, b.nulls),
        min: bound(Side::Min),
        max: bound(Side::Max),
        has_nan,
    }
}

fn further(side: Side, a: String, b: String, stored: &str) -> Option<String> {
    if a == b {
        return Some(a);
    }
    // Bounds of bytes are hexadecimal in statistics, whose order is that of the bytes, and plain where DuckDB kept rows
    // in the catalog: as texts they have one order.
    let data_type = match in_text(stored)? {
        DataType::Binary => DataType::Utf8,
        data_type => data_type,
    };
    let value = |text: &str| text::scalar(Some(text), &data_type).ok();
    let (first, second) = (value(&a)?, value(&b)?);
    let kept = side.of(first.clone(), second)?;
    Some(if kept == first { a } else { b })
}
