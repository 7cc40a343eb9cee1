//! Arrays of any type for the tests, with nulls where the type has them.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, FixedSizeBinaryArray, FixedSizeListArray, Int32Array,
    IntervalDayTimeArray, IntervalMonthDayNanoArray, IntervalYearMonthArray, ListArray, MapArray,
    NullArray, RecordBatch, RunArray, StringArray, StructArray, UnionArray, new_null_array,
};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::{cast, take};
use arrow::datatypes::{
    DataType, Field, Int32Type, IntervalDayTime, IntervalMonthDayNano, IntervalUnit, Schema,
    UnionMode,
};
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// `rows` values of a type, different ones, every fifth null.
pub(super) fn sample(data_type: &DataType, rows: usize) -> ArrayRef {
    use DataType as T;
    let valid = |row: usize| row % 5 != 3;
    let nulls = || Some(NullBuffer::from_iter((0..rows).map(valid)));
    let number = |row: usize| valid(row).then(|| i32::try_from(row % 97).unwrap());
    match data_type {
        T::Null => Arc::new(NullArray::new(rows)),
        T::Boolean => Arc::new(BooleanArray::from_iter(
            (0..rows).map(|row| number(row).map(|n| n % 3 == 0)),
        )),
        T::Interval(IntervalUnit::YearMonth) => {
            Arc::new(IntervalYearMonthArray::from_iter((0..rows).map(number)))
        }
        T::Interval(IntervalUnit::DayTime) => Arc::new(IntervalDayTimeArray::from_iter(
            (0..rows).map(|row| number(row).map(|n| IntervalDayTime::new(n, 1))),
        )),
        T::Interval(IntervalUnit::MonthDayNano) => {
            Arc::new(IntervalMonthDayNanoArray::from_iter((0..rows).map(|row| {
                number(row).map(|n| IntervalMonthDayNano::new(n, 1, 2))
            })))
        }
        T::FixedSizeBinary(width) => {
            let value = |row: usize| number(row).map(|n| vec![u8::try_from(n).unwrap(); 3]);
            Arc::new(
                FixedSizeBinaryArray::try_from_sparse_iter_with_size((0..rows).map(value), *width)
                    .unwrap(),
            )
        }
        T::Utf8 | T::LargeUtf8 | T::Utf8View | T::Binary | T::LargeBinary | T::BinaryView => {
            let text = |row: usize| number(row).map(|n| format!("text number {n}").repeat(row % 4));
            cast(&StringArray::from_iter((0..rows).map(text)), data_type).unwrap()
        }
        T::Dictionary(_, values) => {
            // No more different values than the smallest keys can tell apart.
            let few = sample(values, rows.min(100));
            let again = (0..rows).map(|row| (row % 100) as u32);
            let again = arrow::array::UInt32Array::from_iter_values(again);
            let texts = cast(&take(&few, &again, None).unwrap(), &T::Utf8).unwrap();
            cast(&texts, data_type).unwrap()
        }
        T::RunEndEncoded(_, values) => {
            let runs = rows.div_ceil(3);
            let ends = (1..=runs).map(|run| i32::try_from((run * 3).min(rows)).unwrap());
            let ends = Int32Array::from_iter_values(ends);
            let values = sample(values.data_type(), runs);
            Arc::new(RunArray::<Int32Type>::try_new(&ends, &values).unwrap())
        }
        T::List(item) => {
            let lengths = (0..rows).map(|row| row % 3);
            let offsets = OffsetBuffer::from_lengths(lengths);
            let values = sample(item.data_type(), *offsets.last().unwrap() as usize);
            Arc::new(ListArray::new(Arc::clone(item), offsets, values, nulls()))
        }
        T::ListView(item) | T::LargeList(item) | T::LargeListView(item) => {
            cast(&sample(&T::List(Arc::clone(item)), rows), data_type).unwrap()
        }
        T::FixedSizeList(item, size) => {
            let values = sample(item.data_type(), rows * usize::try_from(*size).unwrap());
            Arc::new(FixedSizeListArray::new(
                Arc::clone(item),
                *size,
                values,
                nulls(),
            ))
        }
        T::Struct(fields) => {
            let columns = fields.iter().map(|field| column(field, rows)).collect();
            Arc::new(StructArray::new(fields.clone(), columns, nulls()))
        }
        T::Map(entries, sorted) => {
            let offsets = OffsetBuffer::from_lengths((0..rows).map(|row| row % 2));
            let T::Struct(fields) = entries.data_type() else {
                panic!("{entries}")
            };
            let length = *offsets.last().unwrap() as usize;
            let columns = fields.iter().map(|field| column(field, length)).collect();
            let values = StructArray::new(fields.clone(), columns, None);
            Arc::new(MapArray::new(
                Arc::clone(entries),
                offsets,
                values,
                nulls(),
                *sorted,
            ))
        }
        T::Union(fields, mode) => {
            let ids: Vec<i8> = fields.iter().map(|(id, _)| id).collect();
            let of = |row: usize| ids[row % ids.len()];
            let type_ids: ScalarBuffer<i8> = (0..rows).map(of).collect();
            let children = fields
                .iter()
                .map(|(_, field)| sample(field.data_type(), rows))
                .collect();
            // The offsets of a dense one go down, and leave gaps.
            let down = |row: usize| i32::try_from(rows - 1 - row).unwrap();
            let offsets = (*mode == UnionMode::Dense).then(|| (0..rows).map(down).collect());
            Arc::new(UnionArray::try_new(fields.clone(), type_ids, offsets, children).unwrap())
        }
        T::Float16 => {
            let half = |row: usize| number(row).map(|n| f64::from(n) + 0.5);
            cast(
                &arrow::array::Float64Array::from_iter((0..rows).map(half)),
                data_type,
            )
            .unwrap()
        }
        T::Time32(_) => cast(&Int32Array::from_iter((0..rows).map(number)), data_type).unwrap(),
        _ => {
            let wide = cast(&Int32Array::from_iter((0..rows).map(number)), &T::Int64).unwrap();
            cast(&wide, data_type)
                .or_else(|_| cast(&cast(&wide, &T::Int32).unwrap(), data_type))
                .unwrap()
        }
    }
}

