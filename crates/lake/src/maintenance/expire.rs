//! Drops snapshots, and what only they needed.

use std::collections::HashSet;

use chrono::Utc;

use super::dead::{Dead, condition, list};
use super::{Expired, Expiry};
use crate::database::{Database, Writing};
use crate::snapshot::find::parse_time;
use crate::{Lake, Result, SnapshotId, layout};

impl Lake {
    /// Drops snapshots: nobody can look back at them any more. What no other snapshot needs goes too: rows of the catalog
    /// now, files when [`Lake::clean_up`] finds them old enough. The newest snapshot stays, and so do those that open
    /// transactions of this server began with. No snapshot is made for it.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`], [`crate::Error::Broken`]; then nothing has happened.
    pub async fn expire(&self, which: &Expiry) -> Result<Expired> {
        let mut writing = self.inner.database.write().await?;
        let old = self.old(&mut writing, which).await?;
        if old.is_empty() {
            writing.rollback().await?;
            return Ok(Expired::default());
        }
        for chunk in old.chunks(500) {
            let ids = list(chunk);
            for table in ["ducklake_snapshot", "ducklake_snapshot_changes"] {
                let sql = format!("DELETE FROM {table} WHERE snapshot_id IN ({ids})");
                writing.execute(&sql, &[]).await?;
            }
        }
        let tables = Dead::tables(&mut writing).await?;
        let files = Ended::find(&mut writing, &tables).await?;
        files.schedule(&self.inner.database, &mut writing).await?;
        let mut dead = Dead {
            database: &self.inner.database,
            writing: &mut writing,
            rows: 0,
        };
        dead.files(&files.data).await?;
        dead.about(&tables).await?;
        dead.ended().await?;
        let rows = dead.rows;
        writing.commit().await?;
        Ok(Expired {
            snapshots: old.len() as u64,
            files: files.paths.len() as u64,
            bytes: files.bytes,
            rows,
        })
    }

    /// The snapshots that are to go.
    async fn old(&self, writing: &mut Writing, which: &Expiry) -> Result<Vec<i64>> {
        let time = self.inner.database.dialect().text("snapshot_time");
        let sql = format!("SELECT snapshot_id, {time} FROM ducklake_snapshot ORDER BY snapshot_id");
        let mut rows = writing.query(&sql, &[]).await?;
        let newest = match which {
            Expiry::Keep(kept) => usize::try_from(*kept).unwrap_or(usize::MAX).max(1),
            Expiry::Before(_) | Expiry::Versions(_) => 1,
        };
        rows.truncate(rows.len().saturating_sub(newest));
        let used = self.inner.running.bases();
        let named: HashSet<i64> = match which {
            Expiry::Versions(versions) => versions.iter().map(|version| version.0).collect(),
            Expiry::Before(_) | Expiry::Keep(_) => HashSet::new(),
        };
        let mut old = Vec::new();
        for row in rows {
            let id = row.int(0)?;
            let is_old = match which {
                Expiry::Before(moment) => parse_time(row.text(1)?)? < *moment,
                Expiry::Versions(_) => named.contains(&id),
                Expiry::Keep(_) => true,
            };
            if is_old && !used.contains(&SnapshotId(id)) {
                old.push(id);
            }
        }
        Ok(old)
    }
}

impl Expired {
    pub(super) fn add(&mut self, other: &Self) {
        self.snapshots += other.snapshots;
        self.files += other.files;
        self.bytes += other.bytes;
        self.rows += other.rows;
    }
}

/// Files that no snapshot needs.
#[derive(Debug, Default)]
struct Ended {
    /// Numbers of data files.
    data: Vec<i64>,
    /// Number, path and whether that is relative to the data path, of data files and delete files.
    paths: Vec<(i64, String, bool)>,
    bytes: u64,
}

impl Ended {
    async fn find(writing: &mut Writing, tables: &[i64]) -> Result<Self> {
        let of_tables = match tables {
            [] => String::new(),
            tables => format!(" OR f.table_id IN ({})", list(tables)),
        };
        let mut ended = Self::default();
        let data = format!(
            "SELECT f.data_file_id, f.path, f.path_is_relative, f.file_size_bytes, f.table_id FROM ducklake_data_file f \
             WHERE ({}){of_tables}",
            condition("f")
        );
        let rows = writing.query(&data, &[]).await?;
        ended.data = rows.iter().map(|row| row.int(0)).collect::<Result<_>>()?;
        let deletes = format!(
            "SELECT f.delete_file_id, f.path, f.path_is_relative, f.file_size_bytes, f.table_id FROM ducklake_delete_file f \
             WHERE ({0}){of_tables} OR EXISTS (SELECT 1 FROM ducklake_data_file d WHERE d.data_file_id = f.data_file_id AND {1})",
            condition("f"),
            condition("d")
        );
        let mut all = rows;
        all.extend(writing.query(&deletes, &[]).await?);
        let above = above(writing).await?;
        for row in &all {
            let path = row.text(1)?.to_owned();
            let relative = row.opt_int(2)? != Some(0);
            let above = above.iter().find(|(id, _)| row.int(4) == Ok(*id));
            let (path, relative) = match (relative, above) {
                (true, Some((_, above))) => {
                    let path = format!("{above}{path}");
                    let relative = !is_absolute(&path);
                    (path, relative)
                }
                _ => (path, relative),
            };
            ended.bytes += row
                .opt_int(3)?
                .and_then(|bytes| u64::try_from(bytes).ok())
                .unwrap_or(0);
            ended.paths.push((row.int(0)?, path, relative));
        }
        Ok(ended)
    }

    async fn schedule(&self, database: &Database, writing: &mut Writing) -> Result<()> {
        let now = layout::time(Utc::now());
        for (id, path, relative) in &self.paths {
            let sql = format!(
                "INSERT INTO ducklake_files_scheduled_for_deletion(data_file_id, path, path_is_relative, schedule_start) \
                 VALUES ({id}, $1, {relative}, {})",
                database.dialect().timestamp(2)
            );
            let parameters = [path.as_str().into(), now.as_str().into()];
            writing.execute(&sql, &parameters).await?;
        }
        Ok(())
    }
}

/// The path of each table's files, relative to the data path where it is.
pub(crate) const TABLE_PATHS: &str = "SELECT t.table_id, t.path, t.path_is_relative, s.path, s.path_is_relative \
    FROM ducklake_table t JOIN ducklake_schema s ON s.schema_id = t.schema_id";

async fn above(writing: &mut Writing) -> Result<Vec<(i64, String)>> {
    let rows = writing.query(TABLE_PATHS, &[]).await?;
    rows.iter().map(super::clean::table_path).collect()
}

pub(crate) fn is_absolute(path: &str) -> bool {
    path.starts_with('/') || path.contains("://")
}
