use arrow::array::{Float64Array, Int16Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::{Int16Type, Int32Type, TimeUnit};
use arrow_ipc::MessageHeader;
use godwit_protocol::{Shape, WireFormat};
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

fn shaped(batch: &RecordBatch, shapes: impl IntoIterator<Item = Shape>) -> WireSchema {
    let format = WireFormat {
        profile: WireProfile::Compact,
        shapes: shapes.into_iter().collect(),
        ..WireFormat::default()
    };
    WireSchema::of(batch.schema_ref(), &format)
}

async fn sent(batches: Vec<RecordBatch>, schema: WireSchema, target: usize) -> Vec<FlightData> {
    let source = stream::iter(batches.into_iter().map(Ok));
    let messages = plain(source, schema, target).map_ok(FlightData::from);
    messages.try_collect().await.unwrap()
}

async fn as_shape(batches: Vec<RecordBatch>, shape: Shape, target: usize) -> Vec<FlightData> {
    let schema = shaped(&batches[0], [shape]);
    sent(batches, schema, target).await
}

fn bytes(messages: &[FlightData]) -> usize {
    messages.iter().map(size).sum()
}

/// Whether the dictionaries among the messages add to those before them.
fn dictionaries(messages: &[FlightData]) -> Vec<bool> {
    let headers = messages
        .iter()
        .map(|message| arrow_ipc::root_as_message(&message.data_header).unwrap());
    let dictionaries = headers.filter(|one| one.header_type() == MessageHeader::DictionaryBatch);
    dictionaries
        .map(|one| one.header_as_dictionary_batch().unwrap().isDelta())
        .collect()
}

fn texts(batches: &[RecordBatch], at: usize) -> Vec<String> {
    let texts = batches.iter().map(|batch| samples::texts(batch.column(at)));
    texts.flatten().collect()
}

fn words(rows: impl Iterator<Item = u32>) -> RecordBatch {
    let column: StringViewArray = rows
        .map(|n| Some(format!("the word with the number {n}")))
        .collect();
    RecordBatch::try_from_iter([("c", Arc::new(column) as ArrayRef)]).unwrap()
}

#[tokio::test]
async fn a_constant_is_a_run_of_each_message() {
    let batches = vec![words((0..100_000).map(|_| 7)); 2];
    let flat = messages(batches.clone(), TARGET).await;
    let runs = as_shape(batches.clone(), Shape::Runs, TARGET).await;
    assert!(
        bytes(&runs) * 500 < bytes(&flat),
        "{} {}",
        bytes(&runs),
        bytes(&flat)
    );
    let arrived = decoded(runs).await;
    for batch in &arrived {
        assert_eq!(batch.column(0).as_run::<Int32Type>().values().len(), 1);
    }
    assert_eq!(texts(&arrived, 0), texts(&batches, 0));
}

#[tokio::test]
async fn a_constant_that_changes_is_right_and_little_larger() {
    let mut batches = vec![words((0..50_000).map(|_| 7))];
    batches.push(words(0..50_000));
    let flat = messages(batches.clone(), TARGET).await;
    let runs = as_shape(batches.clone(), Shape::Runs, TARGET).await;
    assert!(bytes(&runs) < bytes(&flat));
    assert!(runs.iter().all(|message| size(message) <= LARGEST_MESSAGE));
    assert_eq!(texts(&decoded(runs).await, 0), texts(&batches, 0));
}

#[tokio::test]
async fn a_dictionary_grows_by_what_it_does_not_have() {
    let part = |from: u32| words((0..40_000).map(move |n| from + n % 10));
    let batches = vec![part(0), part(0), part(5), part(0)];
    let flat = messages(batches.clone(), TARGET).await;
    let few = as_shape(batches.clone(), Shape::Dictionary, TARGET).await;
    assert!(
        bytes(&few) * 10 < bytes(&flat),
        "{} {}",
        bytes(&few),
        bytes(&flat)
    );
    assert_eq!(dictionaries(&few), [false, true]);
    let arrived = decoded(few).await;
    let last = arrived
        .last()
        .unwrap()
        .column(0)
        .as_dictionary::<Int16Type>();
    assert_eq!(last.values().len(), 15);
    assert_eq!(texts(&arrived, 0), texts(&batches, 0));
}

#[tokio::test]
async fn a_dictionary_that_becomes_too_large_is_begun_anew() {
    // More values than the keys can tell apart, none twice; then few again.
    let mut batches = vec![words((0..30_000).map(|n| n % 3)), words(0..150_000)];
    batches.push(words((0..30_000).map(|n| n % 3)));
    let flat = messages(batches.clone(), TARGET).await;
    let sent = as_shape(batches.clone(), Shape::Dictionary, TARGET).await;
    assert!(dictionaries(&sent).iter().filter(|delta| !**delta).count() > 3);
    assert!(sent.iter().all(|message| size(message) <= LARGEST_MESSAGE));
    assert!(
        bytes(&sent) < bytes(&flat) / 100 * 110,
        "{} {}",
        bytes(&sent),
        bytes(&flat)
    );
    assert!(texts(&decoded(sent).await, 0) == texts(&batches, 0));
}

#[tokio::test]
async fn large_values_make_no_message_too_large() {
    let texts_of =
        |row: usize| format!("{row}").repeat(if row.is_multiple_of(10) { 60_000 } else { 1 });
    let column: StringArray = (0..500).map(|row| Some(texts_of(row))).collect();
    let batch = RecordBatch::try_from_iter([("c", Arc::new(column) as ArrayRef)]).unwrap();
    for shape in [Shape::Runs, Shape::Dictionary] {
        let sent = as_shape(vec![batch.clone()], shape, TARGET).await;
        assert!(sent.iter().all(|message| size(message) <= LARGEST_MESSAGE));
        assert!(texts(&decoded(sent).await, 0) == samples::texts(batch.column(0)));
    }
}

#[tokio::test]
async fn every_type_arrives_in_every_shape() {
    let types: Vec<_> = leaves().into_iter().map(|(from, _)| from).collect();
    let whole = samples::batch(&types, 5000);
    let batches = vec![whole.clone(), whole.slice(3, 2000), whole.slice(4999, 1)];
    for shape in [Shape::Runs, Shape::Dictionary] {
        let schema = shaped(&whole, types.iter().map(|_| shape));
        let arrived = decoded(sent(batches.clone(), schema.clone(), 64 << 10).await).await;
        assert!(arrived.len() > 3);
        for (at, data_type) in types.iter().enumerate() {
            assert!(
                texts(&arrived, at) == texts(&batches, at),
                "{data_type}, {shape:?}"
            );
        }
        assert!(
            arrived
                .iter()
                .all(|batch| batch.schema_ref() == schema.schema())
        );
    }
}

#[tokio::test]
async fn floats_keep_their_bits() {
    let values = [0.0, -0.0, f64::NAN, -f64::NAN, f64::INFINITY, 0.0, -0.0];
    let column: ArrayRef = Arc::new(Float64Array::from(values.repeat(20)));
    let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
    let bits = |column: &ArrayRef| {
        let column = cast(column, &DataType::Float64).unwrap();
        let column = column.as_primitive::<arrow::datatypes::Float64Type>();
        column
            .values()
            .iter()
            .map(|n| n.to_bits())
            .collect::<Vec<_>>()
    };
    for shape in [Shape::Runs, Shape::Dictionary] {
        let arrived = decoded(as_shape(vec![batch.clone()], shape, TARGET).await).await;
        assert_eq!(
            bits(arrived[0].column(0)),
            bits(batch.column(0)),
            "{shape:?}"
        );
    }
}

#[tokio::test]
async fn other_columns_of_a_batch_stay_with_their_rows() {
    let rows = 100_000;
    let ids: ArrayRef = Arc::new(Int64Array::from_iter_values(0..rows));
    let few: ArrayRef = Arc::new(Int16Array::from_iter(
        (0..rows).map(|n| i16::try_from(n % 7).ok()),
    ));
    let one: ArrayRef = Arc::new(StringArray::from_iter((0..rows).map(|_| None::<&str>)));
    let batch = RecordBatch::try_from_iter_with_nullable([
        ("i", ids, false),
        ("f", few, true),
        ("o", one, true),
    ]);
    let batch = batch.unwrap();
    let schema = shaped(&batch, [Shape::Plain, Shape::Dictionary, Shape::Runs]);
    let arrived = decoded(sent(vec![batch.clone()], schema, 16 << 10).await).await;
    for at in 0..3 {
        assert!(
            texts(&arrived, at) == samples::texts(batch.column(at)),
            "{at}"
        );
    }
    let rows: Vec<_> = arrived.iter().map(RecordBatch::num_rows).collect();
    assert!(rows.iter().all(|rows| *rows <= 32_767), "{rows:?}");
}

fn any_column() -> impl Strategy<Value = Vec<Option<i32>>> {
    let few = vec(proptest::option::weighted(0.9, 0..3), 1..600);
    let many = vec(proptest::option::weighted(0.9, 0..100_000), 1..600);
    prop_oneof![
        few,
        many,
        (1..600_usize).prop_map(|rows| vec![Some(1); rows])
    ]
}

fn any_type() -> impl Strategy<Value = DataType> {
    use DataType as T;
    prop::sample::select(vec![
        T::Int8,
        T::Int64,
        T::UInt32,
        T::Float32,
        T::Float64,
        T::Boolean,
        T::Utf8,
        T::Utf8View,
        T::LargeUtf8,
        T::Binary,
        T::BinaryView,
        T::Date32,
        T::Date64,
        T::Time32(TimeUnit::Second),
        T::Time64(TimeUnit::Nanosecond),
        T::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
        T::Duration(TimeUnit::Millisecond),
        T::Decimal128(12, 2),
        T::Decimal256(50, 3),
    ])
}

/// Numbers in another type; null where it has no such value.
fn column(numbers: &[Option<i32>], data_type: &DataType) -> ArrayRef {
    let numbers = arrow::array::Int32Array::from(numbers.to_vec());
    let wide = cast(&numbers, &DataType::Int64).unwrap();
    let texts = || cast(&cast(&numbers, &DataType::Utf8)?, data_type);
    cast(&numbers, data_type)
        .or_else(|_| cast(&wide, data_type))
        .or_else(|_| texts())
        .unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn all_profiles_have_the_same_values(
        batches in vec((any_column(), 0..50_usize), 1..6),
        data_type in any_type(),
        target in 500..20_000_usize,
    ) {
        let batches: Vec<_> = batches.into_iter().map(|(numbers, from)| {
            let from = from.min(numbers.len() - 1);
            let column = column(&numbers, &data_type).slice(from, numbers.len() - from);
            RecordBatch::try_from_iter_with_nullable([("c", column, true)]).unwrap()
        }).collect();
        let expected = texts(&batches, 0);
        let schemas = [
            WireSchema::new(batches[0].schema_ref(), WireProfile::Compat),
            WireSchema::new(batches[0].schema_ref(), WireProfile::Native),
            shaped(&batches[0], []),
            shaped(&batches[0], [Shape::Runs]),
            shaped(&batches[0], [Shape::Dictionary]),
        ];
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for schema in schemas {
            let arrived = runtime.block_on(async {
                decoded(sent(batches.clone(), schema.clone(), target).await).await
            });
            prop_assert!(texts(&arrived, 0) == expected, "{} as {}", data_type, schema.schema().field(0));
        }
    }
}
