//! Changes of rows that the catalog keeps.

use arrow::array::{BooleanArray, Int64Array, RecordBatch};
use arrow::compute::{filter, filter_record_batch};

use super::Kind;
use crate::content::inlined::Version;
use crate::content::rows::exists;
use crate::database::{Row, Value};
use crate::{Error, Lake, Result, SnapshotId, Table};

/// Rows that came or went, each in its own commit.
pub(super) struct KeptChange {
    pub(super) kind: Kind,
    pub(super) batch: RecordBatch,
    pub(super) row_ids: Int64Array,
    pub(super) snapshots: Int64Array,
}

/// All of them in a range of snapshots, in the columns that the table has at its end. A commit that moved rows to a file
/// is none that they went in.
pub(super) async fn changes(
    lake: &Lake,
    table: &Table,
    from: SnapshotId,
    to: SnapshotId,
) -> Result<Vec<KeptChange>> {
    let mut reading = lake.inner.database.read().await?;
    let dialect = lake.inner.database.dialect();
    let sql = "SELECT table_name, schema_version FROM ducklake_inlined_data_tables WHERE table_id = $1 ORDER BY schema_version";
    let places = reading.query(sql, &[Value::Int(table.id.0)]).await?;
    let flushed = flushed(
        &reading
            .query(FLUSHES, &[Value::Int(from.0), Value::Int(to.0)])
            .await?,
        table,
    )?;
    let mut all = Vec::new();
    for place in places {
        let name = place.text(0)?.to_owned();
        if !exists(&mut reading, dialect, &name).await? {
            continue;
        }
        let mut version = Version {
            reading: &mut reading,
            dialect,
            table,
            snapshot: to,
            name,
        };
        let columns = version.columns(place.int(1)?).await?;
        let texts = columns.iter().map(|column| {
            let name = format!("\"{}\"", column.field.name().replace('"', "\"\""));
            format!(", {}", dialect.text(&name))
        });
        let sql = format!(
            "SELECT row_id, begin_snapshot{}, end_snapshot FROM {} WHERE (begin_snapshot >= $1 AND begin_snapshot <= $2) \
             OR (end_snapshot >= $1 AND end_snapshot <= $2) ORDER BY row_id, begin_snapshot",
            texts.collect::<String>(),
            version.name
        );
        let range = [Value::Int(from.0), Value::Int(to.0)];
        let rows = version.reading.query(&sql, &range).await?;
        if rows.is_empty() {
            continue;
        }
        let stored = version.stored(&columns, &rows)?;
        let batch = version.batch(&columns, &stored, rows.len())?;
        let found = Found {
            row_ids: rows.iter().map(|row| row.int(0)).collect::<Result<_>>()?,
            batch,
        };
        let last = columns.len() + 2;
        let is_in = |snapshot: &i64| (from.0..=to.0).contains(snapshot);
        let begins = rows.iter().map(|row| Ok(Some(row.int(1)?).filter(is_in)));
        let ends = rows.iter().map(|row| {
            let end = row.opt_int(last)?.filter(is_in);
            Ok(end.filter(|end| !flushed.contains(end)))
        });
        let begins = begins.collect::<Result<Vec<_>>>()?;
        let ends = ends.collect::<Result<Vec<_>>>()?;
        all.push(found.changes(Kind::Insert, begins)?);
        all.push(found.changes(Kind::Delete, ends)?);
    }
    Ok(all)
}

const FLUSHES: &str = "SELECT snapshot_id, changes_made FROM ducklake_snapshot_changes \
    WHERE snapshot_id >= $1 AND snapshot_id <= $2";

/// Snapshots that moved rows of the table.
fn flushed(commits: &[Row], table: &Table) -> Result<Vec<i64>> {
    let mut flushed = Vec::new();
    for row in commits {
        let words = row.opt_text(1)?.unwrap_or_default();
        if crate::snapshot::changes::is_compaction(words, table.id) {
            flushed.push(row.int(0)?);
        }
    }
    Ok(flushed)
}

struct Found {
    row_ids: Int64Array,
    batch: RecordBatch,
}

impl Found {
    /// The rows for which there is a snapshot.
    fn changes(&self, kind: Kind, snapshots: Vec<Option<i64>>) -> Result<KeptChange> {
        let chosen: BooleanArray = snapshots.iter().map(|at| Some(at.is_some())).collect();
        let row_ids = filter(&self.row_ids, &chosen).map_err(Error::internal)?;
        Ok(KeptChange {
            kind,
            batch: filter_record_batch(&self.batch, &chosen).map_err(Error::internal)?,
            row_ids: row_ids.to_data().into(),
            snapshots: snapshots.into_iter().flatten().collect::<Vec<_>>().into(),
        })
    }
}
