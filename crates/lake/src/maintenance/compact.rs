//! Joins small files, and moves rows out of the catalog into files.

use std::sync::Arc;

use arrow::array::{AsArray, RecordBatch};
use arrow::datatypes::Int64Type;
use futures::StreamExt;

use super::plan::{self, Aim, Group};
use super::{Budget, Compacted, Scope};
use crate::scan::stream;
use crate::transaction::Inner;
use crate::writer::{FileWriter, Writing};
use crate::{Content, Error, Inlined, Lake, LakeTable, Part, Result, Rows, Table};

/// What the row number and the row id are called while rows are moved; nobody sees it.
const NUMBER: &str = "_godwit_row_number";
const ROW_ID: &str = "_godwit_row_id";

impl Lake {
    /// Joins small files of tables into larger ones, rewrites those that are mostly deleted, and moves rows from the
    /// catalog into files. Rows keep their row ids; older snapshots go on reading what they had. Each table is a commit of
    /// its own. A table that an open transaction is changing is left alone.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the schema or the table that is named; [`Error::Full`]; [`Error::Unavailable`].
    pub async fn compact(&self, scope: &Scope, budget: Budget) -> Result<Compacted> {
        let options = &self.inner.options;
        let aim = match budget.thorough {
            true => Aim::All,
            false => Aim::Worth {
                files: options.compact_files,
                rows: options.flush_rows,
            },
        };
        self.rewrite(scope, aim, budget).await
    }

    /// Moves the rows of tables that the catalog keeps into files, and leaves the files that there are alone. Otherwise as
    /// [`Self::compact`].
    ///
    /// # Errors
    /// As [`Self::compact`].
    pub async fn flush(&self, scope: &Scope) -> Result<Compacted> {
        self.rewrite(scope, Aim::Flush, Budget::THOROUGH).await
    }

    async fn rewrite(&self, scope: &Scope, aim: Aim, budget: Budget) -> Result<Compacted> {
        let tables = scope.tables(self.latest().await?.state())?;
        let mut done = Compacted::default();
        for (schema, name) in tables {
            if budget.is_spent() {
                break;
            }
            match compact_table(self, &schema, &name, aim).await {
                Ok(Some(table)) => {
                    self.inner.counts.compacted(table.files);
                    done.add(&table);
                }
                Ok(None) => {}
                Err(Error::Conflict { .. }) => done.postponed += 1,
                Err(error) => return Err(error),
            }
        }
        Ok(done)
    }
}

impl Compacted {
    fn add(&mut self, other: &Self) {
        self.tables += other.tables;
        self.postponed += other.postponed;
        self.files += other.files;
        self.bytes += other.bytes;
        self.flushed_rows += other.flushed_rows;
        self.written_files += other.written_files;
        self.written_bytes += other.written_bytes;
        self.written_rows += other.written_rows;
    }
}

async fn compact_table(
    lake: &Lake,
    schema: &str,
    name: &str,
    aim: Aim,
) -> Result<Option<Compacted>> {
    let transaction = lake.begin().await?;
    let snapshot = transaction.snapshot();
    let Some(table) = snapshot.table(schema, name).await? else {
        return Ok(None);
    };
    let target_bytes = lake.inner.options.target_file_bytes;
    let groups = plan::groups(table.content(), target_bytes, aim);
    if groups.is_empty() || table.table().read_only.is_some() {
        return Ok(None);
    }
    let id = table.table().id;
    let postponed = Compacted {
        postponed: 1,
        ..Compacted::default()
    };
    if lake.inner.running.is_changing(id, &transaction.inner) {
        return Ok(Some(postponed));
    }
    let mut done = Compacted {
        tables: 1,
        ..Compacted::default()
    };
    let mut parts: Vec<Vec<Part>> = table
        .content()
        .parts
        .iter()
        .cloned()
        .map(|part| vec![part])
        .collect();
    for group in &groups {
        let written = write(&transaction.inner, &table, group).await?;
        done.count(&table, group, &written);
        replace(&mut parts, group, written);
    }
    let parts = parts.into_iter().flatten().collect();
    transaction
        .inner
        .stage(id, snapshot.state(), Content { parts })?;
    transaction.inner.set_compacts();
    if lake.inner.running.is_changing(id, &transaction.inner) {
        transaction.rollback().await;
        return Ok(Some(postponed));
    }
    transaction.commit().await?;
    Ok(Some(done))
}

/// The new parts take the place of the first old one.
fn replace(parts: &mut [Vec<Part>], group: &Group, written: Vec<Part>) {
    for &place in &group.parts {
        if let Some(part) = parts.get_mut(place) {
            part.clear();
        }
    }
    let first = group.parts.first().and_then(|&first| parts.get_mut(first));
    if let Some(first) = first {
        *first = written;
    }
}

impl Compacted {
    fn count(&mut self, table: &LakeTable, group: &Group, written: &[Part]) {
        let parts = &table.content().parts;
        for part in group.parts.iter().filter_map(|&place| parts.get(place)) {
            match &part.rows {
                Rows::File(file) => {
                    self.files += 1;
                    self.bytes += file.bytes;
                }
                Rows::Inlined(_) => self.flushed_rows += part.live_rows(),
            }
        }
        for part in written {
            if let Rows::File(file) = &part.rows {
                self.written_files += 1;
                self.written_bytes += file.bytes;
                self.written_rows += file.rows;
            }
        }
    }
}

/// Writes the rows of some parts to files.
async fn write(transaction: &Arc<Inner>, table: &LakeTable, group: &Group) -> Result<Vec<Part>> {
    let only = only(table, group);
    let mut written = Vec::new();
    let mut open: Option<FileWriter> = None;
    for mut stream in stream::all(&table.lake, only.numbered(NUMBER, ROW_ID).as_ref()).await? {
        while let Some(batch) = stream.next().await {
            let batch = batch.map_err(stream::error)?;
            if batch.num_rows() == 0 {
                continue;
            }
            let mut file = match open.take() {
                Some(file) => file,
                None => FileWriter::begin(&Writing {
                    transaction,
                    table: table.table(),
                    row_ids: true,
                })?,
            };
            let row_ids = batch.column(1).as_primitive::<Int64Type>().clone();
            let rows = rows(table.table(), &batch)?;
            file.write(&rows, Some(&row_ids)).await?;
            if file.is_large() {
                written.push(file.finish().await?);
            } else {
                open = Some(file);
            }
        }
    }
    if let Some(file) = open {
        written.push(file.finish().await?);
    }
    Ok(written)
}

/// The columns of the table.
fn rows(table: &Table, batch: &RecordBatch) -> Result<RecordBatch> {
    let columns = batch.columns().get(2..).unwrap_or_default().to_vec();
    RecordBatch::try_new(Arc::clone(&table.arrow), columns).map_err(Error::internal)
}

/// The table with the rows of some of its parts.
fn only(table: &LakeTable, group: &Group) -> LakeTable {
    let none = Part {
        rows: Rows::Inlined(Arc::new(Inlined {
            batch: RecordBatch::new_empty(Arc::clone(&table.table().arrow)),
            row_ids: Some(Vec::<i64>::new().into()),
            table: None,
        })),
        deleted: None,
    };
    let parts = table.content().parts.iter().enumerate();
    let parts = parts.map(|(place, part)| match group.parts.contains(&place) {
        true => part.clone(),
        false => none.clone(),
    });
    let content = Content {
        parts: parts.collect(),
    };
    let version = crate::snapshot::staged_version();
    LakeTable::new(&table.lake, table.table(), Arc::new(content), version)
}
