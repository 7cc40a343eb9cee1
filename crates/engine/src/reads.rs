//! How many rows there are in the batches of a query that only reads.
//!
//! What operators work on is to stay in the processor's cache. Rows that go to the client as they come from their table
//! know no operators: a batch may be as large as a message, and then nothing is handed over, joined or copied in small
//! pieces.

use arrow::datatypes::{DataType, Schema};
use datafusion::catalog::memory::MemorySourceConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::projection::ProjectionExec;

/// About how many bytes the rows of a batch take: what `wire.message_bytes` is by default.
const WANTED: usize = 2 << 20;
/// The most rows of a batch that is read from a file.
const MOST_ROWS: usize = 64 << 10;
/// What a value without a fixed width is taken for, in bytes.
const TEXT: usize = 32;

/// The rows of a batch for this plan, where `usual` are right for any plan.
pub(crate) fn batch_rows(plan: &dyn ExecutionPlan, usual: usize) -> usize {
    match source(plan) {
        // They are in memory, and are passed on in the batches that they are kept in.
        Some(scan) if scan.data_source().is::<MemorySourceConfig>() => usize::MAX,
        Some(_) => {
            let rows = WANTED / width(&plan.schema());
            rows.next_power_of_two().clamp(usual, usual.max(MOST_ROWS))
        }
        None => usual,
    }
}

/// The table behind a plan that does nothing else than to read it.
fn source(plan: &dyn ExecutionPlan) -> Option<&DataSourceExec> {
    if plan.is::<ProjectionExec>() || plan.is::<CoalescePartitionsExec>() {
        let [input] = plan.children()[..] else {
            return None;
        };
        return source(input.as_ref());
    }
    plan.downcast_ref()
}

/// What a row takes, in bytes: an estimate.
fn width(schema: &Schema) -> usize {
    let fields = schema.fields().iter();
    let widths = fields.map(|field| match field.data_type() {
        DataType::Boolean | DataType::Null => 1,
        other => other.primitive_width().unwrap_or(TEXT),
    });
    widths.sum::<usize>().max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::datatypes::Field;
    use datafusion::physical_plan::empty::EmptyExec;

    use super::*;

    fn schema(types: &[DataType]) -> Schema {
        let fields = types.iter().enumerate();
        let fields = fields.map(|(at, kind)| Field::new(format!("c{at}"), kind.clone(), true));
        Schema::new(fields.collect::<Vec<_>>())
    }

    #[test]
    fn rows_are_estimated_by_their_columns() {
        assert_eq!(width(&schema(&[])), 1);
        let four = [
            DataType::Int64,
            DataType::Utf8View,
            DataType::Boolean,
            DataType::Date32,
        ];
        assert_eq!(width(&schema(&four)), 8 + TEXT + 1 + 4);
    }

    #[test]
    fn tables_in_memory_are_passed_on_as_they_are_kept() {
        let rows = Arc::new(schema(&[DataType::Int64]));
        let memory = MemorySourceConfig::try_new_exec(&[vec![]], Arc::clone(&rows), None).unwrap();
        assert_eq!(batch_rows(memory.as_ref(), 8192), usize::MAX);
        let merged = CoalescePartitionsExec::new(memory);
        assert_eq!(batch_rows(&merged, 8192), usize::MAX);
        let nothing = EmptyExec::new(rows);
        assert_eq!(batch_rows(&nothing, 8192), 8192);
    }
}
