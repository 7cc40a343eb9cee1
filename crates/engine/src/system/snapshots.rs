//! `system.snapshots`: what was committed, when and by whom.

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray, TimestampMicrosecondArray};
use arrow::datatypes::{DataType, Field, TimeUnit};
use datafusion::error::{DataFusionError, Result};
use godwit_lake::Lake;

pub(super) fn fields() -> Vec<Field> {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    vec![
        Field::new("snapshot_id", DataType::Int64, false),
        Field::new("time", time, false),
        Field::new("schema_version", DataType::Int64, false),
        Field::new("changes", DataType::Utf8, true),
        Field::new("author", DataType::Utf8, true),
        Field::new("message", DataType::Utf8, true),
    ]
}

/// What was changed names tables, and is for those who see all of them.
pub(super) async fn columns(lake: &Lake, all: bool) -> Result<Vec<ArrayRef>> {
    let snapshots = lake
        .snapshots()
        .await
        .map_err(|error| DataFusionError::External(Box::new(error)))?;
    let ids = snapshots.iter().map(|snapshot| snapshot.id.0);
    let times = snapshots
        .iter()
        .map(|snapshot| snapshot.time.timestamp_micros());
    let versions = snapshots.iter().map(|snapshot| snapshot.schema_version);
    let changes = snapshots
        .iter()
        .map(|snapshot| all.then_some(snapshot.changes.as_str()));
    let authors = snapshots.iter().map(|snapshot| snapshot.author.as_deref());
    let messages = snapshots.iter().map(|snapshot| snapshot.message.as_deref());
    Ok(vec![
        Arc::new(Int64Array::from_iter_values(ids)),
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(versions)),
        Arc::new(changes.collect::<StringArray>()),
        Arc::new(authors.collect::<StringArray>()),
        Arc::new(messages.collect::<StringArray>()),
    ])
}
