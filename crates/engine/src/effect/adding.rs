use std::sync::Arc;

use godwit_catalog::{Chunk, Staging, TempTable, TempTables};

use super::full;
use crate::{Error, Result};

/// Below this many rows the last chunk of a table is put together with those that are added.
pub(crate) const SMALL_CHUNK: usize = 1024;

/// Rows that are being added to those of a table.
pub(crate) struct Adding {
    kept: Vec<Arc<Chunk>>,
    pub(crate) staging: Staging,
    /// Rows of the table that are staged again.
    again: u64,
}

impl Adding {
    pub(crate) fn new(draft: &TempTables, name: &str, table: &TempTable) -> Result<Self> {
        let mut kept = table.chunks().to_vec();
        let is_small = |chunk: &mut Arc<Chunk>| chunk.batch().num_rows() < SMALL_CHUNK;
        let small = kept.pop_if(is_small);
        let mut staging = staging_for(draft, name, table, &kept)?;
        if let Some(small) = &small {
            staging
                .push(small.batch())
                .map_err(|error| Error::from_datafusion(&error, "insert"))?;
        }
        Ok(Self {
            kept,
            again: staging.rows(),
            staging,
        })
    }

    /// All rows of the table, and how many were added.
    pub(crate) fn finish(self) -> Result<(Vec<Arc<Chunk>>, u64)> {
        let count = self.staging.rows() - self.again;
        let added = self
            .staging
            .finish()
            .map_err(|error| Error::from_datafusion(&error, "insert"))?;
        let mut chunks = self.kept;
        chunks.extend(added);
        Ok((chunks, count))
    }
}

/// For other rows in place of a table's, some of whose chunks stay.
pub(super) fn staging_for(
    draft: &TempTables,
    name: &str,
    table: &TempTable,
    kept: &[Arc<Chunk>],
) -> Result<Staging> {
    let bytes = |chunks: &[Arc<Chunk>]| chunks.iter().map(|chunk| chunk.bytes()).sum::<u64>();
    let before = draft
        .bytes()
        .saturating_sub(bytes(table.chunks()))
        .saturating_add(bytes(kept));
    Staging::new(draft, name, Arc::clone(table.schema()), before).map_err(full)
}
