//! Reads which rows a table has at a snapshot: its files, what is deleted of them, and the rows that are in the catalog.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use futures::{StreamExt, TryStreamExt, stream};

use super::inlined::Mark;
use super::positions::{self, Only};
use super::rows::{DeleteFile, FileRow, TableRows};
use crate::database::Reading;
use crate::{Content, DataFile, Deleted, FileId, Lake, Part, Result, Rows, SnapshotId, Table};

/// How many files of a table are looked into at a time.
const AT_A_TIME: usize = 16;

/// A content with what makes it cheap to read the next one.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) content: Arc<Content>,
    /// Tells it from every other content of any table; the same whenever it is loaded.
    pub(crate) version: u64,
    /// What delete files say, by their numbers: they never change.
    pub(super) deletes: HashMap<i64, Arc<Deleted>>,
    /// Tells each part from all others.
    pub(super) marks: Vec<u64>,
    /// The part that new rows come into, with what tells it from others; it is the last one that the catalog keeps.
    pub(super) growing: Option<(usize, Mark)>,
}

/// The content of a table at a snapshot.
///
/// # Errors
/// [`crate::Error::Unsupported`] for files that Godwit cannot read; [`crate::Error::Broken`]; [`crate::Error::Unavailable`].
pub(crate) async fn load(
    lake: &Lake,
    mut reading: Reading,
    table: &Table,
    snapshot: SnapshotId,
    before: Option<&Loaded>,
) -> Result<Loaded> {
    let known = known_files(before);
    let dialect = lake.inner.database.dialect();
    let rows = TableRows::read(&mut reading, dialect, table, snapshot, &known).await?;
    drop(reading);
    let loader = Loader {
        lake,
        table,
        before,
    };
    loader.load(rows).await
}

fn known_files(before: Option<&Loaded>) -> HashMap<FileId, Arc<DataFile>> {
    let parts = before.iter().flat_map(|before| &before.content.parts);
    let files = parts.filter_map(|part| match &part.rows {
        Rows::File(file) => Some((file.id?, Arc::clone(file))),
        Rows::Inlined(_) => None,
    });
    files.collect()
}

struct Loader<'a> {
    lake: &'a Lake,
    table: &'a Table,
    before: Option<&'a Loaded>,
}

/// A part with the row id that it begins with and what tells it from others.
struct Placed {
    part: Part,
    first: i64,
    mark: u64,
    /// Of rows that the catalog keeps.
    growing: Option<Mark>,
}

impl Loader<'_> {
    async fn load(&self, rows: TableRows) -> Result<Loaded> {
        let TableRows {
            files,
            mut delete_files,
            mut inlined_deletes,
            inlined,
        } = rows;
        let work = files.into_iter().map(|row| {
            let id = row.id;
            let delete = delete_files.remove(&id);
            let inlined = inlined_deletes.remove(&id).unwrap_or_default();
            self.file(row, delete, inlined)
        });
        let files: Vec<_> = stream::iter(work).buffered(AT_A_TIME).try_collect().await?;
        let mut deletes = HashMap::new();
        let mut placed = Vec::with_capacity(files.len() + inlined.len());
        for (part, kept) in files {
            placed.push(part);
            deletes.extend(kept);
        }
        for rows in inlined {
            placed.push(Placed {
                mark: rows.mark.value(),
                growing: Some(rows.mark),
                first: rows.first,
                part: Part {
                    rows: Rows::Inlined(Arc::new(rows.rows)),
                    deleted: None,
                },
            });
        }
        placed.sort_by_key(|placed| placed.first);
        let marks: Vec<u64> = placed.iter().map(|placed| placed.mark).collect();
        let last = placed.iter().rposition(|placed| placed.growing.is_some());
        let growing = last.and_then(|at| Some((at, placed.get_mut(at)?.growing.take()?)));
        let parts = placed.into_iter().map(|placed| placed.part).collect();
        Ok(Loaded {
            content: Arc::new(Content { parts }),
            version: version_of(self.table, &marks),
            deletes,
            marks,
            growing,
        })
    }

    async fn file(
        &self,
        row: FileRow,
        delete: Option<DeleteFile>,
        inlined: Vec<u64>,
    ) -> Result<(Placed, Option<(i64, Arc<Deleted>)>)> {
        let file = &row.file;
        let mut sources = Vec::new();
        let mut kept = None;
        if let Some(delete) = delete {
            let known = self
                .before
                .and_then(|before| before.deletes.get(&delete.id));
            let deleted = match known {
                Some(known) if delete.only.is_none() => Arc::clone(known),
                _ => {
                    let found = positions::of_delete_file(self.lake, &delete, self.table).await?;
                    Arc::new(Deleted::of(file.rows, found))
                }
            };
            if delete.only.is_none() {
                kept = Some((delete.id, Arc::clone(&deleted)));
            }
            sources.push(deleted);
        }
        if !inlined.is_empty() {
            sources.push(Arc::new(Deleted::of(file.rows, inlined)));
        }
        if let Some(only) = file.only_until {
            let only = Only(only);
            let hidden = positions::later_rows(self.lake, file, only, self.table).await?;
            sources.push(Arc::new(Deleted::of(file.rows, hidden)));
        }
        let deleted = union(sources);
        let mut mark = DefaultHasher::new();
        (row.id, file.only_until).hash(&mut mark);
        if let Some(deleted) = &deleted {
            let bits = &deleted.rows;
            (bits.len(), deleted.count).hash(&mut mark);
            bits.set_indices().for_each(|at| at.hash(&mut mark));
        }
        let placed = Placed {
            first: file.row_id_start.unwrap_or_default(),
            mark: mark.finish(),
            growing: None,
            part: Part {
                rows: Rows::File(row.file),
                deleted,
            },
        };
        Ok((placed, kept))
    }
}

/// Made of what the content is made of, so that loading it again gives it again.
pub(super) fn version_of(table: &Table, parts: &[u64]) -> u64 {
    let mut version = DefaultHasher::new();
    (table.id, table.schema_version).hash(&mut version);
    for column in &table.columns {
        let default = (&column.initial_default, &column.default);
        (column.id, &column.field, &column.stored, default).hash(&mut version);
    }
    parts.hash(&mut version);
    crate::snapshot::committed_version(version.finish())
}

/// All that any of them deletes.
fn union(mut sources: Vec<Arc<Deleted>>) -> Option<Arc<Deleted>> {
    let first = sources.pop()?;
    let all = sources.into_iter().fold(first, |all, one| {
        Arc::new(Deleted::new(&all.rows | &one.rows))
    });
    (all.count > 0).then_some(all)
}
