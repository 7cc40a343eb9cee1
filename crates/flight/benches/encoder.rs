//! Rows to the bytes of a DoGet's answer: wire form, IPC, frames. `cargo bench --bench encoder`.

#![expect(
    clippy::expect_used,
    clippy::disallowed_methods,
    reason = "a benchmark that cannot make its rows has nothing to measure, and nobody else runs on its thread"
)]

use std::hint::black_box;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, StringDictionaryBuilder,
    StringViewArray,
};
use arrow::datatypes::Int32Type;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use futures::executor::block_on;
use godwit_config::{WireCompression, WireProfile};
use godwit_flight::answer_bytes;

const BATCHES: usize = 8;
/// What `wire.message_bytes` is by default.
const MESSAGE_BYTES: usize = 2 << 20;

fn text(row: usize) -> String {
    format!("customer#{row:015}")
}

fn numbers(rows: usize) -> RecordBatch {
    let whole = |row: usize| i64::try_from(row).unwrap_or(i64::MAX);
    let a: ArrayRef = Arc::new(Int64Array::from_iter_values((0..rows).map(whole)));
    let b: ArrayRef = Arc::new(Float64Array::from_iter_values(
        (0..rows).map(|row| row as f64 / 2.0),
    ));
    RecordBatch::try_from_iter([
        ("a", Arc::clone(&a)),
        ("b", Arc::clone(&b)),
        ("c", a),
        ("d", b),
    ])
    .expect("columns of one length")
}

fn strings(rows: usize) -> RecordBatch {
    let column: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(text)));
    RecordBatch::try_from_iter([("s", Arc::clone(&column)), ("t", column)]).expect("two columns")
}

fn views(rows: usize) -> RecordBatch {
    let column: ArrayRef = Arc::new(StringViewArray::from_iter_values((0..rows).map(text)));
    RecordBatch::try_from_iter([("s", Arc::clone(&column)), ("t", column)]).expect("two columns")
}

fn dictionaries(rows: usize) -> RecordBatch {
    let mut column = StringDictionaryBuilder::<Int32Type>::new();
    for row in 0..rows {
        column.append_value(text(row % 100));
    }
    let column: ArrayRef = Arc::new(column.finish());
    RecordBatch::try_from_iter([("s", Arc::clone(&column)), ("t", column)]).expect("two columns")
}

fn answer(batch: &RecordBatch, profile: WireProfile, compression: WireCompression) -> usize {
    let rows = vec![batch.clone(); BATCHES];
    block_on(answer_bytes(rows, profile, compression, MESSAGE_BYTES))
        .expect("rows that can be sent")
}

/// A name, and what makes so many rows.
type Kind = (&'static str, fn(usize) -> RecordBatch);

fn encoder(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encoder");
    let kinds: [Kind; 4] = [
        ("numbers", numbers),
        ("strings", strings),
        ("views", views),
        ("dictionaries", dictionaries),
    ];
    for (kind, make) in kinds {
        // A batch of an operator, which is put together with others, and one as large as a message or larger.
        for rows in [8_192, 65_536] {
            let batch = make(rows);
            for profile in [WireProfile::Compat, WireProfile::Native] {
                let bytes = answer(&batch, profile, WireCompression::None);
                group.throughput(Throughput::Bytes(bytes as u64));
                let id = BenchmarkId::new(format!("{kind} {}", profile.name()), rows);
                group.bench_with_input(id, &batch, |bencher, batch| {
                    bencher.iter(|| black_box(answer(batch, profile, WireCompression::None)));
                });
            }
        }
    }
    let batch = strings(65_536);
    for compression in [WireCompression::Lz4, WireCompression::Zstd] {
        let bytes = answer(&batch, WireProfile::Compat, WireCompression::None);
        group.throughput(Throughput::Bytes(bytes as u64));
        let id = BenchmarkId::new("strings compressed", compression.name());
        group.bench_with_input(id, &batch, |bencher, batch| {
            bencher.iter(|| black_box(answer(batch, WireProfile::Compat, compression)));
        });
    }
    group.finish();
}

criterion_group!(benches, encoder);
criterion_main!(benches);
