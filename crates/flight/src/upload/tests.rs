use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, DictionaryArray, Int64Array, NullArray, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Int8Type, Schema};
use arrow_flight::utils::batches_to_flight_data;
use arrow_flight::{FlightDescriptor, SchemaAsIpc};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{
    DictionaryHandling, DictionaryTracker, IpcDataGenerator, IpcWriteContext, IpcWriteOptions,
};
use bytes::Bytes;
use futures::TryStreamExt;

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

async fn read_all(messages: Vec<FlightData>, limit: usize) -> Result<Vec<RecordBatch>, Fault> {
    let mut messages = messages.into_iter();
    let first = messages.next().unwrap();
    parameters(first, stream::iter(messages.map(Ok)), limit).await
}

/// The schema, and the rows one batch after the other; `None` when there is no schema.
async fn open_all(
    messages: Vec<FlightData>,
    limit: usize,
) -> Result<Option<(Vec<RecordBatch>, Option<EngineError>)>, Fault> {
    let mut messages = messages.into_iter();
    let first = messages.next().unwrap();
    let Some((schema, mut rows)) = open(first, stream::iter(messages.map(Ok)), limit).await? else {
        return Ok(None);
    };
    let mut batches = Vec::new();
    let mut failed = None;
    while let Some(batch) = rows.next().await {
        assert!(failed.is_none(), "an error ends the stream");
        match batch {
            Ok(batch) => {
                assert_eq!(batch.schema(), schema);
                batches.push(batch);
            }
            Err(error) => failed = Some(error),
        }
    }
    Ok(Some((batches, failed)))
}

/// The rows, and what they failed with.
async fn rows(messages: Vec<FlightData>) -> (Vec<RecordBatch>, Option<EngineError>) {
    open_all(messages, 1 << 20).await.unwrap().unwrap()
}

