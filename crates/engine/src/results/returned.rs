//! Rows that a change returns: written while it is made, to be read once it has happened.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use godwit_protocol::StatementId;

use super::file::{Chunk, ResultWriter};
use super::shared::Shared;
use super::{Kept, Results};
use crate::{Error, Result};

/// The place of such rows among the kept results. Dropped without them, it is given back.
pub(crate) struct Returning {
    results: Arc<Results>,
    shared: Arc<Shared>,
}

/// The rows of one attempt to make the change.
pub(crate) struct Returned {
    writer: ResultWriter,
    chunks: Vec<Chunk>,
}

impl Returning {
    /// Takes the place: `user` reads the rows by the id of the statement.
    ///
    /// # Errors
    /// [`Error::ResourcesExhausted`] at `results.max_per_user`.
    pub(crate) fn begin(
        results: &Arc<Results>,
        (id, sql): (StatementId, &Arc<str>),
        user: &str,
        schema: &SchemaRef,
        max_batch_rows: Option<usize>,
    ) -> Result<Self> {
        let shared = Arc::new(Shared::of_change(
            (id, Arc::clone(sql)),
            user,
            Arc::clone(schema),
            max_batch_rows,
        ));
        results.insert(&shared)?;
        Ok(Self {
            results: Arc::clone(results),
            shared,
        })
    }

    /// No rows yet.
    ///
    /// # Errors
    /// When their file cannot be made.
    pub(crate) fn rows(&self) -> Result<Returned> {
        let Results { disk, budget, .. } = self.results.as_ref();
        let id = self.shared.id.to_string();
        Ok(Returned {
            writer: ResultWriter::create(disk, budget, &id, &self.shared.schema)?,
            chunks: Vec::new(),
        })
    }

    /// The change has happened: these are its rows.
    pub(crate) fn keep(self, rows: Returned) -> Kept {
        self.shared.open(rows.writer.file());
        for chunk in rows.chunks {
            self.shared.add(chunk);
        }
        self.shared.end(Ok(()));
        self.results.handle(Arc::clone(&self.shared))
    }
}

impl Drop for Returning {
    fn drop(&mut self) {
        if self.shared.end(Err(Error::Cancelled)) {
            self.results.remove(self.shared.id);
        }
    }
}

impl Returned {
    /// # Errors
    /// When the rows have no IPC form, or at a limit of the disk.
    pub(crate) fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.push(batch)?;
        if self.writer.is_full() {
            self.settle()?;
        }
        Ok(())
    }

    /// Writes what waits.
    ///
    /// # Errors
    /// As [`Self::push`].
    pub(crate) fn settle(&mut self) -> Result<()> {
        self.chunks.extend(self.writer.flush()?);
        Ok(())
    }
}
