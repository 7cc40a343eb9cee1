use std::sync::Arc;

use arrow::array::{Array, Int64Array, RecordBatch};
use arrow::compute::{concat, concat_batches};

use super::file::{FileWriter, Writing};
use crate::transaction::Inner;
use crate::{Error, Inlined, Part, Result, Table};

/// Which rows a sink takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    /// New ones.
    Fresh,
    /// New versions, with row ids.
    Versions,
}

/// Rows of one kind on their way to files, one after the other, or to the catalog.
#[derive(Debug)]
pub(super) struct Sink {
    transaction: Arc<Inner>,
    table: Arc<Table>,
    kind: Rows,
    waiting: Vec<(RecordBatch, Option<Int64Array>)>,
    file: Option<FileWriter>,
    parts: Vec<Part>,
}

impl Sink {
    pub(super) fn new(transaction: Arc<Inner>, table: Arc<Table>, kind: Rows) -> Self {
        Self {
            transaction,
            table,
            kind,
            waiting: Vec::new(),
            file: None,
            parts: Vec::new(),
        }
    }

    /// Takes rows, to be written or finished.
    pub(super) fn wait(&mut self, batch: RecordBatch, row_ids: Option<Int64Array>) {
        if batch.num_rows() > 0 {
            self.waiting.push((batch, row_ids));
        }
    }

    /// Writes what waits.
    pub(super) async fn write(&mut self) -> Result<()> {
        for (batch, row_ids) in std::mem::take(&mut self.waiting) {
            let mut file = match self.file.take() {
                Some(file) => file,
                None => self.begin()?,
            };
            file.write(&batch, row_ids.as_ref()).await?;
            if file.is_large() {
                self.parts.push(file.finish().await?);
            } else {
                self.file = Some(file);
            }
        }
        Ok(())
    }

    fn begin(&self) -> Result<FileWriter> {
        let writing = Writing {
            transaction: &self.transaction,
            table: &self.table,
            row_ids: self.kind == Rows::Versions,
        };
        FileWriter::begin(&writing)
    }

    /// The parts that hold the rows: files, and what still waits.
    pub(super) async fn finish(mut self) -> Result<Vec<Part>> {
        if let Some(file) = self.file.take() {
            self.parts.push(file.finish().await?);
        }
        if !self.waiting.is_empty() {
            let inlined = self.inlined()?;
            self.parts.push(Part {
                rows: crate::Rows::Inlined(Arc::new(inlined)),
                deleted: None,
            });
        }
        Ok(self.parts)
    }

    fn inlined(&self) -> Result<Inlined> {
        let batches = self.waiting.iter().map(|(batch, _)| batch);
        let batch = concat_batches(&self.table.arrow, batches).map_err(Error::internal)?;
        let row_ids = self
            .waiting
            .iter()
            .filter_map(|(_, row_ids)| row_ids.as_ref());
        let row_ids: Vec<&dyn Array> = row_ids.map(|row_ids| row_ids as &dyn Array).collect();
        let row_ids = match row_ids.as_slice() {
            [] => None,
            row_ids => Some(concat(row_ids).map_err(Error::internal)?),
        };
        Ok(Inlined {
            batch,
            row_ids: row_ids.map(|row_ids| row_ids.to_data().into()),
            table: None,
        })
    }
}
