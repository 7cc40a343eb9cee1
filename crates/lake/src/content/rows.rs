//! The catalog's rows about the content of one table.

use std::collections::HashMap;
use std::sync::Arc;

use super::inlined::{self, InlinedRows};
use super::positions::Only;
use crate::database::{Dialect, Reading, Row, Value};
use crate::{ColumnId, ColumnStats, DataFile, Error, FileId, Result, SnapshotId, Table};

/// What lives at the snapshot `$2`.
const LIVE: &str =
    "table_id = $1 AND begin_snapshot <= $2 AND (end_snapshot IS NULL OR end_snapshot > $2)";

/// All that the catalog says.
pub(super) struct TableRows {
    pub(super) files: Vec<FileRow>,
    /// By the numbers of the data files.
    pub(super) delete_files: HashMap<i64, DeleteFile>,
    /// Positions, by the numbers of the data files.
    pub(super) inlined_deletes: HashMap<i64, Vec<u64>>,
    pub(super) inlined: Vec<InlinedRows>,
}

/// A data file.
pub(super) struct FileRow {
    pub(super) id: i64,
    pub(super) file: Arc<DataFile>,
}

/// A file that names positions of a data file.
#[derive(Debug)]
pub(super) struct DeleteFile {
    pub(super) id: i64,
    pub(super) path: String,
    pub(super) bytes: u64,
    /// For files that hold what several snapshots deleted.
    pub(super) only: Option<Only>,
}

/// The tables of one lake that may be missing.
pub(crate) async fn exists(reading: &mut Reading, dialect: Dialect, name: &str) -> Result<bool> {
    let sql = match dialect {
        Dialect::Sqlite => "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = $1",
        Dialect::Postgres => {
            "SELECT 1 FROM pg_catalog.pg_class WHERE relname::text = $1 AND pg_catalog.pg_table_is_visible(oid)"
        }
    };
    let found = reading.query(sql, &[Value::Text(name.to_owned())]).await?;
    Ok(!found.is_empty())
}

impl TableRows {
    /// Reads them; `known` are files that need not be read about again.
    pub(super) async fn read(
        reading: &mut Reading,
        dialect: Dialect,
        table: &Table,
        snapshot: SnapshotId,
        known: &HashMap<FileId, Arc<DataFile>>,
    ) -> Result<Self> {
        let mut about = About {
            reading,
            table,
            snapshot,
        };
        let rows = about.files().await?;
        let mut mappings = HashMap::new();
        if rows
            .iter()
            .any(|row| row.opt_int(9).ok().flatten().is_some())
        {
            mappings = about.mappings().await?;
        }
        let unknown = rows.iter().filter_map(|row| {
            let id = row.int(0).ok()?;
            (!known.contains_key(&FileId(id))).then_some(id)
        });
        let mut stats = match unknown.min() {
            Some(first) => about.stats(first).await?,
            None => HashMap::new(),
        };
        let files = rows.iter().map(|row| {
            let id = row.int(0)?;
            let only = later(row.opt_int(10)?, snapshot);
            if let Some(known) = known.get(&FileId(id))
                && known.only_until == only
            {
                let file = Arc::clone(known);
                return Ok(FileRow { id, file });
            }
            let stats = stats.remove(&id).unwrap_or_default();
            about.file(row, only, stats, &mappings)
        });
        let files = files.collect::<Result<Vec<_>>>()?;
        let delete_files = about.delete_files().await?;
        let inlined_deletes = about.inlined_deletes(dialect).await?;
        let inlined = inlined::read(about.reading, dialect, table, snapshot).await?;
        Ok(Self {
            files,
            delete_files,
            inlined_deletes,
            inlined,
        })
    }
}

/// The snapshot to look back to in a file that holds rows up to a later one.
fn later(partial_max: Option<i64>, snapshot: SnapshotId) -> Option<SnapshotId> {
    partial_max
        .filter(|max| *max > snapshot.0)
        .map(|_| snapshot)
}

