//! What commits did to the rows of a table.
//!
//! Rows of files are compared from one snapshot to the next; rows in the catalog say themselves when they came and went.
//! A row that went and came in one commit was updated. Commits that only put rows into other files changed nothing.

mod diff;
mod kept;

use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::TableProvider;
use datafusion::catalog::view::ViewTable;
use datafusion::datasource::{MemTable, provider_as_source};
use datafusion::error::DataFusionError;
use datafusion::functions_aggregate::count::count_all_window;
use datafusion::logical_expr::{
    Expr, ExprFunctionExt, LogicalPlan, LogicalPlanBuilder, case, cast, ident, lit,
};

use crate::content::load;
use crate::database::Value;
use crate::snapshot::changes::{concern, is_compaction};
use crate::{At, Content, Error, Lake, LakeTable, Result, SnapshotId, Table};

/// The columns that a feed has before those of the table.
pub const FEED_COLUMNS: [&str; 3] = ["snapshot_id", "rowid", "change_type"];
/// What the row number is called while a feed is made; nobody sees it.
const NUMBER: &str = "_godwit_row_number";
/// How many changes of a row there are in one commit.
const CHANGES: &str = "_godwit_changes";

/// Whether rows came or went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Insert,
    Delete,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Delete => "delete",
        }
    }
}

/// Rows that came or went in one commit.
struct Changed {
    snapshot: SnapshotId,
    kind: Kind,
    rows: Content,
}

impl Lake {
    /// What the commits from one snapshot to another, both included, did to the rows of a table, as it is called at the
    /// later one and in the columns that it has there: columns `snapshot_id`, `rowid`, `change_type` (`insert`, `delete`,
    /// `update_preimage`, `update_postimage`), then the table's.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a snapshot that is not kept, or a table that is not there at the later one;
    /// [`Error::Invalid`] when the later one is before the other; [`Error::Full`] at `lake.max_feed_commits`;
    /// [`Error::Unavailable`], [`Error::Broken`].
    pub async fn table_changes(
        &self,
        schema: &str,
        name: &str,
        from: SnapshotId,
        to: SnapshotId,
    ) -> Result<Arc<dyn TableProvider>> {
        if to < from {
            return Err(Error::invalid(format!(
                "changes are told from an older snapshot to a newer one, not from {from} to {to}"
            )));
        }
        self.at(At::Version(from)).await?;
        let at_end = self.at(At::Version(to)).await?;
        let table = at_end.state().table(schema, name).ok_or_else(|| {
            Error::not_found(format!(
                "table {schema:?}.{name:?} does not exist at snapshot {to}"
            ))
        })?;
        let feed = Feed { lake: self, table };
        feed.provider(from, to).await
    }
}

struct Feed<'a> {
    lake: &'a Lake,
    table: &'a Arc<Table>,
}

