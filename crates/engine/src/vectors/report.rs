//! Findings as rows.

use std::sync::{Arc, LazyLock};

use arrow::array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::error::ArrowError;

use super::column::Column;

/// The columns of `vector_types(…)`.
pub(super) static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let fields = FIELDS.map(|(name, kind)| Field::new(name, kind, false));
    Arc::new(Schema::new(fields.to_vec()))
});

const FIELDS: [(&str, DataType); 15] = [
    ("chunk", DataType::Int64),
    ("first_row", DataType::Int64),
    ("column_index", DataType::Int64),
    ("column_name", DataType::Utf8),
    ("data_type", DataType::Utf8),
    ("row_count", DataType::Int64),
    ("kind", DataType::Utf8),
    ("distinct_count", DataType::Int64),
    ("run_count", DataType::Int64),
    ("null_count", DataType::Int64),
    ("validity", DataType::Utf8),
    ("bytes_flat", DataType::Int64),
    ("bytes_best", DataType::Int64),
    ("saving", DataType::Float64),
    ("suggestion", DataType::Utf8),
];

/// A column of one chunk.
#[derive(Debug)]
pub(super) struct Finding {
    /// Of the chunk, from 0.
    pub(super) chunk: u64,
    /// Of the result, from 0.
    pub(super) first_row: u64,
    /// Of the columns, from 0.
    pub(super) index: usize,
    pub(super) column: Column,
}

impl Finding {
    fn validity(&self) -> &'static str {
        match self.column.nulls {
            0 => "all valid",
            nulls if nulls == self.column.rows => "all null",
            _ => "some null",
        }
    }

    /// How much of the flat bytes the best form spares, in per cent.
    fn saving(&self) -> f64 {
        let (flat, best) = (self.column.flat, self.column.best);
        if flat == 0 {
            return 0.0;
        }
        (flat - best) as f64 / flat as f64 * 100.0
    }
}

/// Rows of the table. `columns` are those of the query: the name, and the type as the engine has it.
pub(super) fn batch(
    findings: &[Finding],
    columns: &[(String, String)],
) -> Result<RecordBatch, ArrowError> {
    let count = |number: fn(&Finding) -> u64| {
        let numbers = findings.iter().map(number);
        let numbers = numbers.map(|number| i64::try_from(number).unwrap_or(i64::MAX));
        Arc::new(Int64Array::from_iter_values(numbers)) as ArrayRef
    };
    let text = |text: &dyn Fn(&Finding) -> String| {
        Arc::new(StringArray::from_iter_values(findings.iter().map(text))) as ArrayRef
    };
    let described = |finding: &Finding| columns.get(finding.index).cloned().unwrap_or_default();
    let saving = findings.iter().map(Finding::saving);
    let arrays = vec![
        count(|finding| finding.chunk),
        count(|finding| finding.first_row),
        count(|finding| finding.index as u64),
        text(&|finding| described(finding).0),
        text(&|finding| described(finding).1),
        count(|finding| finding.column.rows as u64),
        text(&|finding| finding.column.kind.name().to_owned()),
        count(|finding| finding.column.distinct as u64),
        count(|finding| finding.column.runs as u64),
        count(|finding| finding.column.nulls as u64),
        text(&|finding| finding.validity().to_owned()),
        count(|finding| finding.column.flat),
        count(|finding| finding.column.best),
        Arc::new(Float64Array::from_iter_values(saving)),
        text(&|finding| finding.column.form.to_string()),
    ];
    RecordBatch::try_new(Arc::clone(&SCHEMA), arrays)
}
