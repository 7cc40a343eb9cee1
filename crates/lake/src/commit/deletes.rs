//! Deletions of rows of files: few of them are rows of the catalog, many a file of positions.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};

use super::rows::{FileDeletes, NewFile, RowChanges, positions};
use super::{Commit, inlined};
use crate::database::Database;
use crate::transaction::Inner;
use crate::types::FIELD_ID;
use crate::writer::{Finished, ParquetFile};
use crate::{Error, FileId, Result, TableId};

/// The columns of a delete file with the field ids that DuckDB gives them.
const COLUMNS: [(&str, DataType, &str); 2] = [
    ("file_path", DataType::Utf8, "2147483646"),
    ("pos", DataType::Int64, "2147483645"),
];

/// So many positions are written at once.
const CHUNK: usize = 8192;

/// The deletions of a transaction, ready to be named by the catalog.
#[derive(Debug)]
pub(super) struct Prepared {
    /// In the order of the row changes.
    pub(super) tables: Vec<TableDeletes>,
}

/// The deletions of one table.
#[derive(Debug, Default)]
pub(super) struct TableDeletes {
    /// Of files that were there before.
    pub(super) old: Vec<(FileId, Deletes)>,
    /// Of new files, in their order.
    pub(super) new: Vec<Option<Deletes>>,
}

#[derive(Debug)]
pub(super) enum Deletes {
    /// Positions that the catalog keeps.
    Rows(Vec<u64>),
    /// A file with so many positions.
    File(Finished, u64),
}

impl Prepared {
    /// The files.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        let deletes = self.tables.iter().flat_map(TableDeletes::all);
        deletes.filter_map(|deletes| match deletes {
            Deletes::File(file, _) => Some(file.path.as_str()),
            Deletes::Rows(_) => None,
        })
    }
}

impl TableDeletes {
    fn all(&self) -> impl Iterator<Item = &Deletes> {
        let old = self.old.iter().map(|(_, deletes)| deletes);
        old.chain(self.new.iter().flatten())
    }

    pub(super) fn has_files(&self) -> bool {
        self.all()
            .any(|deletes| matches!(deletes, Deletes::File(..)))
    }

    pub(super) fn has_rows(&self) -> bool {
        self.all()
            .any(|deletes| matches!(deletes, Deletes::Rows(_)))
    }
}

/// Writes the files of positions.
pub(super) async fn prepare(transaction: &Inner, changes: &[RowChanges]) -> Result<Prepared> {
    let mut tables = Vec::with_capacity(changes.len());
    for changes in changes {
        tables.push(table(transaction, changes).await?);
    }
    Ok(Prepared { tables })
}

async fn table(transaction: &Inner, changes: &RowChanges) -> Result<TableDeletes> {
    let mut prepared = TableDeletes::default();
    let limit = transaction.lake.inner.options.inline_rows;
    let is_few = |positions: &[u64]| positions.len() as u64 <= limit;
    let writing = Positions {
        transaction,
        changes,
    };
    let mut kept: Option<HashMap<i64, HashSet<u64>>> = None;
    for FileDeletes {
        id,
        file,
        all,
        fresh,
    } in &changes.deletes
    {
        if is_few(fresh) {
            prepared.old.push((*id, Deletes::Rows(fresh.clone())));
            continue;
        }
        let in_catalog = match &kept {
            Some(kept) => kept,
            None => {
                let read = in_catalog(&transaction.lake.inner.database, changes.table.id).await?;
                kept.insert(read)
            }
        };
        // What the catalog keeps stays there, and would count twice.
        let mut all = positions(&all.rows);
        if let Some(kept) = in_catalog.get(&id.0) {
            all.retain(|position| !kept.contains(position));
        }
        prepared
            .old
            .push((*id, writing.write(&file.path, &all).await?));
    }
    for NewFile { file, deleted } in &changes.files {
        prepared.new.push(match deleted.as_slice() {
            [] => None,
            few if is_few(few) => Some(Deletes::Rows(few.to_vec())),
            many => Some(writing.write(&file.path, many).await?),
        });
    }
    Ok(prepared)
}

