//! What differs between the rows of tables.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch};
use arrow::buffer::BooleanBuffer;

use crate::transaction::Staged;
use crate::writer::left;
use crate::{
    Content, DataFile, Deleted, Error, FileId, Inlined, Part, Result, Rows, Snapshot, Table,
    TableId,
};

/// Changes of the rows of one table.
#[derive(Debug)]
pub(super) struct RowChanges {
    /// As it is after the commit.
    pub(super) table: Arc<Table>,
    /// Files without rows that are left.
    pub(super) ended_files: Vec<FileId>,
    /// Rows of files that were there before.
    pub(super) deletes: Vec<FileDeletes>,
    /// Rows of the catalog's tables for inlined rows, by their row ids.
    pub(super) ended_rows: Vec<(String, Vec<i64>)>,
    /// New files.
    pub(super) files: Vec<NewFile>,
    /// New rows that the catalog keeps, with row ids where they are new versions.
    pub(super) inlined: Vec<(RecordBatch, Option<Int64Array>)>,
}

/// Deleted rows of a file.
#[derive(Debug)]
pub(super) struct FileDeletes {
    pub(super) id: FileId,
    pub(super) file: Arc<DataFile>,
    /// All of them.
    pub(super) all: Arc<Deleted>,
    /// Positions of those that the transaction has deleted.
    pub(super) fresh: Vec<u64>,
}

/// A new file, of which some rows were deleted again.
#[derive(Debug)]
pub(super) struct NewFile {
    pub(super) file: Arc<DataFile>,
    pub(super) deleted: Vec<u64>,
}

/// Of all tables whose rows were changed, by their numbers.
pub(super) async fn changes(base: &Snapshot, staged: &Staged) -> Result<Vec<RowChanges>> {
    let mut found = Vec::new();
    for (&id, (content, _)) in staged.rows.iter() {
        let Some(table) = staged.state.table_of(id) else {
            continue;
        };
        let before = before(base, id).await?;
        let changes = between(table, &before, content)?;
        if !changes.is_empty() {
            found.push(changes);
        }
    }
    // New tables come last, in the order in which they were made.
    found.sort_by_key(|changes| (changes.table.id.0 < 0, changes.table.id.0.abs()));
    Ok(found)
}

async fn before(base: &Snapshot, id: TableId) -> Result<Arc<Content>> {
    let Some(table) = base.state.table_of(id) else {
        return Ok(Arc::default());
    };
    let found = base.table(&table.schema, &table.name).await?;
    let found = found.ok_or_else(|| Error::internal("a table of the base is not there"))?;
    Ok(found.content)
}

fn between(table: &Arc<Table>, before: &Content, now: &Content) -> Result<RowChanges> {
    let mut changes = RowChanges::none(table);
    let mut there = There::of(before);
    for part in &now.parts {
        match &part.rows {
            Rows::File(file) => match file.id {
                Some(id) => changes.of_file(id, file, part, there.files.remove(&id))?,
                None => changes.new_file(file, part),
            },
            Rows::Inlined(inlined) => match &inlined.table {
                Some(name) => {
                    let old = there
                        .inlined
                        .remove(name.as_str())
                        .ok_or_else(unknown_part)?;
                    changes.of_inlined(name, old, part.deleted.as_deref())?;
                }
                None => changes.inlined.push(left(part, inlined)?),
            },
        }
    }
    changes.ended_files = there.files.into_keys().collect();
    changes.ended_files.sort_unstable();
    for (name, old) in there.inlined {
        changes.end_rows(name, old, |_| true)?;
    }
    changes.inlined.retain(|(batch, _)| batch.num_rows() > 0);
    Ok(changes)
}

/// What there was before.
struct There<'a> {
    files: HashMap<FileId, &'a Part>,
    inlined: HashMap<&'a str, (&'a Part, &'a Inlined)>,
}

impl<'a> There<'a> {
    fn of(content: &'a Content) -> Self {
        let mut there = Self {
            files: HashMap::new(),
            inlined: HashMap::new(),
        };
        for part in &content.parts {
            match &part.rows {
                Rows::File(file) => {
                    there.files.extend(file.id.map(|id| (id, part)));
                }
                Rows::Inlined(inlined) => {
                    let name = inlined.table.as_deref();
                    there
                        .inlined
                        .extend(name.map(|name| (name, (part, inlined.as_ref()))));
                }
            }
        }
        there
    }
}

