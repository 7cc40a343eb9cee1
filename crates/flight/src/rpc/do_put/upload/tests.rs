use std::sync::Arc;

use arrow::array::{DictionaryArray, Int64Array, StringArray};
use arrow::datatypes::{Int8Type, Schema};
use arrow_flight::utils::batches_to_flight_data;
use arrow_flight::{FlightDescriptor, SchemaAsIpc};
use arrow_ipc::writer::{DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions};
use bytes::Bytes;

use super::*;

fn batch() -> RecordBatch {
    let column = Int64Array::from_iter_values(0..1000);
    RecordBatch::try_from_iter([("a", Arc::new(column) as _)]).unwrap()
}

fn messages(batch: &RecordBatch) -> Vec<FlightData> {
    let mut messages = batches_to_flight_data(&batch.schema(), vec![batch.clone()]).unwrap();
    messages[0].flight_descriptor = Some(FlightDescriptor::new_cmd("c"));
    messages
}

async fn read_all(messages: Vec<FlightData>, limit: usize) -> Result<Vec<RecordBatch>> {
    let mut messages = messages.into_iter();
    let first = messages.next().unwrap();
    read(
        first,
        stream::iter(messages.map(Ok).collect::<Vec<_>>()),
        limit,
    )
    .await
}

fn compressed(batch: &RecordBatch) -> Vec<FlightData> {
    let options = IpcWriteOptions::default();
    let schema: FlightData = SchemaAsIpc::new(batch.schema_ref(), &options).into();
    let options = options
        .try_with_compression(Some(CompressionType::ZSTD))
        .unwrap();
    let mut dictionaries = DictionaryTracker::new(false);
    let (_, rows) = IpcDataGenerator::default()
        .encode(
            batch,
            &mut dictionaries,
            &options,
            &mut IpcWriteContext::default(),
        )
        .unwrap();
    vec![schema, rows.into()]
}

fn with_dictionaries(batch: &RecordBatch) -> Vec<FlightData> {
    let options = IpcWriteOptions::default();
    let mut dictionaries = DictionaryTracker::new(false);
    let mut context = IpcWriteContext::default();
    let generator = IpcDataGenerator::default();
    let schema = generator.schema_to_bytes_with_dictionary_tracker(
        batch.schema_ref(),
        &mut dictionaries,
        &options,
    );
    let (values, rows) = generator
        .encode(batch, &mut dictionaries, &options, &mut context)
        .unwrap();
    let parts = std::iter::once(schema).chain(values).chain([rows]);
    parts.map(FlightData::from).collect()
}

#[tokio::test]
async fn rows_are_read_whatever_their_form() {
    let read = read_all(messages(&batch()), 1 << 20).await.unwrap();
    assert_eq!(read, [batch()]);
    let read = read_all(compressed(&batch()), 1 << 20).await.unwrap();
    assert_eq!(read, [batch()]);
    let values: DictionaryArray<Int8Type> = ["a", "b", "a"].into_iter().collect();
    let dictionary = RecordBatch::try_from_iter([("d", Arc::new(values) as _)]).unwrap();
    let sent = with_dictionaries(&dictionary);
    assert_eq!(sent.len(), 3);
    let read = read_all(sent, 1 << 20).await.unwrap();
    assert_eq!(read, [dictionary]);
}

#[tokio::test]
async fn a_descriptor_alone_is_no_rows() {
    let only = FlightData::new().with_descriptor(FlightDescriptor::new_cmd("c"));
    assert_eq!(read_all(vec![only.clone()], 10).await.unwrap(), []);
    // The descriptor in a message of its own, then the schema.
    let mut all = vec![only];
    all.extend(messages(&batch()));
    assert_eq!(read_all(all, 1 << 20).await.unwrap(), [batch()]);
    let empty: FlightData = SchemaAsIpc::new(&Schema::empty(), &IpcWriteOptions::default()).into();
    assert_eq!(read_all(vec![empty], 1 << 20).await.unwrap(), []);
}

#[tokio::test]
async fn more_than_the_limit_is_refused_before_it_is_kept() {
    let error = read_all(messages(&batch()), 8000).await.unwrap_err();
    assert!(
        matches!(error, Error::TooLarge { limit: 8000, .. }),
        "{error}"
    );
}

#[tokio::test]
async fn what_compressed_buffers_become_counts() {
    let zeros = Int64Array::from(vec![0; 1 << 20]);
    let zeros = RecordBatch::try_from_iter([("a", Arc::new(zeros) as _)]).unwrap();
    let sent = compressed(&zeros);
    assert!(sent[1].data_body.len() < 100_000);
    let error = read_all(sent, 1 << 20).await.unwrap_err();
    assert!(matches!(error, Error::TooLarge { .. }), "{error}");
}

#[tokio::test]
async fn a_compressed_buffer_that_lies_about_its_size_costs_nothing() {
    for lie in [i64::MAX, 1 << 50, -2] {
        let mut sent = compressed(&batch());
        let mut body = sent[1].data_body.to_vec();
        body[..8].copy_from_slice(&lie.to_le_bytes());
        sent[1].data_body = body.into();
        assert!(read_all(sent, 1 << 20).await.is_err());
    }
}

#[tokio::test]
async fn broken_bytes_are_an_error_each() {
    let good = messages(&batch());
    let mut cases = vec![
        vec![FlightData::new().with_data_header("no flatbuffer")],
        // Rows before their schema.
        vec![good[1].clone()],
    ];
    let mut short = good.clone();
    short[1].data_body = short[1].data_body.slice(..100);
    cases.push(short);
    let mut text = messages(&{
        let column = StringArray::from(vec!["hello"; 100]);
        RecordBatch::try_from_iter([("a", Arc::new(column) as _)]).unwrap()
    });
    text[1].data_body = Bytes::from(vec![0xff; text[1].data_body.len()]);
    cases.push(text);
    for case in cases {
        let error = read_all(case, 1 << 20).await.unwrap_err();
        assert!(matches!(error, Error::Upload(_)), "{error}");
    }
}

#[tokio::test]
async fn no_header_that_was_tampered_with_ends_the_server() {
    let good = compressed(&batch());
    for at in 0..good[1].data_header.len() {
        for flip in [0x01, 0x80, 0xff] {
            let mut sent = good.clone();
            let mut header = sent[1].data_header.to_vec();
            header[at] ^= flip;
            sent[1].data_header = header.into();
            // Whether it is still readable is beside the point.
            drop(read_all(sent, 1 << 20).await);
        }
    }
}