fn column(field: &Field, rows: usize) -> ArrayRef {
    let column = sample(field.data_type(), rows);
    if field.is_nullable() {
        return column;
    }
    // Without its nulls: the first row, which is never null, in their place.
    let indices = (0..rows).map(|row| if column.is_valid(row) { row as u32 } else { 0 });
    let indices = arrow::array::UInt32Array::from_iter_values(indices);
    let filled = take(&column, &indices, None).unwrap();
    assert_eq!(filled.null_count(), 0);
    filled
}

/// A batch with one column of each type.
pub(super) fn batch(types: &[DataType], rows: usize) -> RecordBatch {
    let fields = types.iter().enumerate();
    let fields =
        fields.map(|(at, data_type)| Field::new(format!("c{at}"), data_type.clone(), true));
    let schema = Schema::new(fields.collect::<Vec<_>>());
    let columns = types
        .iter()
        .map(|data_type| sample(data_type, rows))
        .collect();
    RecordBatch::try_new(Arc::new(schema), columns).unwrap()
}

/// What the values are, whatever form they have.
pub(super) fn texts(array: &dyn Array) -> Vec<String> {
    // The formatter knows no runs inside of other types, so these are unfolded first.
    let array: ArrayRef = match array.data_type() {
        DataType::Dictionary(_, _) => {
            let dictionary = array.as_any_dictionary();
            take(dictionary.values(), dictionary.keys(), None).unwrap()
        }
        _ => array.slice(0, array.len()),
    };
    let options = FormatOptions::default().with_null("NULL");
    let formatter = ArrayFormatter::try_new(&array, &options).unwrap();
    (0..array.len())
        .map(|row| formatter.value(row).to_string())
        .collect()
}

/// `rows` nulls of a type.
pub(super) fn nulls(data_type: &DataType, rows: usize) -> ArrayRef {
    new_null_array(data_type, rows)
}
