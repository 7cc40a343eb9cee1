use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array,
    Float64Array, Int8Array, Int32Array, Int64Array, ListArray, NullArray, RecordBatch,
    StringArray, StringViewArray, StructArray, TimestampMillisecondArray, UInt64Array, UnionArray,
};
use arrow::buffer::ScalarBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Int32Type, UnionFields};
use proptest::collection::vec;
use proptest::prelude::*;

use super::bytes::bytes;
use super::chunks::Chunks;
use super::column::{Column, Form, Kind, examine};

fn look(array: impl Array + 'static) -> Column {
    examine(&(Arc::new(array) as ArrayRef)).unwrap()
}

fn suggestion(array: impl Array + 'static) -> String {
    look(array).form.to_string()
}

#[test]
fn bytes_are_those_of_arrows_classic_layout() {
    let size = |array: &dyn Array| bytes(array).unwrap();
    assert_eq!(size(&Int64Array::from(vec![1, 2, 3])), 24);
    assert_eq!(size(&Int64Array::from(vec![Some(1), None, Some(3)])), 25);
    assert_eq!(size(&BooleanArray::from(vec![true; 9])), 2);
    assert_eq!(size(&NullArray::new(9)), 0);
    let texts = ["a", "", "a text that is longer than a view"];
    let text_bytes = 4 * 4 + 34;
    assert_eq!(size(&StringArray::from_iter_values(texts)), text_bytes);
    assert_eq!(size(&StringViewArray::from_iter_values(texts)), text_bytes);
    let large = cast(&StringArray::from_iter_values(texts), &DataType::LargeUtf8).unwrap();
    assert_eq!(size(&large), text_bytes + 16);
    let dictionary: DictionaryArray<Int32Type> = ["x", "x", "yy"].into_iter().collect();
    assert_eq!(size(&dictionary), 4 * 4 + 4);
    assert_eq!(size(&dictionary.slice(1, 2)), 4 * 3 + 3);
    let lists = [Some(vec![Some(1), Some(2)]), None, Some(vec![Some(3)])];
    let lists = ListArray::from_iter_primitive::<Int32Type, _, _>(lists);
    assert_eq!(size(&lists), 1 + 4 * 4 + 3 * 4);
    assert_eq!(size(&lists.slice(2, 1)), 4 * 2 + 4);
    let views = cast(&lists, &DataType::ListView(lists_item())).unwrap();
    assert_eq!(size(&views), size(&lists));
}

fn lists_item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Int32, true))
}

#[test]
fn unions_count_the_values_that_their_rows_have() {
    let fields = UnionFields::from_iter([
        (0, Arc::new(Field::new("n", DataType::Int32, true))),
        (1, Arc::new(Field::new("b", DataType::Int8, true))),
    ]);
    let children: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![1, 2, 3])),
        Arc::new(Int8Array::from(vec![4])),
    ];
    let ids = ScalarBuffer::from(vec![0_i8, 1, 0]);
    let offsets = ScalarBuffer::from(vec![2, 0, 0]);
    let dense = UnionArray::try_new(fields, ids, Some(offsets), children).unwrap();
    assert_eq!(bytes(&dense).unwrap(), 3 * 5 + 2 * 4 + 1);
    assert_eq!(bytes(&dense.slice(1, 1)).unwrap(), 5 + 1);
    let column = look(dense);
    assert_eq!((column.distinct, column.runs, column.nulls), (3, 3, 0));
}

