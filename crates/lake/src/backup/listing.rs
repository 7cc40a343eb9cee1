//! The files that a catalog names.

use std::collections::HashMap;

use super::manifest::FileRow;
use super::{Error, Result};
use crate::database::Reading;
use crate::maintenance::{TABLE_PATHS, below, is_absolute, table_path};
use crate::storage::Storage;

/// What a catalog says about itself and its files.
#[derive(Debug)]
pub(super) struct Listing {
    pub(super) snapshot: i64,
    pub(super) snapshot_time: String,
    pub(super) tables: u64,
    /// With a slash at the end.
    pub(super) data_path: String,
    /// Each once, by their paths in the backup.
    pub(super) files: HashMap<String, Named>,
}

/// A file that the catalog names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Named {
    /// Relative to the data path, or absolute.
    pub(super) path: String,
    /// Its size, where the catalog says it.
    pub(super) bytes: Option<u64>,
    /// Set for one that is not below the data path.
    pub(super) row: Option<FileRow>,
}

impl Listing {
    pub(super) async fn read(reading: &mut Reading, storage: &Storage, time: &str) -> Result<Self> {
        let data = "SELECT value FROM ducklake_metadata WHERE key = 'data_path' AND scope IS NULL";
        let data = reading.query(data, &[]).await?;
        let missing =
            |what: &str| crate::Error::broken(format!("the catalog does not say its {what}"));
        let data = data.first().ok_or_else(|| missing("data_path"))?.text(0)?;
        let data_path = format!("{}/", data.trim_end_matches('/'));
        let newest = format!(
            "SELECT snapshot_id, {time} FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1"
        );
        let newest = reading.query(&newest, &[]).await?;
        let newest = newest.first().ok_or_else(|| missing("snapshot"))?;
        let tables = "SELECT count(*) FROM ducklake_table WHERE end_snapshot IS NULL";
        let tables = reading.query(tables, &[]).await?;
        let tables = tables.first().map_or(Ok(0), |row| row.int(0))?;
        let mut this = Self {
            snapshot: newest.int(0)?,
            snapshot_time: newest.text(1)?.to_owned(),
            tables: u64::try_from(tables).unwrap_or(0),
            data_path,
            files: HashMap::new(),
        };
        this.read_files(reading, storage).await?;
        Ok(this)
    }

    async fn read_files(&mut self, reading: &mut Reading, storage: &Storage) -> Result<()> {
        let mut above = HashMap::new();
        for row in reading.query(TABLE_PATHS, &[]).await? {
            let (id, path) = table_path(&row)?;
            above.insert(id, path);
        }
        for (table, id) in [
            ("ducklake_data_file", "data_file_id"),
            ("ducklake_delete_file", "delete_file_id"),
        ] {
            let sql = format!(
                "SELECT table_id, path, path_is_relative, file_size_bytes, {id} FROM {table}"
            );
            for row in reading.query(&sql, &[]).await? {
                let path = row.text(1)?;
                let relative = row.opt_int(2)? != Some(0);
                let path = match above.get(&row.int(0)?).filter(|_| relative) {
                    Some(above) => format!("{above}{path}"),
                    None => path.to_owned(),
                };
                let path = below(storage.data_path(), &below(&self.data_path, &path));
                let deletes = table == "ducklake_delete_file";
                let row_of = FileRow {
                    deletes,
                    id: row.int(4)?,
                };
                let bytes = row.opt_int(3)?.and_then(|bytes| u64::try_from(bytes).ok());
                self.add(path, bytes, row_of)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: String, bytes: Option<u64>, row: FileRow) -> Result<()> {
        let (place, row) = if is_absolute(&path) {
            let kind = if row.deletes { "delete" } else { "data" };
            (format!("elsewhere/{kind}-{}.parquet", row.id), Some(row))
        } else {
            (format!("data/{path}"), None)
        };
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) && row.is_none() {
            let why = format!("the catalog names the file {path:?}, which a backup cannot hold");
            return Err(Error::Lake(crate::Error::unsupported(why)));
        }
        self.files.insert(place, Named { path, bytes, row });
        Ok(())
    }
}
