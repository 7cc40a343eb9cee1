use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, FixedSizeBinaryArray,
    Float64Array, Int32Array, Int32Builder, ListBuilder, RecordBatch, StringArray,
    TimestampMicrosecondArray, UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use datafusion::common::{DFSchema, ScalarValue};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::prelude::{Expr, SessionContext, col, lit};
use parquet::arrow::ArrowWriter;
use parquet::file::metadata::{ParquetMetaData, ParquetMetaDataReader};
use parquet::file::properties::WriterProperties;

use super::*;
use crate::{DataFile, SnapshotId, TableId};

fn column(id: i64, name: &str, stored: &str, shown: DataType) -> Column {
    Column {
        id: ColumnId(id),
        field: Arc::new(Field::new(name, shown, true)),
        stored: stored.to_owned(),
        initial_default: None,
        default: None,
        comment: None,
        children: Vec::new(),
    }
}

fn table(columns: Vec<Column>) -> Table {
    let fields = columns.iter().map(|column| Arc::clone(&column.field));
    let arrow = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    Table {
        id: TableId(1),
        schema: "main".to_owned(),
        name: "t".to_owned(),
        path: "main/t/".to_owned(),
        columns,
        last_column: crate::ColumnId(0),
        arrow,
        keys: Vec::new(),
        comment: None,
        owner: None,
        origin: None,
        schema_version: 1,
        read_only: None,
    }
}

/// A Parquet file of row groups of two rows, with field ids from one.
fn footer(arrays: &[ArrayRef]) -> ParquetMetaData {
    let fields = arrays.iter().enumerate().map(|(at, array)| {
        let id = |id: usize| HashMap::from([("PARQUET:field_id".to_owned(), id.to_string())]);
        let data_type = match array.data_type() {
            DataType::List(item) => {
                DataType::List(Arc::new(item.as_ref().clone().with_metadata(id(100))))
            }
            other => other.clone(),
        };
        Field::new(format!("f{at}"), data_type, true).with_metadata(id(at + 1))
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let arrays = arrays.iter().zip(schema.fields());
    let arrays =
        arrays.map(|(array, field)| arrow::compute::cast(array, field.data_type()).unwrap());
    let batch = RecordBatch::try_new(Arc::clone(&schema), arrays.collect()).unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(2))
        .build();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, schema, Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let mut reader = ParquetMetaDataReader::new();
    reader.try_parse(&bytes::Bytes::from(bytes)).unwrap();
    reader.finish().unwrap()
}

fn zoned() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

#[test]
fn a_file_says_what_its_columns_hold() {
    let mut lists = ListBuilder::new(Int32Builder::new());
    for items in [
        Some(vec![Some(7), None]),
        None,
        Some(vec![]),
        Some(vec![Some(-3)]),
        None,
    ] {
        lists.append_option(items);
    }
    let decimals = Decimal128Array::from(vec![Some(1_000), None, Some(-5), None, None]);
    let uuids = vec![Some([7u8; 16]), None, Some([1; 16]), None, None].into_iter();
    let moments = vec![Some(0), Some(1_500_000), None, None, None];
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![
            Some(10),
            Some(9),
            None,
            Some(-100),
            None,
        ])),
        Arc::new(StringArray::from(vec![
            Some("b"),
            None,
            Some("a"),
            Some("Z\u{fc}"),
            None,
        ])),
        Arc::new(Float64Array::from(vec![
            Some(f64::NAN),
            Some(1.5),
            None,
            Some(-2.0),
            Some(9.0),
        ])),
        Arc::new(BooleanArray::from(vec![
            Some(true),
            None,
            Some(true),
            None,
            None,
        ])),
        Arc::new(BinaryArray::from_opt_vec(vec![
            Some(b"ab"),
            None,
            Some(b"\xff"),
            None,
            None,
        ])),
        Arc::new(decimals.with_precision_and_scale(10, 2).unwrap()),
        Arc::new(Date32Array::from(vec![
            Some(0),
            Some(-1),
            Some(20_000),
            None,
            None,
        ])),
        Arc::new(TimestampMicrosecondArray::from(moments).with_timezone("UTC")),
        Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(uuids, 16).unwrap()),
        Arc::new(UInt64Array::from(vec![
            Some(u64::MAX),
            Some(1),
            None,
            None,
            None,
        ])),
        Arc::new(Int32Array::from(vec![None; 5])),
        Arc::new(StringArray::from(vec![
            Some("x\0y"),
            None,
            None,
            None,
            None,
        ])),
        Arc::new(lists.finish()),
    ];
    let metadata = footer(&arrays);
    assert_eq!(metadata.num_row_groups(), 3);
    let stored = [
        "int32",
        "varchar",
        "float64",
        "boolean",
        "blob",
        "decimal(10,2)",
        "date",
        "timestamptz",
        "uuid",
        "uint64",
        "int32",
        "varchar",
    ];
    let columns = stored.iter().zip(1..);
    let columns = columns.map(|(stored, id)| column(id, "c", stored, DataType::Null));
    let mut columns: Vec<_> = columns.collect();
    let mut list = column(13, "l", "list", DataType::Null);
    list.children = vec![column(100, "element", "int32", DataType::Int32)];
    columns.push(list);
    let columns = columns;
    let mut table = table(columns.clone());
    // A column that the file does not have.
    table
        .columns
        .push(column(99, "later", "int32", DataType::Int32));

    let mut stats = of_file(&metadata, &table).unwrap();
    let mut nans = Nans::default();
    let schema = Schema::new(
        arrays
            .iter()
            .map(|a| Field::new("f", a.data_type().clone(), true))
            .collect::<Vec<_>>(),
    );
    nans.look(
        &columns,
        &RecordBatch::try_new(Arc::new(schema), arrays).unwrap(),
    );
    nans.say(&columns, &mut stats);
    let expected = [
        (3, 2, Some("-100"), Some("10")),
        (3, 2, Some("Z\u{fc}"), Some("b")),
        (4, 1, Some("-2.0"), Some("9.0")),
        (2, 3, Some("1"), Some("1")),
        (2, 3, Some("6162"), Some("FF")),
        (2, 3, Some("-0.05"), Some("10.00")),
        (3, 2, Some("1969-12-31"), Some("2024-10-04")),
        (
            2,
            3,
            Some("1970-01-01 00:00:00+00"),
            Some("1970-01-01 00:00:01.5+00"),
        ),
        (
            2,
            3,
            Some("01010101-0101-0101-0101-010101010101"),
            Some("07070707-0707-0707-0707-070707070707"),
        ),
        (2, 3, Some("1"), Some("18446744073709551615")),
        (0, 5, None, None),
        (1, 4, None, None),
        (2, 4, Some("-3"), Some("7")),
    ];
    assert_eq!(stats.len(), expected.len());
    for (stats, (values, nulls, min, max)) in stats.iter().zip(expected) {
        assert_eq!(
            (stats.values, stats.nulls),
            (Some(values), Some(nulls)),
            "{stats:?}"
        );
        assert_eq!((stats.min.as_deref(), stats.max.as_deref()), (min, max));
        assert!(stats.bytes.unwrap() > 0);
        assert_eq!(stats.has_nan, (stats.column == ColumnId(3)).then_some(true));
    }
}

