use arrow::datatypes::{Field, Schema};

use super::*;
use crate::encode::Profile;
use crate::encode::profile::tests::{leaves, nested};
use crate::encode::samples::{batch, nulls, sample, texts};

fn wire(batch: &RecordBatch) -> RecordBatch {
    let schema = Profile::Compat.wire_schema(batch.schema_ref());
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
        let converted = wire(&part);
        assert_eq!(
            texts(converted.column(0)),
            texts(part.column(0)),
            "{data_type}"
        );
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
                wire(&batch);
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
        let converted = wire(&whole.slice(9_990, 10));
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
    assert_eq!(wire(&batch.unwrap()).num_rows(), 7);
}

#[test]
fn a_batch_that_breaks_the_promise_is_an_error() {
    let promised = Schema::new(vec![Field::new("c", DataType::Utf8View, false)]);
    let promised = Profile::Compat.wire_schema(&promised);
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
    let list = Profile::Compat.wire_schema(&Schema::new(vec![list]));
    assert!(convert(&number, &list).is_err() || sample(&DataType::Int8, 1).len() == 1);
}
