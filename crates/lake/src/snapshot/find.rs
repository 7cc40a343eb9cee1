//! Finds snapshots in the catalog.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::cache;
use crate::database::{Row, Value};
use crate::{At, Error, Lake, Result, Snapshot, SnapshotId, SnapshotInfo};

/// How many snapshots are looked at in one query on the way back to a moment.
const AT_A_TIME: i64 = 1000;

impl Snapshot {
    pub(crate) async fn latest(lake: &Lake) -> Result<Self> {
        let sql = "SELECT snapshot_id, schema_version FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1";
        let rows = lake.inner.database.glance(sql).await?;
        let newest = rows
            .first()
            .ok_or_else(|| Error::broken("the lake's catalog has no snapshot"))?;
        Self::of(lake, newest).await
    }

    pub(crate) async fn find(lake: &Lake, at: At) -> Result<Self> {
        match at {
            At::Version(id) => Self::numbered(lake, id).await,
            At::Time(time) => Self::before(lake, time).await,
        }
    }

    pub(crate) async fn list(lake: &Lake) -> Result<Vec<SnapshotInfo>> {
        let database = &lake.inner.database;
        let time = database.dialect().text("s.snapshot_time");
        let sql = format!(
            "SELECT s.snapshot_id, {time}, s.schema_version, c.changes_made, c.author, c.commit_message \
             FROM ducklake_snapshot s LEFT JOIN ducklake_snapshot_changes c ON c.snapshot_id = s.snapshot_id \
             ORDER BY s.snapshot_id"
        );
        let rows = database.query(&sql, &[]).await?;
        let snapshots = rows.iter().map(|row| {
            Ok(SnapshotInfo {
                id: SnapshotId(row.int(0)?),
                time: parse_time(row.text(1)?)?,
                schema_version: row.int(2)?,
                changes: row.opt_text(3)?.unwrap_or_default().to_owned(),
                author: row.opt_text(4)?.map(str::to_owned),
                message: row.opt_text(5)?.map(str::to_owned),
            })
        });
        snapshots.collect()
    }

    /// From a row of number and schema version.
    async fn of(lake: &Lake, row: &Row) -> Result<Self> {
        let state = cache::state_at(lake, SnapshotId(row.int(0)?), row.int(1)?).await?;
        Ok(Self {
            lake: lake.clone(),
            state,
            changed: Arc::default(),
            altered: Arc::default(),
        })
    }

    async fn numbered(lake: &Lake, id: SnapshotId) -> Result<Self> {
        let database = &lake.inner.database;
        let sql =
            "SELECT snapshot_id, schema_version FROM ducklake_snapshot WHERE snapshot_id = $1";
        let rows = database.query(sql, &[Value::Int(id.0)]).await?;
        if let Some(row) = rows.first() {
            return Self::of(lake, row).await;
        }
        let range = "SELECT MIN(snapshot_id), MAX(snapshot_id) FROM ducklake_snapshot";
        let range = database.query(range, &[]).await?;
        let kept = match range.first() {
            Some(row) => format!(
                "; kept are snapshots from {} to {}",
                row.int(0)?,
                row.int(1)?
            ),
            None => String::new(),
        };
        Err(Error::not_found(format!("there is no snapshot {id}{kept}")))
    }

    /// The newest one that was committed by a moment.
    async fn before(lake: &Lake, moment: DateTime<Utc>) -> Result<Self> {
        let database = &lake.inner.database;
        let time = database.dialect().text("snapshot_time");
        let sql = format!(
            "SELECT snapshot_id, schema_version, {time} FROM ducklake_snapshot WHERE snapshot_id < $1 \
             ORDER BY snapshot_id DESC LIMIT {AT_A_TIME}"
        );
        let mut below = i64::MAX;
        let mut oldest = None;
        loop {
            let rows = database.query(&sql, &[Value::Int(below)]).await?;
            for row in &rows {
                let committed = parse_time(row.text(2)?)?;
                if committed <= moment {
                    return Self::of(lake, row).await;
                }
                below = row.int(0)?;
                oldest = Some(committed);
            }
            if rows.is_empty() {
                let since = oldest.map_or_else(String::new, |oldest| {
                    format!("; the oldest that is kept is of {}", oldest.to_rfc3339())
                });
                return Err(Error::not_found(format!(
                    "there is no snapshot as old as {}{since}",
                    moment.to_rfc3339()
                )));
            }
        }
    }
}

/// `2026-11-21 13:49:40.576392+00`.
pub(crate) fn parse_time(text: &str) -> Result<DateTime<Utc>> {
    DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z")
        .map(|time| time.to_utc())
        .map_err(|error| {
            Error::broken(format!(
                "the catalog has {text:?} for the time of a snapshot: {error}"
            ))
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_snapshots() {
        let time = |text| parse_time(text).unwrap().to_rfc3339();
        assert_eq!(
            time("2026-11-21 13:49:41.45156+00"),
            "2026-11-21T13:49:41.451560+00:00"
        );
        assert_eq!(
            time("2026-11-21 13:49:41+05:30"),
            "2026-11-21T08:19:41+00:00"
        );
    }
}
