//! Where the rows of a change go: into a temporary table's next content, or through the writer of a durable one.

use std::sync::Arc;

use arrow::array::{Int64Array, RecordBatch, UInt64Array};
use datafusion::execution::memory_pool::MemoryReservation;
use godwit_catalog::{Staging, TempTable, TempTables, TempWriter};
use godwit_lake::{TableWriter, Transaction};

use super::adding::{Adding, staging_for};
use super::full;
use super::matched::Matched;
use crate::change::{Kind, Target, Write};
use crate::{Error, Result};

/// Takes the changes of one statement; without [`Sink::finish`] nothing has happened.
pub(super) enum Sink<'a> {
    Temporary(Box<TemporarySink<'a>>),
    Durable(Box<TableWriter>),
}

pub(super) struct TemporarySink<'a> {
    writer: &'a TempWriter,
    name: String,
    before: Arc<TempTable>,
    /// For statements that only add rows.
    adding: Option<Adding>,
    matched: Matched,
    /// New rows, beside others that change.
    new: Option<Staging>,
    cleared: bool,
}

impl<'a> Sink<'a> {
    pub(super) fn temporary(
        writer: &'a TempWriter,
        write: &Write,
        memory: MemoryReservation,
    ) -> Result<Self> {
        let Target::Temporary { name, .. } = &write.target else {
            return Err(moved(&write.target));
        };
        let draft = writer.draft();
        let before = found(draft, name)?;
        let adding = match write.kind {
            Kind::Insert => Some(Adding::new(draft, name, &before)?),
            _ => None,
        };
        Ok(Self::Temporary(Box::new(TemporarySink {
            writer,
            name: name.clone(),
            matched: Matched::new(&before, &write.assigned, memory),
            before,
            adding,
            new: None,
            cleared: false,
        })))
    }

    pub(super) async fn durable(transaction: &Transaction, write: &Write) -> Result<Self> {
        let Target::Durable(table) = &write.target else {
            return Err(moved(&write.target));
        };
        let writer = transaction.write(table.table().id).await;
        let writer = writer.map_err(|error| translate(&error))?;
        Ok(Self::Durable(Box::new(writer)))
    }

    /// Adds rows: all columns of the table, without nulls where there may be none.
    pub(super) async fn insert(&mut self, rows: RecordBatch) -> Result<()> {
        match self {
            Self::Temporary(sink) => sink.insert(&rows),
            Self::Durable(writer) => writer.append(rows).await.map_err(|error| translate(&error)),
        }
    }

    /// Gives rows new values, in all columns.
    pub(super) async fn update(
        &mut self,
        rows: &UInt64Array,
        row_ids: &Int64Array,
        values: RecordBatch,
    ) -> Result<()> {
        match self {
            Self::Temporary(sink) => {
                let taken = sink.matched.update(rows, &values);
                taken.map_err(|error| Error::from_datafusion(&error, "change"))
            }
            Self::Durable(writer) => {
                let updated = writer.update(rows, row_ids, values).await;
                updated.map_err(|error| translate(&error))
            }
        }
    }

    /// Deletes rows that are there.
    pub(super) fn delete(&mut self, rows: &UInt64Array) -> Result<()> {
        match self {
            Self::Temporary(sink) => {
                let taken = sink.matched.delete(rows);
                taken.map_err(|error| Error::from_datafusion(&error, "change"))
            }
            Self::Durable(writer) => writer
                .delete(rows)
                .map(drop)
                .map_err(|error| translate(&error)),
        }
    }

    /// Deletes all rows; how many there were.
    pub(super) fn clear(&mut self) -> u64 {
        match self {
            Self::Temporary(sink) => {
                sink.cleared = true;
                sink.before.rows()
            }
            Self::Durable(writer) => writer.truncate(),
        }
    }

    /// Makes the changes part of the draft or the transaction.
    pub(super) async fn finish(self) -> Result<()> {
        match self {
            Self::Temporary(sink) => sink.finish().await,
            Self::Durable(writer) => {
                let written = writer.finish().await;
                written.map(drop).map_err(|error| translate(&error))
            }
        }
    }
}

impl TemporarySink<'_> {
    fn insert(&mut self, rows: &RecordBatch) -> Result<()> {
        let draft = self.writer.draft();
        let staging = match (&mut self.adding, &mut self.new) {
            (Some(adding), _) => &mut adding.staging,
            (None, Some(new)) => new,
            (None, new) => {
                let (schema, before) = (Arc::clone(self.before.schema()), draft.bytes());
                new.insert(Staging::new(draft, &self.name, schema, before).map_err(full)?)
            }
        };
        let taken = staging.push(rows);
        taken.map_err(|error| Error::from_datafusion(&error, "change"))
    }

    async fn finish(self) -> Result<()> {
        let Self {
            writer,
            name,
            before,
            adding,
            matched,
            new,
            cleared,
        } = self;
        let chunks = match (adding, new) {
            (Some(adding), _) => adding.finish()?.0,
            (None, _) if cleared => Vec::new(),
            (None, None) if matched.is_empty() => return Ok(()),
            (None, new) => {
                let translate = |error| Error::from_datafusion(&error, "change");
                let new = new.map(Staging::finish).transpose().map_err(translate)?;
                let staging = staging_for(writer.draft(), &name, &before, &[])?;
                matched.applied(staging, new.unwrap_or_default()).await?
            }
        };
        writer.refill(&name, &before, chunks).map_err(full)
    }
}

pub(super) fn found(draft: &TempTables, name: &str) -> Result<Arc<TempTable>> {
    draft
        .get(name)
        .ok_or_else(|| Error::not_found(format!("table 'temp.{name}' does not exist any more")))
}

/// The name stands for another kind of table than it did a moment ago.
fn moved(target: &Target) -> Error {
    Error::Conflict {
        message: format!(
            "table '{}' came or went while the statement began; run it again",
            target.label()
        ),
    }
}

pub(super) fn translate(error: &godwit_lake::Error) -> Error {
    Error::from_lake(error, "change")
}