impl RowChanges {
    fn none(table: &Arc<Table>) -> Self {
        Self {
            table: Arc::clone(table),
            ended_files: Vec::new(),
            deletes: Vec::new(),
            ended_rows: Vec::new(),
            files: Vec::new(),
            inlined: Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        !self.deletes_rows() && !self.inserts_rows()
    }

    /// Whether rows are deleted that were there before.
    pub(super) fn deletes_rows(&self) -> bool {
        !(self.ended_files.is_empty() && self.deletes.is_empty() && self.ended_rows.is_empty())
    }

    pub(super) fn inserts_rows(&self) -> bool {
        !(self.files.is_empty() && self.inlined.is_empty())
    }

    /// Whether all that happens to the table is that the catalog keeps more rows of it, which are new.
    pub(super) fn is_only_added(&self) -> bool {
        let are_new = self.inlined.iter().all(|(_, row_ids)| row_ids.is_none());
        are_new && self.files.is_empty() && !self.deletes_rows()
    }

    /// Data files that it needs.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|new| new.file.path.as_str())
    }

    fn of_file(
        &mut self,
        id: FileId,
        file: &Arc<DataFile>,
        part: &Part,
        old: Option<&Part>,
    ) -> Result<()> {
        let old = old.ok_or_else(unknown_part)?;
        let Some(all) = &part.deleted else {
            return Ok(());
        };
        if part.live_rows() == 0 {
            self.ended_files.push(id);
            return Ok(());
        }
        let fresh = fresh(all, old.deleted.as_deref());
        if !fresh.is_empty() {
            self.deletes.push(FileDeletes {
                id,
                file: Arc::clone(file),
                all: Arc::clone(all),
                fresh,
            });
        }
        Ok(())
    }

    fn new_file(&mut self, file: &Arc<DataFile>, part: &Part) {
        if part.live_rows() > 0 {
            let deleted = part.deleted.as_ref();
            let deleted = deleted.map_or_else(Vec::new, |deleted| positions(&deleted.rows));
            self.files.push(NewFile {
                file: Arc::clone(file),
                deleted,
            });
        }
    }

    fn of_inlined(
        &mut self,
        name: &str,
        old: (&Part, &Inlined),
        deleted: Option<&Deleted>,
    ) -> Result<()> {
        let Some(deleted) = deleted else {
            return Ok(());
        };
        self.end_rows(name, old, |row| deleted.rows.value(row))
    }

    /// Ends the rows of an inlined part that were not deleted before and are now.
    fn end_rows(
        &mut self,
        name: &str,
        (part, inlined): (&Part, &Inlined),
        is_deleted: impl Fn(usize) -> bool,
    ) -> Result<()> {
        let row_ids = inlined.row_ids.as_ref();
        let row_ids = row_ids.ok_or_else(|| Error::internal("inlined rows without row ids"))?;
        let before = |row: usize| part.deleted.as_ref().is_some_and(|old| old.rows.value(row));
        let ended = (0..inlined.batch.num_rows()).filter(|&row| is_deleted(row) && !before(row));
        let ended: HashSet<i64> = ended.map(|row| row_ids.value(row)).collect();
        if !ended.is_empty() {
            let mut ended: Vec<i64> = ended.into_iter().collect();
            ended.sort_unstable();
            self.ended_rows.push((name.to_owned(), ended));
        }
        Ok(())
    }
}

/// Positions that are deleted now and were not before.
fn fresh(all: &Deleted, before: Option<&Deleted>) -> Vec<u64> {
    match before {
        Some(before) => positions(&(&all.rows & &!&before.rows)),
        None => positions(&all.rows),
    }
}

pub(super) fn positions(rows: &BooleanBuffer) -> Vec<u64> {
    rows.set_indices().map(|position| position as u64).collect()
}

fn unknown_part() -> Error {
    Error::internal("the transaction has rows that its base does not have")
}
