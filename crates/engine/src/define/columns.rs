//! Columns of durable tables, as they are written.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema, SchemaRef, TimeUnit};
use datafusion::sql::sqlparser::ast::{CreateTable, DataType as Written};
use godwit_catalog::ColumnDefault;

use crate::Result;
use crate::change::columns_of;
use crate::session::State;

/// Microseconds: what SQL means by a TIMESTAMP or TIME without a precision, and what the lake's types of these names hold.
const PRECISION: u64 = 6;

/// Types and defaults. The engine would count a TIMESTAMP and a TIME in nanoseconds, which other readers of the lake know
/// under other names; `TIMESTAMP(9)` asks for them.
pub(super) fn durable_columns(
    state: &State,
    mut columns: CreateTable,
) -> Result<(SchemaRef, BTreeMap<String, ColumnDefault>)> {
    for column in &mut columns.columns {
        if let Written::Timestamp(precision @ None, _) = &mut column.data_type {
            *precision = Some(PRECISION);
        }
    }
    let (schema, defaults) = columns_of(state, columns)?;
    let fields = schema.fields().iter().map(|field| {
        let field = field.as_ref().clone();
        match field.data_type() {
            DataType::Time64(TimeUnit::Nanosecond) => {
                field.with_data_type(DataType::Time64(TimeUnit::Microsecond))
            }
            _ => field,
        }
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Ok((schema, defaults))
}
