use datafusion::arrow::array::{ArrayRef, AsArray, Int64Array};
use datafusion::arrow::buffer::{Buffer, ScalarBuffer};
use datafusion::arrow::datatypes::Int64Type;
use datafusion::execution::memory_pool::UnboundedMemoryPool;

use super::*;

/// Two columns in one buffer, as those of a message are.
fn message(rows: usize) -> RecordBatch {
    let values: Vec<i64> = (0..2 * rows as i64).collect();
    let buffer = Buffer::from_vec(values);
    let column = |from| {
        let values = ScalarBuffer::<i64>::new(buffer.clone(), from, rows);
        Arc::new(Int64Array::new(values, None)) as ArrayRef
    };
    RecordBatch::try_from_iter([("a", column(0)), ("b", column(rows))]).unwrap()
}

fn staged(batches: &[RecordBatch]) -> Vec<Arc<Chunk>> {
    let pool = Arc::new(UnboundedMemoryPool::default());
    let tables = TempTables::new(u64::MAX, pool);
    let mut staging = Staging::new(&tables, "t", batches[0].schema(), 0).unwrap();
    for batch in batches {
        staging.push(batch).unwrap();
    }
    staging.finish().unwrap()
}

fn values(chunks: &[Arc<Chunk>]) -> Vec<i64> {
    let columns = chunks.iter().map(|chunk| chunk.batch().column(0));
    columns
        .flat_map(|column| column.as_primitive::<Int64Type>().values().to_vec())
        .collect()
}

#[test]
fn large_messages_are_chunks_of_their_own() {
    let messages = [message(10), message(100_000), message(100_000)];
    let chunks = staged(&messages);
    assert_eq!(chunks.len(), 3);
    for (chunk, message) in chunks.iter().zip(&messages) {
        assert_eq!(chunk.batch(), message);
        let needed = message.num_rows() as u64 * 16;
        assert!((needed..needed + 1024).contains(&chunk.bytes()));
    }
}

#[test]
fn a_part_of_a_message_does_not_hold_the_whole() {
    let whole = message(100_000);
    let chunks = staged(&[whole.slice(500, 100)]);
    assert_eq!(values(&chunks), Vec::from_iter(500..600_i64));
    assert!(chunks[0].bytes() < 5000);
}

#[test]
fn small_batches_are_put_together() {
    let all = message(30_000);
    let batches: Vec<_> = (0..30).map(|at| all.slice(at * 1000, 1000)).collect();
    let chunks = staged(&batches);
    assert_eq!(chunks.len(), 1);
    assert_eq!(values(&chunks), Vec::from_iter(0..30_000_i64));
}

#[test]
fn batches_that_are_too_large_are_cut() {
    let chunks = staged(&[message(1_000_000)]);
    assert_eq!(values(&chunks), Vec::from_iter(0..1_000_000_i64));
    let limit = (CHUNK_LIMIT + 4096) as u64;
    assert!(chunks.iter().all(|chunk| chunk.bytes() <= limit));
    assert!(chunks.len() <= 9);
}
