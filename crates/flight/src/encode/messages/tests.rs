use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Int64Array, LargeStringArray, StringViewArray};
use arrow::datatypes::{DataType, Int64Type, SchemaRef};
use arrow_flight::FlightData;
use arrow_flight::decode::FlightRecordBatchStream;
use arrow_flight::error::FlightError;
use futures::channel::mpsc;
use futures::{FutureExt, TryStreamExt, stream};

use super::*;
use crate::encode::WireSchema;
use crate::encode::profile::tests::leaves;
use crate::encode::samples;

mod compact;
mod native;

const TARGET: usize = 2 << 20;

fn numbers(rows: std::ops::Range<i64>) -> RecordBatch {
    let column: ArrayRef = Arc::new(Int64Array::from_iter_values(rows));
    RecordBatch::try_from_iter([("n", column)]).unwrap()
}

fn compat(batch: &RecordBatch) -> WireSchema {
    WireSchema::new(batch.schema_ref(), WireProfile::Compat)
}

/// The messages of rows, uncompressed.
fn plain<S: Stream<Item = Result<RecordBatch>> + Unpin>(
    source: S,
    schema: WireSchema,
    target: usize,
) -> Messages<S> {
    Messages::new(source, schema, WireCompression::None, target).unwrap()
}

async fn messages(batches: Vec<RecordBatch>, target: usize) -> Vec<FlightData> {
    messages_as(batches, target, WireProfile::Compat, WireCompression::None).await
}

async fn messages_as(
    batches: Vec<RecordBatch>,
    target: usize,
    profile: WireProfile,
    compression: WireCompression,
) -> Vec<FlightData> {
    let schema = WireSchema::new(batches[0].schema_ref(), profile);
    let source = stream::iter(batches.into_iter().map(Ok));
    let messages = Messages::new(source, schema, compression, target).unwrap();
    messages
        .map_ok(FlightData::from)
        .try_collect()
        .await
        .unwrap()
}

async fn decoded(messages: Vec<FlightData>) -> Vec<RecordBatch> {
    let messages = stream::iter(messages.into_iter().map(Ok::<_, FlightError>));
    let decoding = FlightRecordBatchStream::new_from_flight_data(messages);
    decoding.try_collect().await.unwrap()
}

fn size(message: &FlightData) -> usize {
    message.data_header.len() + message.data_body.len()
}

fn values(batches: &[RecordBatch]) -> Vec<i64> {
    let columns = batches
        .iter()
        .map(|batch| batch.column(0).as_primitive::<Int64Type>());
    columns
        .flat_map(|column| column.values().to_vec())
        .collect()
}

