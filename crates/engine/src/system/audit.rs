//! `system.audit`: who did what, newest first, read from the files as far as they may be.

use std::fmt;
use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use datafusion::catalog::{Session as EngineSession, TableProvider};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::stream::RecordBatchReceiverStream;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use godwit_audit::{Auditor, Entry};

use super::caller_of;
use crate::audit::visible_to;

/// How many rows are read before they are passed on.
const ROWS: usize = 1024;
/// How many such batches may wait to be taken.
const WAITING: usize = 2;

/// The table.
pub(super) struct AuditTable {
    auditor: Auditor,
    schema: SchemaRef,
}

impl AuditTable {
    pub(super) fn new(auditor: Auditor) -> Self {
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let text = |name| Field::new(name, DataType::Utf8, true);
        let number = |name| Field::new(name, DataType::UInt64, true);
        let schema = Schema::new(vec![
            Field::new("time", time, false),
            Field::new("event", DataType::Utf8, false),
            text("user"),
            text("address"),
            text("how"),
            text("query_id"),
            text("session_id"),
            text("kind"),
            text("sql"),
            number("rows"),
            number("bytes"),
            number("milliseconds"),
            text("outcome"),
            text("code"),
            text("detail"),
        ]);
        Self {
            auditor,
            schema: Arc::new(schema),
        }
    }
}

#[async_trait]
impl TableProvider for AuditTable {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    async fn scan(
        &self,
        state: &dyn EngineSession,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let rows = Rows {
            auditor: self.auditor.clone(),
            schema: Arc::clone(&self.schema),
            user: visible_to(&*caller_of(state)?),
        };
        Ok(Arc::new(StreamingTableExec::try_new(
            Arc::clone(&self.schema),
            vec![Arc::new(rows)],
            projection,
            None,
            false,
            limit,
        )?))
    }
}

/// The rows that one user may see, or everybody's.
struct Rows {
    auditor: Auditor,
    schema: SchemaRef,
    user: Option<String>,
}

impl PartitionStream for Rows {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    fn execute(&self, _: Arc<TaskContext>) -> SendableRecordBatchStream {
        let mut builder = RecordBatchReceiverStream::builder(Arc::clone(&self.schema), WAITING);
        let sender = builder.tx();
        let (auditor, schema) = (self.auditor.clone(), Arc::clone(&self.schema));
        let user = self.user.clone();
        builder.spawn_blocking(move || {
            let failed = |error| DataFusionError::External(Box::new(error));
            let mut entries = auditor.read(user).map_err(failed)?;
            loop {
                let some: Result<Vec<Entry>, _> = entries.by_ref().take(ROWS).collect();
                let some = some.map_err(failed)?;
                if some.is_empty() {
                    return Ok(());
                }
                let batch = RecordBatch::try_new(Arc::clone(&schema), columns(&some))?;
                if sender.blocking_send(Ok(batch)).is_err() {
                    // Nobody wants more.
                    return Ok(());
                }
            }
        });
        builder.build()
    }
}

fn columns(entries: &[Entry]) -> Vec<ArrayRef> {
    let text = |of: fn(&Entry) -> Option<&str>| {
        Arc::new(entries.iter().map(of).collect::<StringArray>()) as ArrayRef
    };
    let number = |of: fn(&Entry) -> Option<u64>| {
        Arc::new(entries.iter().map(of).collect::<UInt64Array>()) as ArrayRef
    };
    let times = entries.iter().map(|entry| entry.time);
    vec![
        Arc::new(TimestampMicrosecondArray::from_iter_values(times).with_timezone("UTC")),
        text(|entry| Some(&entry.event)),
        text(|entry| entry.user.as_deref()),
        text(|entry| entry.address.as_deref()),
        text(|entry| entry.how.as_deref()),
        text(|entry| entry.query_id.as_deref()),
        text(|entry| entry.session_id.as_deref()),
        text(|entry| entry.kind.as_deref()),
        text(|entry| entry.sql.as_deref()),
        number(|entry| entry.rows),
        number(|entry| entry.bytes),
        number(|entry| entry.milliseconds),
        text(|entry| entry.outcome.as_deref()),
        text(|entry| entry.code.as_deref()),
        text(|entry| entry.detail.as_deref()),
    ]
}

impl fmt::Debug for AuditTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditTable").finish_non_exhaustive()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").finish_non_exhaustive()
    }
}
