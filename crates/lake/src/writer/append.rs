//! Rows that a statement adds.

use std::sync::Arc;

use arrow::array::{Array, AsArray, Int64Array, RecordBatch};
use arrow::datatypes::DataType;

use super::sink::{Rows, Sink};
use crate::transaction::{INLINED_COLUMNS, Inner};
use crate::{Part, Result, Table, text, types};

/// Few rows wait in memory for the commit, which keeps them in the catalog; more go to files.
#[derive(Debug)]
pub(super) struct Appends {
    /// Rows that get their row ids at the commit.
    fresh: Sink,
    /// New versions of rows, with the row ids that they keep.
    versions: Sink,
    /// How many rows may still wait; `None` when rows go to files.
    waiting: Option<u64>,
}

impl Appends {
    pub(super) fn new(transaction: Arc<Inner>, table: Arc<Table>) -> Self {
        let limit = transaction.lake.inner.options.inline_rows;
        let waiting = (limit > 0 && is_inline_safe(&table)).then_some(limit);
        Self {
            fresh: Sink::new(Arc::clone(&transaction), Arc::clone(&table), Rows::Fresh),
            versions: Sink::new(transaction, table, Rows::Versions),
            waiting,
        }
    }

    pub(super) async fn push(
        &mut self,
        batch: RecordBatch,
        row_ids: Option<Int64Array>,
    ) -> Result<()> {
        let waiting = self.waiting.take();
        let waiting = waiting.and_then(|left| left.checked_sub(batch.num_rows() as u64));
        self.waiting = waiting.filter(|_| !has_zero(&batch));
        let sink = match row_ids {
            Some(_) => &mut self.versions,
            None => &mut self.fresh,
        };
        sink.wait(batch, row_ids);
        if self.waiting.is_none() {
            self.fresh.write().await?;
            self.versions.write().await?;
        }
        Ok(())
    }

    /// The parts that hold the rows.
    pub(super) async fn finish(self) -> Result<Vec<Part>> {
        let mut parts = self.fresh.finish().await?;
        parts.extend(self.versions.finish().await?);
        Ok(parts)
    }
}

/// Whether the catalog can keep rows of a table.
pub(crate) fn is_inline_safe(table: &Table) -> bool {
    table.columns.iter().all(|column| {
        let name = column.field.name();
        let is_free = INLINED_COLUMNS
            .iter()
            .all(|own| !own.eq_ignore_ascii_case(name));
        // PostgreSQL cuts longer names.
        is_free
            && name.len() < 64
            && types::file_field(column).is_ok_and(|field| text::is_inline_safe(field.data_type()))
    })
}

/// Whether a text has a zero byte in it, at which SQLite ends texts.
fn has_zero(batch: &RecordBatch) -> bool {
    let mut columns = batch.columns().iter();
    columns.any(|column| match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().iter().flatten().any(zero),
        DataType::LargeUtf8 => column.as_string::<i64>().iter().flatten().any(zero),
        DataType::Utf8View => column.as_string_view().iter().flatten().any(zero),
        DataType::Dictionary(..) | DataType::RunEndEncoded(..) => true,
        _ => false,
    })
}

fn zero(text: &str) -> bool {
    text.contains('\0')
}
