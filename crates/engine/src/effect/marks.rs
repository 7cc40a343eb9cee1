use std::collections::HashMap;

use datafusion::error::Result;
use datafusion::execution::memory_pool::MemoryReservation;

/// Rows are remembered in blocks of so many.
const BLOCK_ROWS: u64 = 1 << 14;
const BLOCK_WORDS: usize = (BLOCK_ROWS / 64) as usize;

/// What a block takes, in bytes.
const BLOCK_BYTES: usize = BLOCK_WORDS * 8 + 64;

/// The rows that a statement has met: one bit each, in blocks where there is one.
pub(super) struct Marks {
    blocks: HashMap<u64, Box<[u64; BLOCK_WORDS]>>,
    memory: MemoryReservation,
}

impl Marks {
    pub(super) fn new(memory: MemoryReservation) -> Self {
        Self {
            blocks: HashMap::new(),
            memory,
        }
    }

    /// Remembers a row; false when it was met before.
    ///
    /// # Errors
    /// When there is no memory for it.
    pub(super) fn insert(&mut self, row: u64) -> Result<bool> {
        let (block, row) = (row / BLOCK_ROWS, row % BLOCK_ROWS);
        if !self.blocks.contains_key(&block) {
            self.memory.try_grow(BLOCK_BYTES)?;
        }
        let words = self
            .blocks
            .entry(block)
            .or_insert_with(|| Box::new([0; BLOCK_WORDS]));
        let bit = 1 << (row % 64);
        let word = usize::try_from(row / 64)
            .ok()
            .and_then(|at| words.get_mut(at));
        let Some(word) = word else {
            return Ok(false);
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        Ok(is_new)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use datafusion::execution::memory_pool::{
        GreedyMemoryPool, MemoryConsumer, MemoryPool, UnboundedMemoryPool,
    };

    use super::{BLOCK_BYTES, Marks};

    fn marks(pool: Arc<dyn MemoryPool>) -> Marks {
        Marks::new(MemoryConsumer::new("test").register(&pool))
    }

    #[test]
    fn a_row_is_new_once() {
        let mut marks = marks(Arc::new(UnboundedMemoryPool::default()));
        for row in [0, 63, 64, 1 << 14, (3 << 40) | 7, u64::MAX] {
            assert!(marks.insert(row).unwrap(), "{row}");
            assert!(!marks.insert(row).unwrap(), "{row}");
        }
        assert!(marks.insert(1).unwrap());
    }

    #[test]
    fn blocks_are_counted() {
        let mut marks = marks(Arc::new(GreedyMemoryPool::new(BLOCK_BYTES)));
        assert!(marks.insert(1).unwrap());
        assert!(marks.insert(2).unwrap());
        assert!(marks.insert(1 << 20).is_err());
    }
}
