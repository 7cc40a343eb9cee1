//! The first rows of a table.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::compute::concat;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlanBuilder, TableScan};
use futures::TryStreamExt;

use crate::vectors::{Column, examine, unfolded};

/// How many rows of a table are looked at.
const ROWS: usize = 16_384;

/// What the columns with these numbers are in the first rows of a table, those of its first file where it has several. None
/// of a table without rows.
pub(super) async fn sample(
    session: &SessionState,
    scan: &TableScan,
    columns: &[usize],
) -> Result<BTreeMap<usize, Column>> {
    let mut session = session.clone();
    // Which rows are the first is not to depend on which worker is.
    session
        .config_mut()
        .options_mut()
        .execution
        .target_partitions = 1;
    let source = Arc::clone(&scan.source);
    let plan = LogicalPlanBuilder::scan(scan.table_name.clone(), source, Some(columns.to_vec()))?
        .limit(0, Some(ROWS))?
        .build()?;
    let physical = session.create_physical_plan(&plan).await?;
    let mut rows = physical.execute(0, session.task_ctx())?;
    let (mut batches, mut left) = (Vec::new(), ROWS);
    while let Some(batch) = rows.try_next().await? {
        let taken = batch.num_rows().min(left);
        batches.push(batch.slice(0, taken));
        left -= taken;
        if left == 0 {
            break;
        }
    }
    let mut found = BTreeMap::new();
    if left == ROWS {
        return Ok(found);
    }
    for (at, column) in columns.iter().enumerate() {
        let parts = batches.iter().map(|batch| unfolded(batch.column(at)));
        let parts = parts.collect::<std::result::Result<Vec<_>, _>>()?;
        let whole = concat(&parts.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
        found.insert(*column, examine(&whole)?);
    }
    Ok(found)
}
