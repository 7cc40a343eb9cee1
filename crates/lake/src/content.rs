//! The rows of a table at one moment: a list of parts that never change.
//!
//! A commit or a statement of a transaction makes a new list, which shares most parts with the one before. Whoever reads
//! the old one keeps it. A row is named by the number of its part and its position in it.

mod added;
pub(crate) mod inlined;
pub(crate) mod load;
mod positions;
pub(crate) mod rows;

use std::sync::Arc;

use arrow::array::{BooleanBufferBuilder, Int64Array, RecordBatch};
use arrow::buffer::BooleanBuffer;
use datafusion::execution::memory_pool::MemoryReservation;

use crate::{ColumnId, FileId, SnapshotId};

/// How many bits of a row's number are its position in the part.
const POSITION_BITS: u32 = 40;

/// The rows of a table, in order.
#[derive(Debug, Clone, Default)]
pub struct Content {
    /// One after the other.
    pub parts: Vec<Part>,
}

/// Some rows of a table.
#[derive(Debug, Clone)]
pub struct Part {
    /// Where they are.
    pub rows: Rows,
    /// Positions that are deleted, one bit a row; `None` when there are none.
    pub deleted: Option<Arc<Deleted>>,
}

/// Where rows are.
#[derive(Debug, Clone)]
pub enum Rows {
    /// In a Parquet file.
    File(Arc<DataFile>),
    /// In the catalog itself, read into memory.
    Inlined(Arc<Inlined>),
}

/// A Parquet file.
#[derive(Debug, Clone)]
pub struct DataFile {
    /// Its number; `None` while the transaction that wrote it has not committed.
    pub id: Option<FileId>,
    /// Relative to the data path (schema's and table's paths are part of it); absolute where it has a scheme or begins
    /// with a slash.
    pub path: String,
    /// Rows, deleted ones included.
    pub rows: u64,
    /// Of the whole file, in bytes.
    pub bytes: u64,
    /// Of the Parquet footer, in bytes, where it is known.
    pub footer_bytes: Option<u64>,
    /// The row id of the first row; `None` where the file holds a row id for each row (or the commit gives it).
    pub row_id_start: Option<i64>,
    /// Whether it has the column `_ducklake_internal_row_id`.
    pub embeds_row_ids: bool,
    /// The snapshot that it began to live at; `None` before its commit.
    pub begin: Option<SnapshotId>,
    /// For files that hold rows of several snapshots (column `_ducklake_internal_snapshot_id`): only rows of snapshots
    /// up to this one are there. `None` for all others.
    pub only_until: Option<SnapshotId>,
    /// How columns are found where the file does not know their numbers (files that were added, not written): name in
    /// the file for each column.
    pub mapping: Option<Arc<Vec<(ColumnId, String)>>>,
    /// Least and greatest values and counts of nulls, of columns and of fields of nested ones.
    pub stats: Arc<Vec<ColumnStats>>,
}

/// What is known of one column in one file, in the catalog's texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnStats {
    /// The column.
    pub column: ColumnId,
    /// Compressed, in bytes.
    pub bytes: Option<i64>,
    /// Values, nulls included.
    pub values: Option<i64>,
    /// Nulls among them.
    pub nulls: Option<i64>,
    /// The least value; may be less than it.
    pub min: Option<String>,
    /// The greatest value; may be greater than it.
    pub max: Option<String>,
    /// Whether there is a NaN among them, for floats.
    pub has_nan: Option<bool>,
}

/// Rows that are kept in the catalog or wait for the commit of their transaction.
#[derive(Debug, Clone)]
pub struct Inlined {
    /// In the columns that the table has now.
    pub batch: RecordBatch,
    /// One a row; `None` where the commit gives them, one after the other.
    pub row_ids: Option<Int64Array>,
    /// The catalog's table that holds them; `None` before their commit.
    pub table: Option<String>,
}

/// Memory of a file in a list, in bytes, and of what is known of each of its columns, roughly.
const FILE_BYTES: usize = 512;
const COLUMN_BYTES: usize = 160;

/// Deleted rows of a part.
#[derive(Debug, Clone)]
pub struct Deleted {
    /// A set bit is a deleted row. As long as the part has rows.
    pub rows: BooleanBuffer,
    /// How many bits are set.
    pub count: u64,
    /// Memory that a transaction has reserved for it.
    _memory: Option<Arc<MemoryReservation>>,
}

/// The number of a row within a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowNumber(pub u64);

impl RowNumber {
    /// The greatest number of parts that a content may have for its rows to be numbered.
    pub const MAX_PARTS: usize = 1 << (64 - POSITION_BITS);

    /// The row at a position of a part.
    pub fn new(part: usize, position: u64) -> Self {
        Self(((part as u64) << POSITION_BITS) | position)
    }

    /// Its part, as an index into [`Content::parts`].
    pub fn part(self) -> usize {
        usize::try_from(self.0 >> POSITION_BITS).unwrap_or(usize::MAX)
    }

    /// Its position in the part, from zero.
    pub fn position(self) -> u64 {
        self.0 & ((1 << POSITION_BITS) - 1)
    }
}

impl Content {
    /// Rows that are not deleted.
    pub fn rows(&self) -> u64 {
        self.parts.iter().map(Part::live_rows).sum()
    }

    /// How much memory it takes, roughly. What it shares with other contents counts for each.
    pub(crate) fn memory_bytes(&self) -> u64 {
        let parts = self.parts.iter().map(|part| {
            let rows = match &part.rows {
                Rows::File(file) => FILE_BYTES + COLUMN_BYTES * file.stats.len(),
                Rows::Inlined(inlined) => inlined.batch.get_array_memory_size(),
            };
            let deleted = part.deleted.as_ref();
            (rows + deleted.map_or(0, |deleted| deleted.rows.len() / 8)) as u64
        });
        parts.sum()
    }
}

impl Part {
    /// Rows, deleted ones included.
    pub fn rows(&self) -> u64 {
        match &self.rows {
            Rows::File(file) => file.rows,
            Rows::Inlined(inlined) => inlined.batch.num_rows() as u64,
        }
    }

    /// Rows that are not deleted.
    pub fn live_rows(&self) -> u64 {
        let deleted = self.deleted.as_ref().map_or(0, |deleted| deleted.count);
        self.rows().saturating_sub(deleted)
    }
}

impl Deleted {
    /// From a bit a row.
    pub fn new(rows: BooleanBuffer) -> Self {
        let count = rows.count_set_bits() as u64;
        Self {
            rows,
            count,
            _memory: None,
        }
    }

    /// The same, holding on to memory for as long as it is known to anybody.
    pub(crate) fn holding(self, memory: MemoryReservation) -> Self {
        Self {
            _memory: Some(Arc::new(memory)),
            ..self
        }
    }

    /// From positions, in any order; those beyond the part's rows are left out.
    pub fn of(rows: u64, positions: impl IntoIterator<Item = u64>) -> Self {
        let rows = usize::try_from(rows).unwrap_or(usize::MAX);
        let mut bits = BooleanBufferBuilder::new(rows);
        bits.append_n(rows, false);
        for position in positions {
            if let Ok(position) = usize::try_from(position)
                && position < rows
            {
                bits.set_bit(position, true);
            }
        }
        Self::new(bits.finish())
    }
}