struct About<'a> {
    reading: &'a mut Reading,
    table: &'a Table,
    snapshot: SnapshotId,
}

type Mappings = HashMap<i64, Arc<Vec<(ColumnId, String)>>>;

impl About<'_> {
    async fn live(&mut self, sql: &str) -> Result<Vec<Row>> {
        let parameters = [Value::Int(self.table.id.0), Value::Int(self.snapshot.0)];
        self.reading.query(sql, &parameters).await
    }

    async fn files(&mut self) -> Result<Vec<Row>> {
        self.live(&format!(
            "SELECT data_file_id, path, path_is_relative, file_format, record_count, file_size_bytes, footer_size, \
             row_id_start, encryption_key, mapping_id, partial_max, begin_snapshot FROM ducklake_data_file \
             WHERE {LIVE} ORDER BY row_id_start, file_order, data_file_id"
        ))
        .await
    }

    fn file(
        &self,
        row: &Row,
        only_until: Option<SnapshotId>,
        stats: Vec<ColumnStats>,
        mappings: &Mappings,
    ) -> Result<FileRow> {
        let id = row.int(0)?;
        let path = self.path(row.text(1)?, row.opt_int(2)?);
        self.readable(&path, row.opt_text(3)?, row.opt_text(8)?)?;
        let mapping = match row.opt_int(9)? {
            None => None,
            Some(mapping) => Some(mappings.get(&mapping).cloned().ok_or_else(|| {
                Error::broken(format!(
                    "the catalog has no column mapping {mapping}, which the file {path:?} needs"
                ))
            })?),
        };
        let row_id_start = row.opt_int(7)?;
        let file = DataFile {
            id: Some(FileId(id)),
            path,
            rows: natural(row.int(4)?)?,
            bytes: natural(row.int(5)?)?,
            footer_bytes: row.opt_int(6)?.and_then(|bytes| u64::try_from(bytes).ok()),
            row_id_start,
            embeds_row_ids: row_id_start.is_none(),
            begin: Some(SnapshotId(row.int(11)?)),
            only_until,
            mapping,
            stats: Arc::new(stats),
        };
        Ok(FileRow {
            id,
            file: Arc::new(file),
        })
    }

    fn readable(&self, path: &str, format: Option<&str>, key: Option<&str>) -> Result<()> {
        let refuse = |why: String| {
            let (schema, name) = (&self.table.schema, &self.table.name);
            Error::unsupported(format!(
                "the file {path:?} of the table {schema:?}.{name:?} {why}"
            ))
        };
        match format {
            None | Some("parquet") => {}
            Some(other) => {
                return Err(refuse(format!(
                    "has the format {other:?}; only \"parquet\" can be read"
                )));
            }
        }
        match key {
            None | Some("") => Ok(()),
            Some(_) => Err(refuse("is encrypted, and cannot be read".to_owned())),
        }
    }

    fn path(&self, path: &str, relative: Option<i64>) -> String {
        match relative {
            Some(0) => path.to_owned(),
            _ => format!("{}{path}", self.table.path),
        }
    }

    async fn mappings(&mut self) -> Result<Mappings> {
        let sql = "SELECT m.mapping_id, n.target_field_id, n.source_name, n.is_partition FROM ducklake_column_mapping m \
                   JOIN ducklake_name_mapping n ON n.mapping_id = m.mapping_id WHERE m.table_id = $1";
        let table = Value::Int(self.table.id.0);
        let mut mappings: HashMap<i64, Vec<_>> = HashMap::new();
        for row in self.reading.query(sql, &[table]).await? {
            let name = row.text(2)?.to_owned();
            if row.opt_int(3)?.unwrap_or_default() != 0 {
                let (schema, table) = (&self.table.schema, &self.table.name);
                return Err(Error::unsupported(format!(
                    "files of the table {schema:?}.{table:?} keep the column {name:?} in their paths, which Godwit cannot read"
                )));
            }
            let of = mappings.entry(row.int(0)?).or_default();
            of.push((ColumnId(row.int(1)?), name));
        }
        let mappings = mappings.into_iter();
        Ok(mappings.map(|(id, of)| (id, Arc::new(of))).collect())
    }

    /// Of files from a number on: files never change, and newer ones have greater numbers.
    async fn stats(&mut self, first: i64) -> Result<HashMap<i64, Vec<ColumnStats>>> {
        let sql = "SELECT data_file_id, column_id, column_size_bytes, value_count, null_count, min_value, max_value, contains_nan \
                   FROM ducklake_file_column_stats WHERE table_id = $1 AND data_file_id >= $2";
        let parameters = [Value::Int(self.table.id.0), Value::Int(first)];
        let mut stats: HashMap<i64, Vec<_>> = HashMap::new();
        for row in self.reading.query(sql, &parameters).await? {
            let of = stats.entry(row.int(0)?).or_default();
            of.push(ColumnStats {
                column: ColumnId(row.int(1)?),
                bytes: row.opt_int(2)?,
                values: row.opt_int(3)?,
                nulls: row.opt_int(4)?,
                min: row.opt_text(5)?.map(str::to_owned),
                max: row.opt_text(6)?.map(str::to_owned),
                has_nan: row.opt_int(7)?.map(|flag| flag != 0),
            });
        }
        Ok(stats)
    }

    async fn delete_files(&mut self) -> Result<HashMap<i64, DeleteFile>> {
        let rows = self
            .live(&format!(
                "SELECT delete_file_id, data_file_id, path, path_is_relative, format, encryption_key, \
                 file_size_bytes FROM ducklake_delete_file WHERE {LIVE}"
            ))
            .await?;
        let mut files = HashMap::new();
        let is_past = !rows.is_empty() && self.is_past().await?;
        for row in rows {
            let path = self.path(row.text(2)?, row.opt_int(3)?);
            self.readable(&path, row.opt_text(4)?, row.opt_text(5)?)?;
            let of = row.int(1)?;
            let file = DeleteFile {
                id: row.int(0)?,
                only: is_past.then_some(Only(self.snapshot)),
                bytes: natural(row.int(6)?)?,
                path,
            };
            if let Some(other) = files.insert(of, file) {
                return Err(Error::broken(format!(
                    "the catalog has two delete files for the data file {of} at snapshot {}; {:?} is one",
                    self.snapshot, other.path
                )));
            }
        }
        Ok(files)
    }

    /// Whether there are later snapshots. DuckDB gathers the deletes of several in one file when it flushes, and the catalog
    /// does not say so: then each position has to be asked.
    async fn is_past(&mut self) -> Result<bool> {
        let newest = "SELECT MAX(snapshot_id) FROM ducklake_snapshot";
        let newest = self.reading.query(newest, &[]).await?;
        let newest = newest.first().map(|row| row.int(0)).transpose()?;
        Ok(newest.is_some_and(|newest| newest > self.snapshot.0))
    }

    async fn inlined_deletes(&mut self, dialect: Dialect) -> Result<HashMap<i64, Vec<u64>>> {
        let name = format!("ducklake_inlined_delete_{}", self.table.id);
        let mut deletes: HashMap<i64, Vec<u64>> = HashMap::new();
        if !exists(self.reading, dialect, &name).await? {
            return Ok(deletes);
        }
        let sql = format!("SELECT file_id, row_id FROM {name} WHERE begin_snapshot <= $1");
        let snapshot = Value::Int(self.snapshot.0);
        for row in self.reading.query(&sql, &[snapshot]).await? {
            let of = deletes.entry(row.int(0)?).or_default();
            of.push(natural(row.int(1)?)?);
        }
        Ok(deletes)
    }
}

fn natural(number: i64) -> Result<u64> {
    u64::try_from(number).map_err(|_| {
        Error::broken(format!(
            "the catalog has {number} for a count of rows or bytes"
        ))
    })
}