#[test]
fn rows_say_the_same() {
    let columns = [
        column(1, "i", "int32", DataType::Int32),
        column(2, "f", "float64", DataType::Float64),
        column(3, "t", "timestamptz", zoned()),
    ];
    let arrays: Vec<ArrayRef> = vec![
        Arc::new(Int32Array::from(vec![Some(10), Some(9), None])),
        Arc::new(Float64Array::from(vec![
            Some(f64::NAN),
            Some(-0.5),
            Some(1e20),
        ])),
        Arc::new(TimestampMicrosecondArray::from(vec![None::<i64>; 3]).with_timezone("UTC")),
    ];
    let schema = table(columns.to_vec()).arrow;
    let stats = of_rows(&columns, &RecordBatch::try_new(schema, arrays).unwrap()).unwrap();
    let texts = |at: usize| (stats[at].min.as_deref(), stats[at].max.as_deref());
    assert_eq!(texts(0), (Some("9"), Some("10")));
    assert_eq!(texts(1), (Some("-0.5"), Some("1e+20")));
    assert_eq!(stats[1].has_nan, Some(true));
    assert_eq!(texts(2), (None, None));
    assert_eq!((stats[2].values, stats[2].nulls), (Some(0), Some(3)));
}

fn known(id: i64, min: Option<&str>, max: Option<&str>, values: i64, nulls: i64) -> ColumnStats {
    ColumnStats {
        column: ColumnId(id),
        bytes: Some(1),
        values: Some(values),
        nulls: Some(nulls),
        min: min.map(str::to_owned),
        max: max.map(str::to_owned),
        has_nan: Some(false),
    }
}

