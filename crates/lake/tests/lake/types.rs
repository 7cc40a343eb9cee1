//! Every Arrow type that a table can be made with comes back, and its values.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Date64Array, Decimal32Array,
    Decimal64Array, Decimal128Array, Decimal256Array, DurationNanosecondArray, DurationSecondArray,
    FixedSizeBinaryArray, Float16Array, Float32Array, Float64Array, Int8Array, Int16Array,
    Int32Array, Int64Array, LargeBinaryArray, LargeStringArray, NullArray, RecordBatch,
    StringArray, StructArray, Time32MillisecondArray, Time32SecondArray, Time64MicrosecondArray,
    Time64NanosecondArray, TimestampMicrosecondArray, TimestampMillisecondArray,
    TimestampNanosecondArray, TimestampSecondArray, UInt8Array, UInt16Array, UInt32Array,
    UInt64Array,
};
use arrow::array::{FixedSizeListArray, LargeListArray, ListArray, MapArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{cast, concat_batches, take};
use arrow::datatypes::{DataType, Field, Fields, IntervalUnit, Schema, i256};
use datafusion::physical_plan::collect;
use datafusion::prelude::{SessionConfig, SessionContext};
use godwit_lake::{Error, Lake, NewColumn, NewTable};

use crate::support::{Place, runtime};

/// Two values of each type, the least and the greatest where they fit.
fn scalars() -> Vec<ArrayRef> {
    let half = arrow::array::Float32Array::from(vec![-1.5, 65504.0]);
    let half = cast(&half, &DataType::Float16).unwrap();
    assert!(half.as_any().is::<Float16Array>());
    vec![
        Arc::new(NullArray::new(2)),
        Arc::new(BooleanArray::from(vec![true, false])),
        Arc::new(Int8Array::from(vec![i8::MIN, i8::MAX])),
        Arc::new(Int16Array::from(vec![i16::MIN, i16::MAX])),
        Arc::new(Int32Array::from(vec![i32::MIN, i32::MAX])),
        Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX])),
        Arc::new(UInt8Array::from(vec![0, u8::MAX])),
        Arc::new(UInt16Array::from(vec![0, u16::MAX])),
        Arc::new(UInt32Array::from(vec![0, u32::MAX])),
        Arc::new(UInt64Array::from(vec![0, u64::MAX])),
        half,
        Arc::new(Float32Array::from(vec![f32::MIN, f32::MAX])),
        Arc::new(Float64Array::from(vec![f64::MIN, f64::INFINITY])),
        Arc::new(StringArray::from(vec!["", "ä'\n\\x41"])),
        Arc::new(LargeStringArray::from(vec!["NULL", "l"])),
        Arc::new(BinaryArray::from(vec![b"".as_slice(), b"\x00\xff"])),
        Arc::new(LargeBinaryArray::from(vec![b"".as_slice(), b"\x00\xff"])),
        Arc::new(FixedSizeBinaryArray::try_from_iter([[0_u8, 1, 2], [255; 3]].iter()).unwrap()),
        Arc::new(FixedSizeBinaryArray::try_from_iter([[0_u8; 16], [255; 16]].iter()).unwrap()),
        Arc::new(Date32Array::from(vec![-1, 20_000])),
        Arc::new(Date64Array::from(vec![-86_400_000, 1_700_000_000_001])),
        Arc::new(Time32SecondArray::from(vec![0, 86_399])),
        Arc::new(Time32MillisecondArray::from(vec![0, 86_399_999])),
        Arc::new(Time64MicrosecondArray::from(vec![0, 86_399_999_999])),
        Arc::new(Time64NanosecondArray::from(vec![0, 86_399_999_999_999])),
        Arc::new(TimestampSecondArray::from(vec![-1, 1_700_000_000])),
        Arc::new(TimestampMillisecondArray::from(vec![-1, 1_700_000_000_001])),
        Arc::new(TimestampMicrosecondArray::from(vec![
            -1,
            1_700_000_000_000_001,
        ])),
        Arc::new(TimestampNanosecondArray::from(vec![
            -1,
            1_700_000_000_000_000_001,
        ])),
        Arc::new(TimestampMicrosecondArray::from(vec![-1, 1]).with_timezone("UTC")),
        Arc::new(TimestampMicrosecondArray::from(vec![-1, 1]).with_timezone("Europe/Berlin")),
        Arc::new(TimestampSecondArray::from(vec![-1, 1]).with_timezone("+02:00")),
        Arc::new(TimestampNanosecondArray::from(vec![-1, 1]).with_timezone("America/New_York")),
        Arc::new(DurationSecondArray::from(vec![i64::MIN, i64::MAX])),
        Arc::new(DurationNanosecondArray::from(vec![i64::MIN, i64::MAX])),
        Arc::new(
            Decimal32Array::from(vec![-1, 999])
                .with_precision_and_scale(3, 1)
                .unwrap(),
        ),
        Arc::new(
            Decimal64Array::from(vec![-1, 999])
                .with_precision_and_scale(12, 2)
                .unwrap(),
        ),
        Arc::new(
            Decimal128Array::from(vec![-1, 999])
                .with_precision_and_scale(38, 38)
                .unwrap(),
        ),
        Arc::new(
            Decimal256Array::from(vec![i256::from_i128(-1), i256::from_i128(999)])
                .with_precision_and_scale(38, 0)
                .unwrap(),
        ),
    ]
}

