//! `system.queries`: statements that run, and those that have ended, newest first.

use std::fmt;
use std::sync::{Arc, Weak};

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, RecordBatchOptions, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use chrono::Utc;
use datafusion::catalog::{Session as EngineSession, TableProvider};
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;

use super::{caller_of, shown_user};
use crate::history::{Entry, Known};
use crate::running::{Running, Seen};

/// The table. Weak, because the catalog lives in what it points to.
pub(super) struct QueriesTable {
    running: Weak<Running>,
    schema: SchemaRef,
}

/// A row: a run with what is known about it, or one that has ended.
enum Row {
    Running(Seen, Box<Known>),
    Ended(Arc<Entry>),
}

impl QueriesTable {
    pub(super) fn new(running: &Arc<Running>) -> Self {
        let text = |name, nullable| Field::new(name, DataType::Utf8, nullable);
        let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
        let seconds = |name| Field::new(name, DataType::Float64, false);
        let number = |name, nullable| Field::new(name, DataType::UInt64, nullable);
        let schema = Schema::new(vec![
            text("query_id", false),
            text("session_id", true),
            text("user_name", false),
            text("kind", false),
            text("state", false),
            text("sql", false),
            Field::new("started", time.clone(), false),
            Field::new("ended", time, true),
            seconds("seconds"),
            seconds("queued_seconds"),
            seconds("planning_seconds"),
            seconds("execution_seconds"),
            seconds("sending_seconds"),
            number("rows", false),
            number("bytes", false),
            number("peak_memory_bytes", true),
            number("spilled_bytes", false),
            Field::new("snapshot_id", DataType::Int64, true),
            text("code", true),
            text("error", true),
            text("plan", true),
        ]);
        Self {
            running: Arc::downgrade(running),
            schema: Arc::new(schema),
        }
    }

    fn rows(&self, user: Option<&str>) -> Vec<Row> {
        let Some(running) = self.running.upgrade() else {
            return Vec::new();
        };
        let mut now = running.of_user(user);
        now.sort_by_key(|seen| std::cmp::Reverse(seen.live.time));
        let now = now.into_iter().map(|seen| {
            let known = Known::of(&seen.statement, &seen.live);
            Row::Running(seen, Box::new(known))
        });
        let ended = running.watch().history().of_user(user);
        now.chain(ended.into_iter().map(Row::Ended)).collect()
    }

    /// One column. A plan is made into text for those only who want to see it.
    fn column(&self, at: usize, rows: &[Row]) -> ArrayRef {
        let text = |of: fn(&Row) -> Option<&str>| {
            Arc::new(rows.iter().map(of).collect::<StringArray>()) as ArrayRef
        };
        let times = |of: fn(&Row) -> Option<i64>| {
            let times = rows.iter().map(of).collect::<TimestampMicrosecondArray>();
            Arc::new(times.with_timezone("UTC")) as ArrayRef
        };
        let seconds = |of: fn(&Row) -> u64| {
            let seconds = rows.iter().map(|row| of(row) as f64 / 1e6);
            Arc::new(Float64Array::from_iter_values(seconds)) as ArrayRef
        };
        let number = |of: fn(&Row) -> Option<u64>| {
            Arc::new(rows.iter().map(of).collect::<UInt64Array>()) as ArrayRef
        };
        match self.schema.field(at).name().as_str() {
            "query_id" => text(|row| Some(&row.known().query_id)),
            "session_id" => text(|row| row.known().session.as_deref()),
            "user_name" => text(|row| Some(&row.known().user)),
            "kind" => text(|row| Some(&row.known().kind)),
            "state" => text(|row| Some(&row.known().state)),
            "sql" => text(|row| Some(&row.known().sql)),
            "started" => times(|row| Some(row.known().started)),
            "ended" => times(|row| row.entry().map(|entry| entry.ended)),
            "seconds" => seconds(Row::micros),
            "queued_seconds" => seconds(|row| row.known().queued),
            "planning_seconds" => seconds(|row| row.known().planning),
            "execution_seconds" => seconds(|row| row.known().executing),
            "sending_seconds" => seconds(|row| row.known().sending),
            "rows" => number(|row| Some(row.known().rows)),
            "bytes" => number(|row| Some(row.known().bytes)),
            "peak_memory_bytes" => number(|row| row.known().peak_memory),
            "spilled_bytes" => number(|row| Some(row.known().spilled)),
            "snapshot_id" => {
                let ids = rows.iter().map(|row| row.known().snapshot);
                Arc::new(ids.collect::<Int64Array>())
            }
            "code" => text(|row| row.entry().map(|entry| entry.code.as_str())),
            "error" => text(|row| row.entry()?.error.as_deref()),
            _ => Arc::new(self.plans(rows)),
        }
    }

    fn plans(&self, rows: &[Row]) -> StringArray {
        let running = self.running.upgrade();
        let plan = |row: &Row| match row {
            Row::Running(seen, _) => {
                let watch = running.as_deref().map(Running::watch)?;
                seen.live.plan().map(|plan| watch.shown_plan(&plan))
            }
            Row::Ended(entry) => entry.plan.clone(),
        };
        rows.iter().map(plan).collect()
    }
}

impl Row {
    fn known(&self) -> &Known {
        match self {
            Self::Running(_, known) => known,
            Self::Ended(entry) => &entry.known,
        }
    }

    fn entry(&self) -> Option<&Entry> {
        match self {
            Self::Running(..) => None,
            Self::Ended(entry) => Some(entry),
        }
    }

    /// How long it has taken, in microseconds.
    fn micros(&self) -> u64 {
        let until = match self {
            Self::Running(..) => Utc::now().timestamp_micros(),
            Self::Ended(entry) => entry.ended,
        };
        u64::try_from(until - self.known().started).unwrap_or(0)
    }
}

#[async_trait]
impl TableProvider for QueriesTable {
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
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let caller = caller_of(state)?;
        let rows = self.rows(shown_user(&caller));
        let all: Vec<usize> = (0..self.schema.fields().len()).collect();
        let wanted = projection.unwrap_or(&all);
        let schema = Arc::new(self.schema.project(wanted)?);
        let columns = wanted.iter().map(|at| self.column(*at, &rows)).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
        let batch = RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?;
        let source = MemorySourceConfig::try_new_exec(&[vec![batch]], schema, None)?;
        Ok(source)
    }
}

impl fmt::Debug for QueriesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("QueriesTable").finish_non_exhaustive()
    }
}