fn schema_message(schema: &Schema) -> FlightData {
    SchemaAsIpc::new(schema, &IpcWriteOptions::default()).into()
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

fn with_dictionaries(batches: &[RecordBatch], handling: DictionaryHandling) -> Vec<FlightData> {
    let options = IpcWriteOptions::default().with_dictionary_handling(handling);
    let mut dictionaries = DictionaryTracker::new(false);
    let mut context = IpcWriteContext::default();
    let generator = IpcDataGenerator::default();
    let schema = batches[0].schema();
    let schema =
        generator.schema_to_bytes_with_dictionary_tracker(&schema, &mut dictionaries, &options);
    let mut parts = vec![FlightData::from(schema)];
    for batch in batches {
        let (values, rows) = generator
            .encode(batch, &mut dictionaries, &options, &mut context)
            .unwrap();
        parts.extend(values.into_iter().chain([rows]).map(FlightData::from));
    }
    parts
}

fn words(words: &[&str]) -> RecordBatch {
    let values: DictionaryArray<Int8Type> = words.iter().copied().collect();
    RecordBatch::try_from_iter([("d", Arc::new(values) as ArrayRef)]).unwrap()
}

fn texts(batch: &RecordBatch) -> Vec<String> {
    let texts = cast(batch.column(0), &DataType::Utf8).unwrap();
    let texts = texts.as_string::<i32>().iter();
    texts.map(|text| text.unwrap().to_owned()).collect()
}

#[tokio::test]
async fn rows_are_read_whatever_their_form() {
    let read = read_all(messages(&batch()), 1 << 20).await.unwrap();
    assert_eq!(read, [batch()]);
    let read = read_all(compressed(&batch()), 1 << 20).await.unwrap();
    assert_eq!(read, [batch()]);
    let dictionary = words(&["a", "b", "a"]);
    let sent = with_dictionaries(
        std::slice::from_ref(&dictionary),
        DictionaryHandling::Resend,
    );
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
    assert_eq!(
        read_all(vec![schema_message(&Schema::empty())], 1 << 20)
            .await
            .unwrap(),
        []
    );
}

#[tokio::test]
async fn more_than_the_limit_is_refused_before_it_is_kept() {
    let error = read_all(messages(&batch()), 8000).await.unwrap_err();
    assert!(
        matches!(error, Fault::TooLarge { limit: 8000, .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_compressed_buffers_become_counts() {
    let zeros = Int64Array::from(vec![0; 1 << 20]);
    let zeros = RecordBatch::try_from_iter([("a", Arc::new(zeros) as _)]).unwrap();
    let sent = compressed(&zeros);
    assert!(sent[1].data_body.len() < 100_000);
    let error = read_all(sent, 1 << 20).await.unwrap_err();
    assert!(matches!(error, Fault::TooLarge { .. }), "{error:?}");
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
        assert!(matches!(error, Fault::Malformed(_)), "{error:?}");
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
            drop(read_all(sent.clone(), 1 << 20).await);
            drop(open_all(sent, 1 << 20).await);
        }
    }
}

#[tokio::test]
async fn the_schema_comes_in_the_first_message_or_later() {
    let with_descriptor = messages(&batch());
    let (read, failed) = rows(with_descriptor).await;
    assert_eq!((read, failed.is_none()), (vec![batch()], true));
    let mut later = vec![FlightData::new().with_descriptor(FlightDescriptor::new_cmd("c"))];
    later.push(FlightData::new().with_app_metadata("of no account"));
    later.extend(messages(&batch()));
    // A message in between that says nothing, and a batch without rows.
    later.insert(3, FlightData::default());
    later.push(messages(&batch().slice(0, 0)).remove(1));
    later.push(messages(&batch().slice(0, 5)).remove(1));
    let (read, failed) = rows(later).await;
    assert_eq!(read, [batch(), batch().slice(0, 5)]);
    assert!(failed.is_none());
    let only = FlightData::new().with_descriptor(FlightDescriptor::new_cmd("c"));
    assert!(open_all(vec![only], 10).await.unwrap().is_none());
}

#[tokio::test]
async fn rows_are_handed_on_before_the_next_message_is_there() {
    let mut sent = messages(&batch()).into_iter();
    let (sender, rest) = futures::channel::mpsc::unbounded();
    let (_, mut rows) = open(sent.next().unwrap(), rest, 1 << 20)
        .await
        .unwrap()
        .unwrap();
    let rest = sent.next().unwrap();
    for _ in 0..3 {
        sender.unbounded_send(Ok(rest.clone())).unwrap();
        assert_eq!(rows.next().await.unwrap().unwrap(), batch());
    }
    sender
        .unbounded_send(Err(Status::cancelled("gone")))
        .unwrap();
    assert!(matches!(
        rows.next().await,
        Some(Err(EngineError::Cancelled))
    ));
    assert!(rows.next().await.is_none());
}

#[tokio::test]
async fn dictionaries_are_replaced_and_grow() {
    let batches = [words(&["a", "b", "a"]), words(&["x", "y", "z"])];
    let (read, failed) = rows(with_dictionaries(&batches, DictionaryHandling::Resend)).await;
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(
        read.iter().map(texts).collect::<Vec<_>>(),
        [["a", "b", "a"], ["x", "y", "z"]]
    );
    // The second dictionary begins as the first, so only the rest of it is sent.
    let batches = [words(&["a", "b", "a"]), words(&["a", "b", "z"])];
    let sent = with_dictionaries(&batches, DictionaryHandling::Delta);
    let is_delta = |message: &FlightData| measure(message).unwrap().dictionary.map(|(_, d)| d);
    let kinds: Vec<_> = sent.iter().filter_map(is_delta).collect();
    assert_eq!(kinds, [false, true]);
    let (read, failed) = rows(sent.clone()).await;
    assert!(failed.is_none(), "{failed:?}");
    assert_eq!(
        read.iter().map(texts).collect::<Vec<_>>(),
        [["a", "b", "a"], ["a", "b", "z"]]
    );
    // An addition to what is not there.
    let (read, failed) = rows(vec![sent[0].clone(), sent[3].clone()]).await;
    assert_eq!(read.len(), 0);
    assert!(
        matches!(failed, Some(EngineError::InvalidInput { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn a_dictionary_cannot_grow_for_ever() {
    let batches = [words(&["a", "b", "a"]), words(&["a", "b", "z"])];
    let mut sent = with_dictionaries(&batches, DictionaryHandling::Delta);
    let more = sent[3].clone();
    sent.extend(std::iter::repeat_n(more, 10_000));
    let (read, failed) = rows(sent).await;
    assert_eq!(read.len(), 2);
    assert!(
        matches!(failed, Some(EngineError::ResourcesExhausted { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn each_message_has_the_whole_limit() {
    let mut sent = messages(&batch());
    let rest = sent[1].clone();
    sent.extend(std::iter::repeat_n(rest, 50));
    let (read, failed) = open_all(sent.clone(), 10_000).await.unwrap().unwrap();
    assert_eq!((read.len(), failed.is_none()), (51, true));
    let (read, failed) = open_all(sent, 8_000).await.unwrap().unwrap();
    let failed = failed.unwrap();
    assert!(
        matches!(failed, EngineError::ResourcesExhausted { .. }),
        "{failed:?}"
    );
    assert!(
        failed.to_string().contains("wire.max_request_bytes"),
        "{failed}"
    );
    assert_eq!(read.len(), 0);
}

#[tokio::test]
async fn rows_without_bytes_have_a_limit_too() {
    let nulls = |rows| {
        let column = Arc::new(NullArray::new(rows)) as ArrayRef;
        messages(&RecordBatch::try_from_iter([("n", column)]).unwrap())
    };
    let (read, failed) = rows(nulls(1 << 20)).await;
    assert_eq!((read[0].num_rows(), failed.is_none()), (1 << 20, true));
    let (read, failed) = rows(nulls(1 << 40)).await;
    assert_eq!(read.len(), 0);
    assert!(
        matches!(failed, Some(EngineError::ResourcesExhausted { .. })),
        "{failed:?}"
    );
}

#[tokio::test]
async fn what_has_no_place_is_refused_where_it_comes() {
    let good = messages(&batch());
    // Rows before their schema: there is no stream at all.
    let error = open_all(vec![good[1].clone()], 1 << 20).await.unwrap_err();
    assert!(matches!(error, Fault::Malformed(_)), "{error:?}");
    let mut short = good[1].clone();
    short.data_body = short.data_body.slice(..100);
    let other = with_dictionaries(&[words(&["a"])], DictionaryHandling::Resend);
    for (bad, says) in [
        (good[0].clone(), "second schema"),
        (other[0].clone(), "second schema"),
        (short, "outside of the message"),
        (
            FlightData::new().with_data_header("no flatbuffer"),
            "malformed Arrow data",
        ),
    ] {
        let sent = vec![good[0].clone(), good[1].clone(), bad, good[1].clone()];
        let (read, failed) = rows(sent).await;
        assert_eq!(read, [batch()], "what came before is read");
        let failed = failed.unwrap();
        assert!(
            matches!(failed, EngineError::InvalidInput { .. }),
            "{failed:?}"
        );
        assert!(failed.to_string().contains(says), "{failed}");
    }
}

#[tokio::test]
async fn a_broken_stream_keeps_the_code_that_it_broke_with() {
    type Is = fn(&EngineError) -> bool;
    let cases: [(Status, Is); 4] = [
        (Status::cancelled("gone"), |e| {
            matches!(e, EngineError::Cancelled)
        }),
        (
            Status::deadline_exceeded("idle"),
            |e| matches!(e, EngineError::Stalled { message } if message == "idle"),
        ),
        (
            Status::out_of_range(
                "Error, decoded message length too large: found 9, the limit is: 8",
            ),
            |e| matches!(e, EngineError::ResourcesExhausted { .. }),
        ),
        (
            Status::internal("failed to decode Protobuf message: invalid tag value: 0"),
            |e| matches!(e, EngineError::InvalidInput { .. }),
        ),
    ];
    for (status, is) in cases {
        let mut sent = messages(&batch()).into_iter();
        let rest = stream::iter([Ok(sent.nth(1).unwrap()), Err(status.clone())]);
        let first = messages(&batch()).remove(0);
        let (_, rows) = open(first, rest, 1 << 20).await.unwrap().unwrap();
        let error = rows.try_collect::<Vec<_>>().await.unwrap_err();
        assert!(is(&error), "{status}: {error:?}");
    }
}