#[test]
fn merging_goes_by_the_order_of_the_type() {
    let int = column(1, "i", "int32", DataType::Int32);
    let both = merge(
        &known(1, Some("9"), Some("9"), 1, 0),
        &known(1, Some("10"), Some("10"), 1, 2),
        &int,
    );
    assert_eq!(
        both,
        ColumnStats {
            bytes: Some(2),
            ..known(1, Some("9"), Some("10"), 2, 2)
        }
    );
    let with_nulls = merge(&both, &known(1, None, None, 0, 5), &int);
    assert_eq!(
        (with_nulls.min.as_deref(), with_nulls.nulls),
        (Some("9"), Some(7))
    );
    let with_unknown = merge(&both, &known(1, None, None, 3, 0), &int);
    assert_eq!((with_unknown.min, with_unknown.max), (None, None));
    let text = column(1, "v", "varchar", DataType::Utf8);
    let both = merge(
        &known(1, Some("9"), Some("9"), 1, 0),
        &known(1, Some("10"), Some("10"), 1, 2),
        &text,
    );
    assert_eq!(
        (both.min.as_deref(), both.max.as_deref()),
        (Some("10"), Some("9"))
    );
    let date = column(1, "d", "date", DataType::Date32);
    let old = known(1, Some("0044-03-15 (BC)"), Some("0044-03-15 (BC)"), 1, 0);
    let both = merge(
        &old,
        &known(1, Some("10000-01-01"), Some("10000-01-01"), 1, 0),
        &date,
    );
    assert_eq!(
        (both.min.as_deref(), both.max.as_deref()),
        (Some("0044-03-15 (BC)"), Some("10000-01-01"))
    );
    let broken = merge(&old, &known(1, Some("?"), Some("?"), 1, 0), &date);
    assert_eq!((broken.min, broken.max), (None, None));
}

fn file(stats: Vec<ColumnStats>) -> Arc<DataFile> {
    Arc::new(DataFile {
        id: None,
        path: String::new(),
        rows: 10,
        bytes: 1,
        footer_bytes: None,
        row_id_start: None,
        embeds_row_ids: false,
        begin: Some(SnapshotId(1)),
        only_until: None,
        mapping: None,
        stats: Arc::new(stats),
    })
}

fn physical(table: &Table, predicate: Expr) -> Arc<dyn PhysicalExpr> {
    let schema = DFSchema::try_from(table.arrow.as_ref().clone()).unwrap();
    let context = SessionContext::new();
    context.create_physical_expr(predicate, &schema).unwrap()
}

#[test]
fn files_are_skipped_when_they_cannot_match() {
    let table = table(vec![
        column(5, "renamed", "int64", DataType::Int64),
        column(7, "v", "varchar", DataType::Utf8View),
        column(8, "f", "float64", DataType::Float64),
        column(9, "added", "int32", DataType::Int32),
    ]);
    let with_nan = ColumnStats {
        has_nan: None,
        ..known(8, Some("0.1"), Some("0.1"), 10, 0)
    };
    let files = [
        file(vec![
            known(5, Some("9"), Some("10"), 10, 0),
            known(7, Some("a"), Some("b"), 10, 0),
            known(8, Some("0.1"), Some("0.1"), 10, 0),
        ]),
        file(vec![
            known(5, Some("100"), Some("200"), 10, 0),
            known(7, Some("x"), Some("y"), 5, 5),
            with_nan,
            known(9, Some("1"), Some("1"), 10, 0),
        ]),
        file(vec![known(5, None, None, 0, 10)]),
        file(vec![known(5, Some("?"), Some("?"), 10, 0)]),
    ];
    let kept = |predicate: Expr| prune(&files, &table, &physical(&table, predicate)).unwrap();
    assert_eq!(
        kept(col("renamed").gt(lit(50i64))),
        [false, true, false, true]
    );
    assert_eq!(
        kept(col("renamed").eq(lit(9i64))),
        [true, false, false, true]
    );
    assert_eq!(kept(col("renamed").is_null()), [false, false, true, false]);
    let text = |text: &str| lit(ScalarValue::Utf8View(Some(text.to_owned())));
    assert_eq!(kept(col("v").eq(text("xx"))), [false, true, true, true]);
    assert_eq!(kept(col("v").is_null()), [false, true, true, true]);
    // The text of a narrower float is not the same number as a double.
    assert_eq!(kept(col("f").gt(lit(0.1f64))), [true; 4]);
    assert_eq!(kept(col("f").gt(lit(0.2f64))), [false, true, true, true]);
    // Files that are older than the column have what its default says.
    assert_eq!(kept(col("added").gt(lit(5i32))), [true, false, true, true]);
    assert_eq!(kept(col("added").eq(col("renamed"))), [true; 4]);
}