#[test]
fn constants_are_found_in_every_type() {
    let column = look(Int64Array::from(vec![7; 2048]));
    assert_eq!(
        (column.kind, column.flat, column.best),
        (Kind::Constant, 2048 * 8, 8)
    );
    let column = look(Int64Array::new_null(100));
    assert_eq!(
        (column.kind, column.distinct, column.runs),
        (Kind::Constant, 0, 1)
    );
    assert_eq!((column.nulls, column.flat, column.best), (100, 813, 9));
    let column = look(NullArray::new(5));
    assert_eq!((column.kind, column.best), (Kind::Constant, 0));
    let part = StructArray::from(vec![(
        Arc::new(Field::new("a", DataType::Int32, false)),
        Arc::new(Int32Array::from(vec![1; 20])) as ArrayRef,
    )]);
    assert_eq!(look(part).kind, Kind::Constant);
    let half: Int64Array = (0..100).map(|n| (n % 2 == 0).then_some(1)).collect();
    let column = look(half);
    assert_eq!(
        (column.kind, column.distinct, column.runs),
        (Kind::Dictionary, 1, 100)
    );
}

#[test]
fn sequences_are_found_to_the_bit() {
    assert_eq!(
        suggestion(UInt64Array::from_iter_values(5..9)),
        "sequence (start=5, step=1)"
    );
    let down = Int8Array::from_iter_values((-100..=100).rev().step_by(50));
    assert_eq!(suggestion(down), "sequence (start=100, step=-50)");
    let ends = Int64Array::from(vec![i64::MIN, -1, i64::MAX - 1]);
    assert_eq!(
        suggestion(ends),
        "sequence (start=-9223372036854775808, step=9223372036854775807)"
    );
    let days = Date32Array::from_iter_values((0..40).map(|n| 19_723 + 7 * n));
    assert_eq!(suggestion(days), "sequence (start=2024-01-01, step=7d)");
    let times = TimestampMillisecondArray::from_iter_values((0..40).map(|n| n * 250));
    assert_eq!(
        suggestion(times),
        "sequence (start=1970-01-01T00:00:00, step=250ms)"
    );
    let prices = Decimal128Array::from_iter_values((0..40).map(|n| 100 + 25 * n));
    let prices = prices.with_precision_and_scale(10, 2).unwrap();
    assert_eq!(suggestion(prices), "sequence (start=1.00, step=0.25)");
    let halves = Float64Array::from_iter_values((0..40).map(|n| f64::from(n) * 0.5));
    assert_eq!(suggestion(halves), "sequence (start=0.0, step=0.5)");
    for (array, why) in [
        (
            Arc::new(Int64Array::from(vec![1, 2, 4])) as ArrayRef,
            "uneven",
        ),
        (
            Arc::new(Int64Array::from(vec![Some(1), None, Some(3)])),
            "a null",
        ),
        (
            Arc::new(Float64Array::from_iter_values(
                (0..40).map(|n| f64::from(n) / 3.0),
            )),
            "rounded",
        ),
        (
            Arc::new(Float32Array::from(vec![0.0, f32::INFINITY])),
            "infinite",
        ),
        (Arc::new(BooleanArray::from(vec![false, true])), "no number"),
    ] {
        assert_ne!(examine(&array).unwrap().kind, Kind::Sequence, "{why}");
    }
}

#[test]
fn the_smallest_form_is_suggested() {
    let cities: StringArray = (0..1000).map(|n| Some(["Lima", "Oslo"][n % 2])).collect();
    let column = look(cities);
    assert_eq!(column.form, Form::Dictionary(2, 1));
    assert_eq!((column.flat, column.best), (4004 + 4000, 12 + 8 + 1000));
    let sorted: StringArray = (0..1000).map(|n| Some(["Lima", "Oslo"][n / 500])).collect();
    let column = look(sorted);
    assert_eq!((column.form, column.best), (Form::Runs(2), 12 + 8 + 2 * 4));
    let wide = look(Int64Array::from_iter_values((0..1000).map(|n| n * n % 211)));
    assert!(matches!(wide.form, Form::Dictionary(_, 1)) && wide.kind == Kind::Flat);
    // Two values are a low cardinality, and yet nothing is smaller than a bit.
    let flags: BooleanArray = (0..1000).map(|n| Some(n % 2 == 0)).collect();
    let column = look(flags);
    assert_eq!((column.kind, column.form), (Kind::Dictionary, Form::Flat));
    assert_eq!(suggestion(Int64Array::from(vec![3])), "constant");
}