/// The same in lists of all kinds, in a struct and as values of a map.
fn nested(values: &ArrayRef) -> Vec<ArrayRef> {
    let of = values.data_type();
    let item = |name: &str| Arc::new(Field::new(name, of.clone(), true));
    let offsets = OffsetBuffer::<i32>::from_lengths([0, 2]);
    let keys: ArrayRef = Arc::new(StringArray::from(vec!["k", "l"]));
    let pairs = Fields::from(vec![
        Field::new("key", DataType::Utf8, false),
        Field::new("value", of.clone(), true),
    ]);
    let entries = StructArray::new(pairs.clone(), vec![keys, Arc::clone(values)], None);
    let entry = Arc::new(Field::new("entries", DataType::Struct(pairs), false));
    let fields = Fields::from(vec![Field::new("f", of.clone(), true)]);
    vec![
        Arc::new(ListArray::new(
            item("item"),
            offsets.clone(),
            Arc::clone(values),
            None,
        )),
        Arc::new(LargeListArray::new(
            item("other"),
            OffsetBuffer::from_lengths([1, 1]),
            Arc::clone(values),
            None,
        )),
        Arc::new(FixedSizeListArray::new(
            item("item"),
            1,
            Arc::clone(values),
            None,
        )),
        Arc::new(StructArray::new(fields, vec![Arc::clone(values)], None)),
        Arc::new(MapArray::new(entry, offsets, entries, None, false)),
    ]
}

/// Both values, and a null between them.
fn with_null(values: &ArrayRef) -> ArrayRef {
    let places = Int32Array::from(vec![Some(0), None, Some(1)]);
    take(values, &places, None).unwrap()
}

/// What a table with these columns holds after it took them, in the catalog or in a file.
async fn through(lake: &Lake, name: &str, columns: &[ArrayRef], copies: usize) -> RecordBatch {
    let fields = columns.iter().enumerate();
    let fields =
        fields.map(|(at, column)| Field::new(format!("c{at}"), column.data_type().clone(), true));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.to_vec()).unwrap();
    let batch = concat_batches(&schema, std::iter::repeat_n(&batch, copies)).unwrap();
    let transaction = lake.begin().await.unwrap();
    let new = schema.fields().iter().map(|field| NewColumn {
        field: field.as_ref().clone(),
        default: None,
        initial: None,
    });
    let id = transaction
        .create_table(NewTable {
            schema: "main".to_owned(),
            name: name.to_owned(),
            columns: new.collect(),
            keys: vec![],
            replace: false,
        })
        .unwrap();
    let mut writer = transaction.write(id).await.unwrap();
    writer.append(batch.clone()).await.unwrap();
    writer.finish().await.unwrap();
    transaction.commit().await.unwrap();
    batch
}

async fn contents(lake: &Lake, name: &str) -> RecordBatch {
    let newest = lake.latest().await.unwrap();
    let table = newest.table("main", name).await.unwrap().unwrap();
    let config = SessionConfig::new().with_target_partitions(1);
    let context = SessionContext::new_with_config_rt(config, runtime());
    let frame = context.read_table(table.provider()).unwrap();
    let plan = frame.create_physical_plan().await.unwrap();
    let batches = collect(plan, context.task_ctx()).await.unwrap();
    concat_batches(&table.table().arrow, &batches).unwrap()
}

#[tokio::test]
async fn types_and_values_come_back() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let plain: Vec<_> = scalars().iter().map(with_null).collect();
    let mut all = plain.clone();
    for values in scalars() {
        all.extend(nested(&values).iter().map(with_null));
    }
    for (name, columns, copies) in [("few", &all, 1), ("many", &all, 40)] {
        let given = through(&lake, name, columns, copies).await;
        // As the next server finds them.
        let found = contents(&place.open().await.unwrap(), name).await;
        for (at, field) in given.schema().fields().iter().enumerate() {
            assert_eq!(
                found.schema().field(at).data_type(),
                field.data_type(),
                "{name}"
            );
            assert_eq!(
                found.column(at),
                given.column(at),
                "{name}: {}",
                field.data_type()
            );
        }
    }
}

#[tokio::test]
async fn types_that_cannot_be_kept_are_refused_by_name() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let refused = [
        interval.clone(),
        DataType::new_list(interval, true),
        DataType::Decimal256(39, 0),
        DataType::Decimal128(10, -2),
        DataType::Struct(Fields::empty()),
    ];
    for data_type in refused {
        let transaction = lake.begin().await.unwrap();
        let made = transaction.create_table(NewTable {
            schema: "main".to_owned(),
            name: "t".to_owned(),
            columns: vec![NewColumn {
                field: Field::new("odd", data_type.clone(), true),
                default: None,
                initial: None,
            }],
            keys: vec![],
            replace: false,
        });
        let error = made.unwrap_err();
        assert!(
            matches!(&error, Error::Unsupported { message } if message.contains("\"odd\"")),
            "{data_type}: {error}"
        );
    }
}
