use arrow::array::{DictionaryArray, Int8Array, Int32Array, StringArray};

use super::*;

fn dictionary(values: impl Iterator<Item = String>, keys: Int32Array) -> RecordBatch {
    let values = Arc::new(StringArray::from_iter_values(values));
    let column: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
    RecordBatch::try_from_iter([("c", column)]).unwrap()
}

async fn native(batches: Vec<RecordBatch>, target: usize) -> Vec<FlightData> {
    messages_as(batches, target, WireProfile::Native, WireCompression::None).await
}

/// How many messages hold a dictionary.
fn dictionaries(messages: &[FlightData]) -> usize {
    let is_dictionary = |message: &&FlightData| {
        let header = arrow_ipc::root_as_message(&message.data_header).unwrap();
        header.header_type() == arrow_ipc::MessageHeader::DictionaryBatch
    };
    messages.iter().filter(is_dictionary).count()
}

fn texts(batches: &[RecordBatch]) -> Vec<String> {
    let texts = batches.iter().map(|batch| samples::texts(batch.column(0)));
    texts.flatten().collect()
}

#[tokio::test]
async fn a_dictionary_is_sent_once_while_it_stays_the_same() {
    let keys = Int32Array::from_iter_values((0..300_000).map(|n| n % 100));
    let whole = dictionary((0..100).map(|n| format!("value {n}")), keys);
    let parts = vec![whole.slice(0, 200_000), whole.slice(200_000, 100_000)];
    let sent = native(parts, 64 << 10).await;
    assert!(sent.len() > 10);
    assert_eq!(dictionaries(&sent), 1);
    let batches = decoded(sent).await;
    assert_eq!(texts(&batches), samples::texts(whole.column(0)));
}

#[tokio::test]
async fn a_dictionary_that_changes_is_sent_again() {
    let part = |from: i32| {
        let keys = Int32Array::from_iter_values((0..20_000).map(|n| n % 10));
        dictionary((from..from + 10).map(|n| format!("value {n}")), keys)
    };
    // Each part fills a message, so that they are not joined.
    let sent = native(vec![part(0), part(5), part(0)], 80_000).await;
    assert_eq!(dictionaries(&sent), 3);
    let batches = decoded(sent).await;
    let expected = [part(0), part(5), part(0)];
    assert_eq!(texts(&batches), texts(&expected));
}

#[tokio::test]
async fn dictionaries_that_are_too_much_for_their_keys_together_are_sent_apart() {
    let part = |from: i32| {
        let values = (from..from + 100).map(|n| format!("value {n}"));
        let values = Arc::new(StringArray::from_iter_values(values));
        let keys = Int8Array::from_iter_values(0..100);
        let column: ArrayRef = Arc::new(DictionaryArray::new(keys, values));
        RecordBatch::try_from_iter([("c", column)]).unwrap()
    };
    let sent = native(vec![part(0), part(100)], TARGET).await;
    let batches = decoded(sent).await;
    assert_eq!(texts(&batches), texts(&[part(0), part(100)]));
}

#[tokio::test]
async fn runs_with_small_ends_are_not_joined_beyond_them() {
    let part = |value: i64| {
        let ends = arrow::array::Int16Array::from(vec![20_000]);
        let runs = arrow::array::RunArray::try_new(&ends, &Int64Array::from(vec![value])).unwrap();
        RecordBatch::try_from_iter([("c", Arc::new(runs) as ArrayRef)]).unwrap()
    };
    let batches = decoded(native(vec![part(1), part(2), part(3)], TARGET).await).await;
    assert_eq!(texts(&batches), texts(&[part(1), part(2), part(3)]));
}

#[tokio::test]
async fn a_large_dictionary_is_cut_so_that_no_message_is_too_large() {
    let keys = Int32Array::from_iter_values(0..20_000);
    let values = (0..20_000).map(|n| format!("{n}").repeat(200));
    let whole = dictionary(values, keys);
    let sent = native(vec![whole.clone()], TARGET).await;
    assert!(sent.iter().all(|message| size(message) <= LARGEST_MESSAGE));
    assert!(dictionaries(&sent) > 2);
    let batches = decoded(sent).await;
    assert!(texts(&batches) == samples::texts(whole.column(0)));
}

#[tokio::test]
async fn a_slice_of_native_types_is_sent_as_a_slice() {
    let types: Vec<_> = leaves().into_iter().map(|(from, _)| from).collect();
    let whole = samples::batch(&types, 20_000);
    let part = native(vec![whole.slice(10_000, 10)], TARGET).await;
    let sent: usize = part[1..].iter().map(size).sum();
    assert!(sent < 60_000, "{sent}");
}

#[tokio::test]
async fn compressed_messages_are_smaller_and_hold_the_same() {
    let rows: StringArray = (0..100_000)
        .map(|n| Some(format!("row {}", n % 7)))
        .collect();
    let column: ArrayRef = Arc::new(rows);
    let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
    let mut sizes = Vec::new();
    for compression in COMPRESSIONS {
        let batches = vec![batch.clone()];
        let sent = messages_as(batches, TARGET, WireProfile::Compat, compression).await;
        sizes.push(sent.iter().map(size).sum::<usize>());
        let arrived = decoded(sent).await;
        assert_eq!(self::texts(&arrived), samples::texts(batch.column(0)));
    }
    assert!(
        sizes[1] * 2 < sizes[0] && sizes[2] * 3 < sizes[0],
        "{sizes:?}"
    );
}