#[test]
fn floats_are_told_apart_by_their_bits() {
    let column = look(Float64Array::from(vec![0.0, -0.0, f64::NAN, f64::NAN]));
    assert_eq!((column.distinct, column.runs), (3, 3));
}

proptest! {
    #[test]
    fn figures_are_those_of_a_count_by_hand(
        values in vec(proptest::option::weighted(0.8, 0_i32..6), 1..400),
        cut in 0_usize..50,
    ) {
        let cut = cut.min(values.len() - 1);
        let rows = &values[cut..];
        let numbers = Int32Array::from(values.clone()).slice(cut, rows.len());
        let texts: StringArray = values.iter().map(|n| n.map(|n| "x".repeat(n as usize))).collect();
        let texts = texts.slice(cut, rows.len());
        let dictionary = cast(&texts, &DataType::Dictionary(DataType::Int8.into(), DataType::Utf8.into()));
        let mut distinct: Vec<_> = rows.iter().flatten().collect();
        distinct.sort_unstable();
        distinct.dedup();
        let runs = 1 + rows.windows(2).filter(|pair| pair[0] != pair[1]).count();
        let nulls = rows.iter().filter(|value| value.is_none()).count();
        for array in [Arc::new(numbers) as ArrayRef, Arc::new(texts), dictionary.unwrap()] {
            let column = examine(&array).unwrap();
            prop_assert_eq!((column.rows, column.nulls), (rows.len(), nulls));
            prop_assert_eq!((column.distinct, column.runs), (distinct.len(), runs));
            prop_assert!(column.best <= column.flat);
        }
    }

    #[test]
    fn chunks_hold_the_rows_in_their_order(sizes in vec(0_i64..70, 0..20), rows in 1_usize..50) {
        let mut chunks = Chunks::new(rows);
        let mut next = 0;
        for size in sizes {
            let column: ArrayRef = Arc::new(Int64Array::from_iter_values(next..next + size));
            next += size;
            chunks.push(RecordBatch::try_from_iter([("n", column)]).unwrap());
        }
        chunks.end();
        let mut read = Vec::new();
        while let Some((columns, many)) = chunks.next().unwrap() {
            prop_assert!(many == rows || read.len() + many == next as usize);
            let column = columns[0].as_any().downcast_ref::<Int64Array>().unwrap();
            read.extend(column.values().iter().copied());
        }
        prop_assert_eq!(read, (0..next).collect::<Vec<_>>());
    }
}

#[test]
fn a_chunk_joins_dictionaries_that_are_too_much_for_their_keys() {
    let part = |from: i64| {
        let texts: StringArray = (from..from + 100).map(|n| Some(n.to_string())).collect();
        let kind = DataType::Dictionary(DataType::Int8.into(), DataType::Utf8.into());
        RecordBatch::try_from_iter([("d", cast(&texts, &kind).unwrap())]).unwrap()
    };
    let mut chunks = Chunks::new(200);
    chunks.push(part(0));
    chunks.push(part(100));
    let (columns, rows) = chunks.next().unwrap().unwrap();
    assert_eq!((columns[0].len(), rows), (200, 200));
    assert_eq!(examine(&columns[0]).unwrap().distinct, 200);
}

#[test]
fn structs_of_anything_are_compared() {
    let fields = Fields::from(vec![
        Field::new("t", DataType::Utf8, true),
        Field::new("l", DataType::List(lists_item()), true),
    ]);
    let lists = (0..50).map(|n| (n % 3 > 0).then(|| vec![Some(n % 2), None]));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(
            (0..50)
                .map(|n| Some(["a", "b"][n % 2]))
                .collect::<StringArray>(),
        ),
        Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists)),
    ];
    let column = look(StructArray::new(fields, columns, None));
    assert_eq!((column.kind, column.distinct), (Kind::Dictionary, 4));
}
