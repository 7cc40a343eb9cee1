use arrow::array::{Int32Array, StringArray};
use arrow::datatypes::{Field, Schema};
use godwit_config::WireProfile as Profile;

use super::*;
use crate::encode::profile::tests::{leaves, nested};
use crate::encode::samples::{batch, nulls, sample, texts};

const PROFILES: [Profile; 3] = [Profile::Compat, Profile::Native, Profile::Compact];

fn wire(batch: &RecordBatch, profile: Profile) -> RecordBatch {
    let schema = WireSchema::new(batch.schema_ref(), profile);
    let converted = convert(batch, &schema).unwrap();
    assert_eq!(converted.schema_ref(), schema.schema());
    assert_eq!(converted.num_rows(), batch.num_rows());
    converted
}

fn check(data_type: &DataType) {
    let whole = batch(std::slice::from_ref(data_type), 40);
    for part in [
        whole.clone(),
        whole.slice(7, 20),
        whole.slice(39, 1),
        whole.slice(5, 0),
    ] {
        for profile in PROFILES {
            let converted = wire(&part, profile);
            assert_eq!(
                texts(converted.column(0)),
                texts(part.column(0)),
                "{data_type} in {profile:?}"
            );
        }
    }
}

#[test]
fn values_stay_the_same_in_every_type_nested_and_sliced() {
    for (from, to) in leaves() {
        check(&from);
        for (from, _) in nested(&from, &to) {
            check(&from);
        }
    }
    let views = DataType::Utf8View;
    for (outer, _) in nested(&views, &DataType::Utf8) {
        for (from, _) in nested(&outer, &outer) {
            check(&from);
        }
    }
}

#[test]
fn nulls_and_nothing_convert() {
    for (from, to) in leaves() {
        for (from, _) in nested(&from, &to)
            .into_iter()
            .chain([(from.clone(), to.clone())])
        {
            let schema = Schema::new(vec![Field::new("c", from.clone(), true)]);
            for rows in [0, 5] {
                let column = nulls(&from, rows);
                let batch = RecordBatch::try_new(Arc::new(schema.clone()), vec![column]).unwrap();
                for profile in PROFILES {
                    wire(&batch, profile);
                }
            }
        }
    }
}

#[test]
fn a_slice_brings_no_more_than_its_own_values() {
    for data_type in [
        DataType::List(Arc::new(Field::new("item", DataType::Utf8View, true))),
        nested(&DataType::Int64, &DataType::Int64).pop().unwrap().0,
    ] {
        let whole = batch(&[data_type], 10_000);
        let converted = wire(&whole.slice(9_990, 10), Profile::Compat);
        let held = match converted.column(0).data_type() {
            DataType::List(_) => converted.column(0).as_list::<i32>().values().len(),
            _ => converted.column(0).as_union().child(3).len(),
        };
        assert!(held <= 20, "{held}");
    }
}

#[test]
fn rows_without_columns_keep_their_number() {
    let options = RecordBatchOptions::new().with_row_count(Some(7));
    let batch = RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options);
    assert_eq!(wire(&batch.unwrap(), Profile::Native).num_rows(), 7);
}

#[test]
fn a_batch_that_breaks_the_promise_is_an_error() {
    let promised = Schema::new(vec![Field::new("c", DataType::Utf8View, false)]);
    let promised = WireSchema::new(&promised, Profile::Compat);
    // Nulls where none were promised, another type, another number of columns.
    let with_nulls = batch(&[DataType::Utf8View], 10);
    assert!(convert(&with_nulls, &promised).is_err());
    let two = batch(&[DataType::Utf8View, DataType::Utf8View], 1);
    assert!(convert(&two, &promised).is_err());
    let number = batch(&[DataType::Utf8View], 1);
    let list = Field::new(
        "c",
        DataType::List(Arc::new(Field::new("item", DataType::Int8, true))),
        true,
    );
    let list = WireSchema::new(&Schema::new(vec![list]), Profile::Compat);
    assert!(convert(&number, &list).is_err() || sample(&DataType::Int8, 1).len() == 1);
}

/// What lies apart from the rows, in bytes or items.
fn held(array: &dyn Array) -> usize {
    match array.data_type() {
        DataType::Utf8View => {
            let buffers = array.as_string_view().data_buffers().iter();
            buffers.map(|buffer| buffer.len()).sum()
        }
        DataType::ListView(_) => array.as_list_view::<i32>().values().len(),
        DataType::RunEndEncoded(_, _) => array.as_run::<Int32Type>().values().len(),
        DataType::List(_) => held(array.as_list::<i32>().values()),
        other => panic!("{other}"),
    }
}

#[test]
fn a_slice_of_native_types_brings_no_more_than_its_own_values() {
    let views = || Arc::new(Field::new("item", DataType::Utf8View, true));
    for data_type in [
        DataType::Utf8View,
        DataType::List(views()),
        DataType::ListView(views()),
        DataType::RunEndEncoded(
            Arc::new(Field::new("run_ends", DataType::Int32, false)),
            Arc::new(Field::new("values", DataType::Utf8View, true)),
        ),
    ] {
        let whole = batch(std::slice::from_ref(&data_type), 10_000);
        let converted = wire(&whole.slice(9_990, 10), Profile::Native);
        let held = held(converted.column(0));
        assert!(held <= 1000, "{data_type}: {held}");
    }
}

#[test]
fn views_that_are_used_are_not_copied() {
    let whole = batch(&[DataType::Utf8View], 1000);
    let compact: ArrayRef = Arc::new(whole.column(0).as_string_view().gc());
    let compact = RecordBatch::try_from_iter([("c", compact)]).unwrap();
    let sent = wire(&compact, Profile::Native);
    let place = |batch: &RecordBatch| batch.column(0).as_string_view().data_buffers()[0].as_ptr();
    assert_eq!(place(&sent), place(&compact));
}

#[test]
fn a_small_dictionary_stays_whole_and_a_large_one_is_cut() {
    for (values, kept) in [(1000, 1000), (100_000, 10)] {
        let values =
            StringArray::from_iter_values((0..values).map(|n| format!("value number {n}")));
        let keys = Int32Array::from_iter_values((0..10_000).map(|n| n % 1000));
        let column: ArrayRef = Arc::new(arrow::array::DictionaryArray::new(keys, Arc::new(values)));
        let batch = RecordBatch::try_from_iter([("c", column)]).unwrap();
        let sent = wire(&batch.slice(500, 10), Profile::Native);
        assert_eq!(sent.column(0).as_any_dictionary().values().len(), kept);
        assert_eq!(texts(sent.column(0))[9], "value number 509");
    }
}

#[test]
fn a_dictionary_in_a_dictionary_becomes_one() {
    let outer = Int32Array::from(vec![1, 0, 1]);
    let inner = Int32Array::from(vec![Some(1), None]);
    let inner = arrow::array::DictionaryArray::new(
        inner,
        Arc::new(StringArray::from_iter_values(["a", "b"])),
    );
    let column: ArrayRef = Arc::new(arrow::array::DictionaryArray::new(outer, Arc::new(inner)));
    let batch = RecordBatch::try_from_iter_with_nullable([("c", column, true)]).unwrap();
    let sent = wire(&batch, Profile::Native);
    let one = DataType::Dictionary(DataType::Int32.into(), DataType::Utf8.into());
    assert_eq!(sent.column(0).data_type(), &one);
    assert_eq!(texts(sent.column(0)), ["NULL", "b", "NULL"]);
}