#[tokio::test]
async fn large_batches_are_cut_near_the_target_in_order() {
    let sent = messages(vec![numbers(0..2_000_000)], TARGET).await;
    let sizes: Vec<_> = sent[1..].iter().map(size).collect();
    assert!(sizes.iter().all(|size| *size <= TARGET), "{sizes:?}");
    assert!(sizes.len() <= 9, "{sizes:?}");
    assert!(
        sent.iter()
            .all(|message| message.flight_descriptor.is_none())
    );
    assert_eq!(
        values(&decoded(sent).await),
        (0..2_000_000).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn small_batches_that_are_there_are_joined_in_order() {
    let batches = (0..1000).map(|at| numbers(at * 1000..(at + 1) * 1000));
    let sent = messages(batches.collect(), TARGET).await;
    assert!((5..=7).contains(&sent.len()), "{}", sent.len());
    assert!(sent.iter().all(|message| size(message) <= TARGET));
    assert_eq!(
        values(&decoded(sent).await),
        (0..1_000_000).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn rows_do_not_wait_for_others() {
    let (sender, source) = mpsc::unbounded();
    let schema = compat(&numbers(0..1));
    let mut messages = plain(source, schema, TARGET);
    assert!(
        messages.next().now_or_never().flatten().is_some(),
        "the schema comes before any row"
    );
    assert!(messages.next().now_or_never().is_none());
    sender.unbounded_send(Ok(numbers(0..1))).unwrap();
    sender.unbounded_send(Ok(numbers(1..2))).unwrap();
    assert!(messages.next().now_or_never().flatten().is_some());
    assert!(
        messages.next().now_or_never().is_none(),
        "both were in one message"
    );
    sender.unbounded_send(Ok(numbers(2..3))).unwrap();
    assert!(messages.next().now_or_never().flatten().is_some());
}

#[tokio::test]
async fn no_more_is_taken_than_a_message_needs() {
    let taken = std::cell::Cell::new(0);
    let source = (0..100).map(|at| {
        taken.set(taken.get() + 1);
        Ok(numbers(at..at + 200_000))
    });
    let schema = compat(&numbers(0..1));
    let mut messages = plain(stream::iter(source), schema, TARGET);
    messages.next().await.unwrap().unwrap();
    assert_eq!(taken.get(), 0);
    messages.next().await.unwrap().unwrap();
    assert!(taken.get() <= 2);
}

#[tokio::test]
async fn rows_of_very_different_size_stay_below_the_limit() {
    let text = |row: usize| "x".repeat(if row.is_multiple_of(100) { 900_000 } else { 3 });
    let texts: Vec<_> = (0..1000).map(text).collect();
    let views: ArrayRef = Arc::new(StringViewArray::from_iter_values(&texts));
    let large: ArrayRef = Arc::new(LargeStringArray::from_iter_values(&texts));
    for column in [views, large] {
        let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
        let sent = messages(vec![batch], TARGET).await;
        assert!(sent.iter().all(|message| size(message) < LARGEST_MESSAGE));
        let rows: usize = decoded(sent).await.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(rows, 1000);
    }
}

#[tokio::test]
async fn a_row_that_is_larger_than_a_message_is_sent_alone() {
    let huge = "x".repeat(6 << 20);
    let column: ArrayRef = Arc::new(StringViewArray::from_iter_values(["a", &huge, "b"]));
    let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
    let sent = messages(vec![batch], TARGET).await;
    let large: Vec<_> = sent
        .iter()
        .filter(|message| size(message) > LARGEST_MESSAGE)
        .collect();
    assert_eq!(large.len(), 1);
    let batches = decoded(sent).await;
    let lengths = batches.iter().flat_map(|batch| {
        let texts = batch.column(0).as_string::<i32>().iter();
        texts.map(|text| text.unwrap().len()).collect::<Vec<_>>()
    });
    assert_eq!(lengths.collect::<Vec<_>>(), [1, 6 << 20, 1]);
}

#[tokio::test]
async fn a_slice_is_sent_as_a_slice() {
    let types: Vec<_> = leaves().into_iter().map(|(from, _)| from).collect();
    let whole = samples::batch(&types, 20_000);
    let part = messages(vec![whole.slice(10_000, 10)], TARGET).await;
    assert!(size(&part[1]) < 40_000, "{}", size(&part[1]));
}

const COMPRESSIONS: [WireCompression; 3] = [
    WireCompression::None,
    WireCompression::Lz4,
    WireCompression::Zstd,
];

#[tokio::test]
async fn every_type_arrives_with_its_values() {
    for profile in [
        WireProfile::Compat,
        WireProfile::Native,
        WireProfile::Compact,
    ] {
        for compression in COMPRESSIONS {
            every_type_arrives(profile, compression).await;
        }
    }
}

async fn every_type_arrives(profile: WireProfile, compression: WireCompression) {
    let types: Vec<_> = leaves().into_iter().map(|(from, _)| from).collect();
    let whole = samples::batch(&types, 5000);
    // Small messages, so that everything is cut.
    let batches = vec![whole.clone(), whole.slice(3, 2000)];
    let sent = messages_as(batches, 64 << 10, profile, compression).await;
    assert!(sent.len() > 10);
    let schema = WireSchema::new(whole.schema_ref(), profile);
    let batches = decoded(sent).await;
    for (at, data_type) in types.iter().enumerate() {
        let texts = |batch: &RecordBatch| samples::texts(batch.column(at));
        let arrived: Vec<_> = batches.iter().flat_map(texts).collect();
        let mut expected = texts(&whole);
        expected.extend(texts(&whole.slice(3, 2000)));
        assert!(
            arrived == expected,
            "{data_type}, {profile:?}, {compression:?}"
        );
    }
    assert!(
        batches
            .iter()
            .all(|batch| batch.schema_ref() == schema.schema())
    );
}

#[tokio::test]
async fn an_empty_result_is_its_schema() {
    let empty = numbers(0..0);
    let sent = messages(vec![empty.clone(), empty], TARGET).await;
    assert_eq!(sent.len(), 1);
    let schema = arrow::datatypes::Schema::try_from(&sent[0]).unwrap();
    assert_eq!(SchemaRef::new(schema), numbers(0..0).schema());
}

#[tokio::test]
async fn an_error_ends_the_stream() {
    let source = stream::iter([
        Ok(numbers(0..1)),
        Err(Error::Invalid("broken".to_owned())),
        Ok(numbers(1..2)),
    ]);
    let schema = compat(&numbers(0..1));
    let sent: Vec<_> = plain(source, schema, TARGET).collect().await;
    assert!(
        matches!(sent.as_slice(), [Ok(_), Err(Error::Invalid(_))]),
        "{sent:?}"
    );
}

#[tokio::test]
async fn a_message_has_no_more_rows_than_asked_for() {
    let source = stream::iter([Ok(numbers(0..45)), Ok(numbers(45..52)), Ok(numbers(52..58))]);
    let schema = compat(&numbers(0..1));
    let sent = plain(source, schema, TARGET).with_max_rows(10);
    let batches = decoded(sent.map_ok(FlightData::from).try_collect().await.unwrap()).await;
    let rows: Vec<_> = batches.iter().map(RecordBatch::num_rows).collect();
    assert_eq!(rows.iter().sum::<usize>(), 58);
    assert!(rows.iter().all(|rows| *rows <= 10), "{rows:?}");
}

#[test]
fn the_samples_hold_nulls() {
    assert!(samples::sample(&DataType::Utf8View, 10).null_count() > 0);
}