impl Feed<'_> {
    async fn provider(&self, from: SnapshotId, to: SnapshotId) -> Result<Arc<dyn TableProvider>> {
        let changed = self.of_files(from, to).await?;
        let kept = kept::changes(self.lake, self.table, from, to).await?;
        let mut plans = Vec::with_capacity(changed.len() + 1);
        for changed in changed {
            plans.push(self.of_content(changed)?);
        }
        plans.push(self.of_rows(&kept)?);
        let plan = self.paired(plans).map_err(Error::internal)?;
        Ok(Arc::new(ViewTable::new(plan, None)))
    }

    /// Changes of rows in files, commit by commit.
    async fn of_files(&self, from: SnapshotId, to: SnapshotId) -> Result<Vec<Changed>> {
        let sql = "SELECT snapshot_id, changes_made FROM ducklake_snapshot_changes \
                   WHERE snapshot_id >= $1 AND snapshot_id <= $2 ORDER BY snapshot_id";
        let range = [Value::Int(from.0), Value::Int(to.0)];
        let commits = self.lake.inner.database.query(sql, &range).await?;
        let most = self.lake.inner.options.max_feed_commits;
        let mut count = 0;
        let mut before = None;
        let mut all = Vec::new();
        for row in commits {
            let snapshot = SnapshotId(row.int(0)?);
            let words = row.opt_text(1)?.unwrap_or_default();
            if !concern(words, self.table.id) {
                continue;
            }
            count += 1;
            if count > most {
                return Err(Error::full(format!(
                    "more than {most} commits changed table {:?}.{:?} from snapshot {from} to {to}, as many as one feed \
                     may look at (lake.max_feed_commits); ask for fewer snapshots at a time: up to {} are {most}",
                    self.table.schema,
                    self.table.name,
                    snapshot.0 - 1
                )));
            }
            let old = match before.take() {
                Some(old) => old,
                None => self.load(SnapshotId(snapshot.0 - 1), None).await?,
            };
            let new = self.load(snapshot, Some(&old)).await?;
            if !is_compaction(words, self.table.id) {
                all.extend(diff::between(&old.content, &new.content, snapshot));
            }
            before = Some(new);
        }
        Ok(all)
    }

    /// Past the cache, which may know the same rows in other files.
    async fn load(
        &self,
        snapshot: SnapshotId,
        before: Option<&load::Loaded>,
    ) -> Result<load::Loaded> {
        let reading = self.lake.inner.database.read().await?;
        load::load(self.lake, reading, self.table, snapshot, before).await
    }

    fn of_content(&self, changed: Changed) -> Result<LogicalPlan> {
        let version = crate::snapshot::staged_version();
        let table = LakeTable::new(self.lake, self.table, Arc::new(changed.rows), version);
        let provider = table.numbered(NUMBER, FEED_COLUMNS[1]);
        let own = provider.schema();
        let mut columns = vec![
            lit(changed.snapshot.0).alias(FEED_COLUMNS[0]),
            ident(FEED_COLUMNS[1]),
            lit(changed.kind.name()).alias(FEED_COLUMNS[2]),
        ];
        let fields = own.fields().iter().skip(2);
        columns.extend(fields.map(|field| ident(field.name())));
        let plan = LogicalPlanBuilder::scan("changed", provider_as_source(provider), None)
            .and_then(|plan| plan.project(columns))
            .and_then(LogicalPlanBuilder::build);
        plan.map_err(Error::internal)
    }

    fn of_rows(&self, kept: &[kept::KeptChange]) -> Result<LogicalPlan> {
        let schema = self.schema();
        let mut batches = Vec::with_capacity(kept.len());
        for kept in kept {
            let rows = kept.batch.num_rows();
            let kinds = StringArray::from(vec![kept.kind.name(); rows]);
            let snapshots: Int64Array = kept.snapshots.clone();
            let mut columns: Vec<ArrayRef> = vec![
                Arc::new(snapshots),
                Arc::new(kept.row_ids.clone()),
                Arc::new(kinds),
            ];
            columns.extend(kept.batch.columns().iter().cloned());
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns);
            batches.push(batch.map_err(Error::internal)?);
        }
        let provider = MemTable::try_new(schema, vec![batches]).map_err(Error::internal)?;
        let source = provider_as_source(Arc::new(provider));
        let plan = LogicalPlanBuilder::scan("changed", source, None);
        let plan = plan.and_then(LogicalPlanBuilder::build);
        plan.map_err(Error::internal)
    }

    /// All changes together, updates told from the others.
    fn paired(&self, plans: Vec<LogicalPlan>) -> Result<LogicalPlan, DataFusionError> {
        let mut plans = plans.into_iter();
        let first = plans
            .next()
            .ok_or_else(|| DataFusionError::Internal("a feed without a plan".to_owned()))?;
        let all = plans.try_fold(LogicalPlanBuilder::from(first), LogicalPlanBuilder::union)?;
        let [snapshot, row_id, kind] = FEED_COLUMNS;
        let changes = count_all_window()
            .partition_by(vec![ident(snapshot), ident(row_id)])
            .build()?
            .alias(CHANGES);
        let is_update = |kind_name: &str| {
            ident(kind)
                .eq(lit(kind_name))
                .and(ident(CHANGES).gt(lit(1i64)))
        };
        let told = |name: &str| lit(name);
        let change_type = case(lit(true))
            .when(is_update(Kind::Insert.name()), told("update_postimage"))
            .when(is_update(Kind::Delete.name()), told("update_preimage"))
            .otherwise(cast(ident(kind), DataType::Utf8))?
            .alias(kind);
        let mut columns: Vec<Expr> = vec![ident(snapshot), ident(row_id), change_type];
        let fields = self.table.arrow.fields().iter();
        columns.extend(fields.map(|field| ident(field.name())));
        all.window(vec![changes])?.project(columns)?.build()
    }

    fn schema(&self) -> SchemaRef {
        let [snapshot, row_id, kind] = FEED_COLUMNS;
        let mut fields = vec![
            Arc::new(Field::new(snapshot, DataType::Int64, false)),
            Arc::new(Field::new(row_id, DataType::Int64, true)),
            Arc::new(Field::new(kind, DataType::Utf8, false)),
        ];
        fields.extend(self.table.arrow.fields().iter().cloned());
        Arc::new(Schema::new(fields))
    }
}
