//! Lakes whose rows were written by hand are read as DuckDB reads them.

use std::fs::{self};
use std::sync::Arc;

use arrow::array::{
    ArrayRef, AsArray, BinaryArray, Int32Array, Int64Array, ListArray, RecordBatch, StringArray,
    StructArray,
};
use arrow::buffer::OffsetBuffer;
use arrow::datatypes::{DataType, Fields, Int64Type, Schema, UInt64Type};
use arrow::util::pretty::pretty_format_batches;
use datafusion::common::stats::Precision;
use datafusion::prelude::{DataFrame, col, ident, lit};
use godwit_lake::{At, Error, RowNumber, Rows, SnapshotId};

use crate::by_hand::{ByHand, at, numbered, numbers, rows, run, table};

#[tokio::test(flavor = "multi_thread")]
async fn deleted_rows_stay_away_whatever_is_pruned() {
    let hand = ByHand::with_table().await;
    hand.commit(2, 1, "inserted_into_table:1");
    hand.file(1, 2, 0, &rows(0..1000), 100);
    hand.commit(3, 1, "deleted_from_table:1");
    let deleted: Vec<i64> = (0..1000)
        .filter(|n| n % 7 == 0 || (300..420).contains(n))
        .collect();
    hand.delete_file(2, 3, 1, &deleted);
    hand.commit(4, 1, "inlined_delete:1");
    hand.sql("CREATE TABLE ducklake_inlined_delete_1(file_id BIGINT, row_id BIGINT, begin_snapshot BIGINT);
              INSERT INTO ducklake_inlined_delete_1 VALUES (1, 1, 4), (1, 999, 4)");
    let lake = hand.lake().await;
    let lives = |n: &i64| n % 7 != 0 && !(300..420).contains(n) && *n != 1 && *n != 999;
    let living: Vec<i64> = (0..1000).filter(lives).collect();

    let now = table(&lake).await;
    assert_eq!(now.content().rows(), living.len() as u64);
    assert_eq!(hand.column(now.provider(), "a").await, living);
    let statistics = now.provider().statistics().unwrap();
    assert_eq!(statistics.num_rows, Precision::Exact(living.len()));

    for pushdown in [false, true] {
        let context = hand.context(pushdown);
        for (from, to) in [(0, 10), (95, 105), (290, 450), (998, 1000), (310, 320)] {
            let frame = context.read_table(now.provider()).unwrap();
            let frame = frame
                .filter(col("a").gt_eq(lit(from)).and(col("a").lt(lit(to))))
                .unwrap();
            let found = numbers(&run(&context, frame).await.unwrap(), "a");
            let expected: Vec<_> = living
                .iter()
                .copied()
                .filter(|n| (from..to).contains(n))
                .collect();
            assert_eq!(found, expected, "rows from {from} to {to}");
        }
        let frame = context
            .read_table(now.provider())
            .unwrap()
            .limit(0, Some(700))
            .unwrap();
        assert_eq!(
            numbers(&run(&context, frame).await.unwrap(), "a").len(),
            700
        );
    }

    // Every row has its own number and the row id that the catalog gave it.
    let numbered = now.numbered("#n", "#r");
    let context = hand.context(false);
    let frame = context.read_table(numbered).unwrap();
    let frame = frame.filter(ident("#r").gt_eq(lit(200))).unwrap();
    for batch in run(&context, frame).await.unwrap() {
        let places = batch.column(0).as_primitive::<UInt64Type>();
        let ids = batch.column(1).as_primitive::<Int64Type>();
        let values = numbers(std::slice::from_ref(&batch), "a");
        for (at, value) in values.into_iter().enumerate() {
            assert_eq!(
                RowNumber(places.value(at)).position(),
                value.cast_unsigned()
            );
            assert_eq!(ids.value(at), value);
        }
    }
    assert_eq!(
        hand.column(at(&lake, 2).await.provider(), "a").await,
        (0..1000).collect::<Vec<_>>()
    );
    assert_eq!(at(&lake, 3).await.content().rows(), living.len() as u64 + 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_column_is_found_by_its_number_and_widened() {
    let hand = ByHand::with_table().await;
    hand.commit(2, 1, "inserted_into_table:1");
    hand.file(1, 2, 0, &rows(0..20), 10);
    // The number is wider and has another name; its old name is a new column's; another came with a default.
    hand.commit(3, 2, "altered_table:1");
    hand.sql("UPDATE ducklake_column SET end_snapshot = 3;
              INSERT INTO ducklake_schema_versions VALUES (3, 2, 1);
              INSERT INTO ducklake_column VALUES (1, 3, NULL, 1, 1, 'b', 'int64', NULL, 'NULL', 1, NULL, 'literal', 'duckdb');
              INSERT INTO ducklake_column VALUES (3, 3, NULL, 1, 3, 'a', 'blob', NULL, 'NULL', 1, NULL, 'literal', 'duckdb');
              INSERT INTO ducklake_column VALUES (4, 3, NULL, 1, 4, 'z', 'int32', '7', '7', 1, NULL, 'literal', 'duckdb');");
    hand.commit(4, 2, "inserted_into_table:1");
    let schema = Schema::new(vec![
        numbered("a", DataType::Binary, 3),
        numbered("z", DataType::Int32, 4),
        numbered("b", DataType::Int64, 1),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(BinaryArray::from(vec![b"x".as_slice(), b"\xff"])),
        Arc::new(Int32Array::from(vec![None, Some(8)])),
        Arc::new(Int64Array::from(vec![i64::MAX, -1])),
    ];
    hand.file(
        5,
        4,
        20,
        &RecordBatch::try_new(Arc::new(schema), columns).unwrap(),
        10,
    );
    let lake = hand.lake().await;
    let now = table(&lake).await;
    assert_eq!(
        now.table().column("b").unwrap().field.data_type(),
        &DataType::Int64
    );
    assert_eq!(
        now.table().column("z").unwrap().default.as_deref(),
        Some("7")
    );
    let mut expected: Vec<i64> = (0..20).collect();
    expected.extend([-1, i64::MAX]);
    expected.sort_unstable();
    assert_eq!(hand.column(now.provider(), "b").await, expected);
    let mut defaults = vec![7; 20];
    defaults.push(8);
    assert_eq!(hand.column(now.provider(), "z").await, defaults);
    for pushdown in [false, true] {
        let context = hand.context(pushdown);
        let count = async |frame: DataFrame| numbers(&run(&context, frame).await.unwrap(), "b");
        let rows = || context.read_table(now.provider()).unwrap();
        assert_eq!(
            count(rows().filter(col("z").eq(lit(8))).unwrap()).await,
            [-1]
        );
        assert_eq!(
            count(rows().filter(col("z").eq(lit(7))).unwrap())
                .await
                .len(),
            20
        );
        assert_eq!(
            count(rows().filter(col("a").is_not_null()).unwrap())
                .await
                .len(),
            2
        );
        assert_eq!(
            count(rows().filter(col("b").gt(lit(18))).unwrap()).await,
            [19, i64::MAX]
        );
    }
    assert_eq!(
        hand.column(at(&lake, 2).await.provider(), "a").await,
        (0..20).collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_structs_come_go_and_change_their_names() {
    let hand = ByHand::new().await;
    hand.commit(1, 1, "created_table:\"main\".\"t\"");
    hand.sql("INSERT INTO ducklake_table VALUES (1, 'c0ffee00-0000-0000-0000-000000000000', 1, NULL, 0, 't', 't/', 1);
              INSERT INTO ducklake_schema_versions VALUES (1, 1, 1);
              INSERT INTO ducklake_column VALUES (1, 1, NULL, 1, 1, 'l', 'list', NULL, 'NULL', 1, NULL, '', 'duckdb');
              INSERT INTO ducklake_column VALUES (2, 1, NULL, 1, 2, 'element', 'struct', NULL, 'NULL', 1, 1, '', 'duckdb');
              INSERT INTO ducklake_column VALUES (4, 1, NULL, 1, 4, 'x', 'int64', NULL, 'NULL', 0, 2, 'literal', 'duckdb');
              INSERT INTO ducklake_column VALUES (5, 1, NULL, 1, 5, 'new', 'int32', '5', '5', 0, 2, 'literal', 'duckdb');");
    // In the file, 3 is a field that is gone, and 4 was called as it.
    let fields = Fields::from(vec![
        numbered("x", DataType::Utf8, 3),
        numbered("old", DataType::Int32, 4),
    ]);
    let items = StructArray::new(
        fields.clone(),
        vec![
            Arc::new(StringArray::from(vec!["p", "q", "r"])) as ArrayRef,
            Arc::new(Int32Array::from(vec![Some(1), None, Some(3)])),
        ],
        None,
    );
    let item = Arc::new(numbered("element", DataType::Struct(fields), 2));
    let list = ListArray::new(
        Arc::clone(&item),
        OffsetBuffer::from_lengths([2, 0, 1]),
        Arc::new(items),
        Some(vec![true, false, true].into()),
    );
    let schema = Schema::new(vec![numbered("l", DataType::List(item), 1)]);
    let batch = RecordBatch::try_new(Arc::new(schema), vec![Arc::new(list)]).unwrap();
    hand.commit(2, 1, "inserted_into_table:1");
    hand.file(1, 2, 0, &batch, 10);
    let lake = hand.lake().await;
    let context = hand.context(false);
    let frame = context.read_table(table(&lake).await.provider()).unwrap();
    let found = run(&context, frame).await.unwrap();
    let found = pretty_format_batches(&found).unwrap().to_string();
    assert!(found.contains("[{x: 1, new: 5}, {x: , new: 5}]"), "{found}");
    assert!(found.contains("[{x: 3, new: 5}]"), "{found}");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_in_the_catalog_and_rows_of_later_snapshots() {
    let hand = ByHand::with_table().await;
    hand.commit(2, 1, "inlined_insert:1");
    hand.sql("CREATE TABLE ducklake_inlined_data_1_1(row_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT, a BIGINT, b VARCHAR);
              INSERT INTO ducklake_inlined_data_tables VALUES (1, 'ducklake_inlined_data_1_1', 1);
              INSERT INTO ducklake_inlined_data_1_1 VALUES (0, 2, NULL, 1, 'one'), (1, 2, 3, 2, NULL);");
    hand.commit(3, 1, "inlined_delete:1");
    hand.commit(4, 2, "altered_table:1");
    hand.sql("UPDATE ducklake_column SET end_snapshot = 4 WHERE column_id = 1;
              INSERT INTO ducklake_schema_versions VALUES (4, 2, 1);
              INSERT INTO ducklake_column VALUES (1, 4, NULL, 1, 1, 'number', 'int64', NULL, 'NULL', 1, NULL, 'literal', 'duckdb');");
    hand.commit(5, 2, "inserted_into_table:1");
    hand.commit(6, 2, "inserted_into_table:1");
    hand.commit(7, 2, "merge_adjacent:1");
    // One file for the rows of the snapshots 5 and 6, which it marks, and which has the row ids.
    let schema = Schema::new(vec![
        numbered("number", DataType::Int64, 1),
        numbered("_ducklake_internal_row_id", DataType::Int64, 2_147_483_540),
        numbered(
            "_ducklake_internal_snapshot_id",
            DataType::Int64,
            2_147_483_539,
        ),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Int64Array::from(vec![10, 11, 12])),
        Arc::new(Int64Array::from(vec![50, 70, 60])),
        Arc::new(Int64Array::from(vec![5, 6, 5])),
    ];
    hand.file(
        1,
        5,
        2,
        &RecordBatch::try_new(Arc::new(schema), columns).unwrap(),
        10,
    );
    hand.sql("UPDATE ducklake_data_file SET partial_max = 6");
    let lake = hand.lake().await;
    assert_eq!(
        hand.column(at(&lake, 2).await.provider(), "a").await,
        [1, 2]
    );
    assert_eq!(hand.column(at(&lake, 3).await.provider(), "a").await, [1]);
    assert_eq!(
        hand.column(at(&lake, 4).await.provider(), "number").await,
        [1]
    );
    assert_eq!(
        hand.column(at(&lake, 5).await.provider(), "number").await,
        [1, 10, 12]
    );
    assert_eq!(
        hand.column(table(&lake).await.provider(), "number").await,
        [1, 10, 11, 12]
    );
    assert_eq!(
        hand.column(table(&lake).await.numbered("#n", "#r"), "#r")
            .await,
        [0, 50, 60, 70]
    );
    let since = table(&lake).await.since(1);
    assert_eq!(hand.column(since.provider(), "number").await, [10, 11, 12]);
    assert_eq!(
        hand.column(since.numbered("#n", "#r"), "#n").await,
        [0, 1, 2].map(|at| RowNumber::new(1, at).0.cast_signed())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_content_is_read_again_only_when_it_changed() {
    let hand = ByHand::with_table().await;
    hand.commit(2, 1, "inserted_into_table:1");
    hand.file(1, 2, 0, &rows(0..10), 10);
    let lake = hand.lake().await;
    let before = table(&lake).await;
    hand.commit(
        3,
        1,
        "inserted_into_table:9,created_table:\"main\".\"inserted_into_table:1\"",
    );
    let same = table(&lake).await;
    assert!(Arc::ptr_eq(before.content(), same.content()));
    assert_eq!(before.version(), same.version());
    hand.commit(4, 1, "inserted_into_table:1");
    hand.file(2, 4, 10, &rows(10..20), 10);
    let more = table(&lake).await;
    assert_ne!(before.version(), more.version());
    assert_eq!(more.content().rows(), 20);
    // What was read of a file is kept.
    let file = |table: &godwit_lake::LakeTable| match &table.content().parts[0].rows {
        Rows::File(file) => Arc::clone(file),
        Rows::Inlined(_) => panic!("a file"),
    };
    assert!(Arc::ptr_eq(&file(&before), &file(&more)));
    assert_eq!(at(&lake, 3).await.version(), before.version());
    // Another process gives the same content the same version.
    assert_eq!(table(&hand.lake().await).await.version(), more.version());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_gone_or_broken_is_named() {
    let hand = ByHand::with_table().await;
    hand.commit(2, 1, "inserted_into_table:1");
    hand.file(1, 2, 0, &rows(0..10), 10);
    let lake = hand.lake().await;
    let now = table(&lake).await;
    let path = hand.place.path().join("lake/data/main/t/f1.parquet");
    let kept = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    let read = async || {
        let context = hand.context(false);
        let frame = context.read_table(now.provider()).unwrap();
        run(&context, frame).await.unwrap_err()
    };
    let gone = read().await;
    assert!(
        matches!(&gone, Error::NotFound { message } if message.contains("f1.parquet") && message.contains("expired")),
        "{gone}"
    );
    fs::write(&path, vec![0; kept.len()]).unwrap();
    let broken = read().await;
    assert!(
        matches!(&broken, Error::Broken { message } if message.contains("f1.parquet")),
        "{broken}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn snapshots_by_number_and_by_time() {
    let hand = ByHand::with_table().await;
    hand.commit(2, 1, "inserted_into_table:1");
    hand.file(1, 2, 0, &rows(0..10), 10);
    let lake = hand.lake().await;
    let all = lake.snapshots().await.unwrap();
    assert_eq!(
        all.iter().map(|one| one.id.0).collect::<Vec<_>>(),
        [0, 1, 2]
    );
    assert_eq!(all[2].changes, "inserted_into_table:1");
    let time = all[1].time + chrono::Duration::milliseconds(10);
    assert_eq!(lake.at(At::Time(time)).await.unwrap().id(), SnapshotId(1));
    assert_eq!(
        lake.at(At::Time(all[2].time)).await.unwrap().id(),
        SnapshotId(2)
    );
    let missing = lake.at(At::Version(SnapshotId(9))).await.unwrap_err();
    assert!(
        matches!(&missing, Error::NotFound { message } if message.contains("from 0 to 2")),
        "{missing}"
    );
    let early = At::Time(chrono::DateTime::UNIX_EPOCH);
    assert!(matches!(lake.at(early).await, Err(Error::NotFound { .. })));
}
