//! Removes files that nobody needs.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::TryStreamExt;

use super::Cleaned;
use super::dead::list;
use super::expire::{TABLE_PATHS, is_absolute};
use crate::database::{Reading, Row};
use crate::snapshot::find::parse_time;
use crate::storage::Listed;
use crate::{Error, Lake, Result};

impl Lake {
    /// Removes files that expired snapshots had for so long, and files that are as old and that the catalog does not know:
    /// what writers left that died, or that DuckDB gave up. Files of this server's open transactions stay, however old they
    /// are; a transaction of somebody else is trusted to commit what it writes within that time.
    ///
    /// # Errors
    /// [`Error::Unavailable`]: some files may be removed then, and the others are the next time.
    pub async fn clean_up(&self, grace: Duration) -> Result<Cleaned> {
        let grace = chrono::Duration::from_std(grace).map_err(Error::internal)?;
        let Some(before) = Utc::now().checked_sub_signed(grace) else {
            return Ok(Cleaned::default());
        };
        // In this order: what is committed meanwhile is then among the files in flight, or the catalog knows it.
        let there = self.old_files(before).await?;
        let in_flight = self.inner.running.files();
        let known = Known::read(self, before).await?;
        let bytes: HashMap<&str, u64> = there
            .iter()
            .map(|file| (file.path.as_str(), file.bytes))
            .collect();
        let mut done = Cleaned::default();
        let expired: Vec<String> = known.expired.iter().map(|(_, path)| path.clone()).collect();
        let orphans = there.iter().map(|file| &file.path).filter(|path| {
            let is_known = known.paths.contains(*path) || known.scheduled.contains(*path);
            !is_known && !in_flight.contains(*path)
        });
        let orphans: Vec<String> = orphans.cloned().collect();
        let removed = expired.iter().chain(&orphans);
        done.bytes = removed.filter_map(|path| bytes.get(path.as_str())).sum();
        done.expired_files = expired.len() as u64;
        done.orphaned_files = orphans.len() as u64;
        self.inner.storage.remove(expired).await?;
        self.forget(&known.expired).await?;
        self.inner.storage.remove(orphans).await?;
        let removed = done.expired_files + done.orphaned_files;
        self.inner.counts.removed(removed);
        Ok(done)
    }

    /// Parquet files that were written before a moment, finished or not.
    async fn old_files(&self, before: DateTime<Utc>) -> Result<Vec<Listed>> {
        let files = self.inner.storage.list("");
        let old = files.try_filter(|file| {
            let name = file.path.rsplit('/').next().unwrap_or_default();
            let is_ours = name.contains(".parquet");
            std::future::ready(is_ours && file.modified < before)
        });
        old.try_collect().await
    }

    /// The removed files are scheduled no more.
    async fn forget(&self, files: &[(i64, String)]) -> Result<()> {
        if files.is_empty() {
            return Ok(());
        }
        let mut writing = self.inner.database.write().await?;
        let ids: Vec<i64> = files.iter().map(|(id, _)| *id).collect();
        for chunk in ids.chunks(500) {
            let sql = format!(
                "DELETE FROM ducklake_files_scheduled_for_deletion WHERE data_file_id IN ({})",
                list(chunk)
            );
            writing.execute(&sql, &[]).await?;
        }
        writing.commit().await
    }
}

/// Files that the catalog names, by their paths, relative to the data path where they are below it.
#[derive(Debug, Default)]
struct Known {
    paths: HashSet<String>,
    /// All that will be removed some day.
    scheduled: HashSet<String>,
    /// Those that it is time for, with their numbers.
    expired: Vec<(i64, String)>,
}

impl Known {
    async fn read(lake: &Lake, before: DateTime<Utc>) -> Result<Self> {
        let mut reading = lake.inner.database.read().await?;
        let data_path = lake.inner.storage.data_path().to_owned();
        let mut known = Self::default();
        known.files(&mut reading, &data_path).await?;
        let time = lake.inner.database.dialect().text("schedule_start");
        let sql =
            format!("SELECT data_file_id, path, {time} FROM ducklake_files_scheduled_for_deletion");
        for row in reading.query(&sql, &[]).await? {
            let path = below(&data_path, row.text(1)?);
            let is_used = known.paths.contains(&path);
            if !is_used && parse_time(row.text(2)?)? < before {
                known.expired.push((row.int(0)?, path.clone()));
            }
            known.scheduled.insert(path);
        }
        Ok(known)
    }

    async fn files(&mut self, reading: &mut Reading, data_path: &str) -> Result<()> {
        let mut above = HashMap::new();
        for row in reading.query(TABLE_PATHS, &[]).await? {
            let (id, path) = table_path(&row)?;
            above.insert(id, path);
        }
        for table in ["ducklake_data_file", "ducklake_delete_file"] {
            let sql = format!("SELECT table_id, path, path_is_relative FROM {table}");
            for row in reading.query(&sql, &[]).await? {
                let path = row.text(1)?;
                let relative = row.opt_int(2)? != Some(0);
                let above = above.get(&row.int(0)?).filter(|_| relative);
                let path = match above {
                    Some(above) => format!("{above}{path}"),
                    None => path.to_owned(),
                };
                self.paths.insert(below(data_path, &path));
            }
        }
        Ok(())
    }
}

/// Number and path of a table, from a row of [`TABLE_PATHS`].
pub(crate) fn table_path(row: &Row) -> Result<(i64, String)> {
    let slashed = |path: &str| match path.is_empty() || path.ends_with('/') {
        true => path.to_owned(),
        false => format!("{path}/"),
    };
    let own = slashed(row.opt_text(1)?.unwrap_or_default());
    let schema = slashed(row.opt_text(3)?.unwrap_or_default());
    let path = match row.opt_int(2)? {
        Some(0) => own,
        _ => format!("{schema}{own}"),
    };
    Ok((row.int(0)?, path))
}

/// A path relative to the data path, if it is below it.
pub(crate) fn below(data_path: &str, path: &str) -> String {
    let relative = is_absolute(path)
        .then(|| path.strip_prefix(data_path))
        .flatten();
    relative.unwrap_or(path).to_owned()
}