/// Deleted positions that the catalog keeps, by the number of their file.
async fn in_catalog(database: &Database, table: TableId) -> Result<HashMap<i64, HashSet<u64>>> {
    let mut kept: HashMap<i64, HashSet<u64>> = HashMap::new();
    let name = inlined::deletes_table(table.0);
    let exists = inlined::exists(database.dialect(), &name);
    if database.query(&exists, &[]).await?.is_empty() {
        return Ok(kept);
    }
    let sql = format!("SELECT file_id, row_id FROM {name}");
    for row in database.query(&sql, &[]).await? {
        let position = u64::try_from(row.int(1)?).map_err(Error::internal)?;
        kept.entry(row.int(0)?).or_default().insert(position);
    }
    Ok(kept)
}

struct Positions<'a> {
    transaction: &'a Inner,
    changes: &'a RowChanges,
}

impl Positions<'_> {
    /// Writes a file of positions, which are sorted.
    async fn write(&self, data_file: &str, positions: &[u64]) -> Result<Deletes> {
        let lake = &self.transaction.lake.inner;
        let path = lake
            .storage
            .new_path(&self.changes.table.path, "-delete.parquet");
        self.transaction.files.add(path.clone());
        let schema = schema();
        let mut file = ParquetFile::begin(lake, path, Arc::clone(&schema))?;
        let data_file = absolute(lake.storage.data_path(), data_file);
        for chunk in positions.chunks(CHUNK) {
            let paths = StringArray::from_iter_values(chunk.iter().map(|_| &data_file));
            let positions = chunk.iter().map(|&position| position as i64);
            let positions = Int64Array::from_iter_values(positions);
            let columns: Vec<ArrayRef> = vec![Arc::new(paths), Arc::new(positions)];
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns);
            file.write(&batch.map_err(Error::internal)?).await?;
        }
        Ok(Deletes::File(file.finish().await?, positions.len() as u64))
    }
}

fn schema() -> SchemaRef {
    let fields = COLUMNS.into_iter().map(|(name, data_type, id)| {
        let id = HashMap::from([(FIELD_ID.to_owned(), id.to_owned())]);
        Field::new(name, data_type, true).with_metadata(id)
    });
    Arc::new(Schema::new(fields.collect::<Vec<_>>()))
}

/// The whole path of a file, as DuckDB writes it.
fn absolute(data_path: &str, path: &str) -> String {
    match path.contains("://") || path.starts_with('/') {
        true => path.to_owned(),
        false => format!("{data_path}{path}"),
    }
}

impl Commit<'_> {
    /// Names the deletions of one file.
    pub(super) async fn deletes(
        &mut self,
        table: i64,
        table_path: &str,
        file: i64,
        deletes: &Deletes,
    ) -> Result<()> {
        let snapshot = self.numbers.snapshot;
        match deletes {
            Deletes::Rows(positions) => self.keep_deletes(table, file, positions).await,
            Deletes::File(written, count) => {
                let sql = format!(
                    "UPDATE ducklake_delete_file SET end_snapshot = {snapshot} \
                     WHERE data_file_id = {file} AND end_snapshot IS NULL"
                );
                self.writing.execute(&sql, &[]).await?;
                let (path, is_relative) = super::files::relative(table_path, &written.path);
                let sql = format!(
                    "INSERT INTO ducklake_delete_file(delete_file_id, table_id, begin_snapshot, data_file_id, path, \
                     path_is_relative, format, delete_count, file_size_bytes, footer_size) \
                     VALUES ({}, {table}, {snapshot}, {file}, $1, {is_relative}, 'parquet', {count}, {}, {})",
                    self.numbers.file(),
                    written.bytes,
                    written.footer_bytes
                );
                self.writing.execute(&sql, &[path.into()]).await?;
                Ok(())
            }
        }
    }
}
