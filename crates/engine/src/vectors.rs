//! What the columns of a query are made of, chunk by chunk: the table `vector_types(…)`.
//!
//! A chunk is so many rows of a result, one after the other, as DuckDB's engine passes them on (`STANDARD_VECTOR_SIZE`).
//! [`Anatomy`] runs a planned query in one partition, so that its rows come in their order, and looks at one chunk at a
//! time: `chunks` cuts them, `column` says what one column of one chunk is, `bytes` and `steps` how much it takes and
//! whether it is a sequence, `report` makes rows of it. Nothing of a chunk is kept when the next one comes.

mod bytes;
mod chunks;
mod column;
mod report;
mod steps;
mod table;

pub(crate) use bytes::unfolded;
pub(crate) use column::{Column, examine};
pub(crate) use table::Anatomy;

/// Rows of a chunk where nobody says otherwise.
pub(crate) const CHUNK_ROWS: usize = 2048;

/// The most rows of a chunk: it is held in memory.
pub(crate) const MAX_CHUNK_ROWS: usize = 131_072;

#[cfg(test)]
mod tests;
