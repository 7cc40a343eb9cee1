//! What a transaction does, as the next one sees it.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Int32Type, Int64Type, UInt64Type};
use godwit_lake::{At, Definition, Error, Rows};

use crate::definitions::add;
use crate::postgres::Postgres;
use crate::rows::{self, Row, batch, delete, insert, row, rows, scan, table, update, with_table};
use crate::support::Place;

fn many(from: i64, to: i64) -> Vec<Row> {
    (from..to).map(|k| row(k, &format!("v{k:05}"))).collect()
}

/// Files of a table, and rows that are in the catalog.
async fn parts(lake: &godwit_lake::Lake, name: &str) -> (usize, usize) {
    let newest = lake.latest().await.unwrap();
    let table = newest.table("main", name).await.unwrap().unwrap();
    let parts = &table.content().parts;
    let files = parts.iter();
    let files = files.filter(|part| matches!(part.rows, Rows::File(_)));
    let inlined = parts.iter().map(|part| match &part.rows {
        Rows::Inlined(inlined) => inlined.batch.num_rows(),
        Rows::File(_) => 0,
    });
    (files.count(), inlined.sum())
}

#[tokio::test]
async fn few_rows_stay_in_the_catalog_and_many_go_to_files() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let t = with_table(&lake, table("t")).await;
    let transaction = lake.begin().await.unwrap();
    insert(&transaction, t, &[row(1, "one"), Row { k: 2, v: None }]).await;
    transaction.commit().await.unwrap();
    assert_eq!(parts(&lake, "t").await, (0, 2));
    let transaction = lake.begin().await.unwrap();
    insert(&transaction, t, &many(10, 30)).await;
    insert(&transaction, t, &[row(40, "forty")]).await;
    let mut all = vec![row(1, "one"), Row { k: 2, v: None }];
    all.extend(many(10, 30));
    all.push(row(40, "forty"));
    assert_eq!(rows(&transaction.snapshot(), "t").await, all);
    transaction.commit().await.unwrap();
    assert_eq!(parts(&lake, "t").await, (1, 3));
    drop(lake);
    let lake = place.open().await.unwrap();
    assert_eq!(rows(&lake.latest().await.unwrap(), "t").await, all);
    let first = lake.snapshots().await.unwrap()[2].id;
    let then = lake.at(At::Version(first)).await.unwrap();
    assert_eq!(rows(&then, "t").await, all[..2]);
}

#[tokio::test]
async fn updates_keep_row_ids_and_deletes_take_rows() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    Box::pin(change_rows(&lake)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn updates_and_deletes_are_the_same_in_postgresql() {
    let server = Postgres::start();
    let place = Place::at(&server.database("lake"));
    let lake = place.open().await.unwrap();
    Box::pin(change_rows(&lake)).await;
    let transaction = lake.begin().await.unwrap();
    let t = rows::id(&lake, "t").await;
    add(&transaction, t, "z", DataType::Int32, Some(7));
    let definition = Definition::RenameColumn {
        table: t,
        column: "v".to_owned(),
        to: "w".to_owned(),
    };
    transaction.define(definition).unwrap();
    let definition = Definition::RenameTable {
        table: t,
        to: "u".to_owned(),
    };
    transaction.define(definition).unwrap();
    transaction.commit().await.unwrap();
    let lake = place.open().await.unwrap();
    let all = scan(&lake.latest().await.unwrap(), "u").await;
    assert_eq!(all.schema_ref().field(1).name(), "w");
    assert_eq!(all.column(2).as_primitive::<Int32Type>().value(0), 7);
}

async fn change_rows(lake: &godwit_lake::Lake) {
    let t = with_table(lake, table("t")).await;
    let transaction = lake.begin().await.unwrap();
    insert(&transaction, t, &many(0, 100)).await;
    insert(&transaction, t, &many(100, 105)).await;
    transaction.commit().await.unwrap();
    let ids = row_ids(lake).await;
    // Few and many, of files and of the catalog.
    for (from, to) in [(3, 5), (20, 60), (101, 103)] {
        let transaction = lake.begin().await.unwrap();
        let updated = update(&transaction, t, "new", |k| (from..to).contains(&k)).await;
        assert_eq!(updated, (to - from) as u64);
        transaction.commit().await.unwrap();
    }
    assert_eq!(row_ids(lake).await, ids);
    for (from, to) in [(4, 6), (40, 80), (90, 102)] {
        let transaction = lake.begin().await.unwrap();
        let deleted = delete(&transaction, t, |k| (from..to).contains(&k)).await;
        assert_eq!(deleted, (to - from) as u64);
        transaction.commit().await.unwrap();
    }
    let mut left = many(0, 105);
    for row in &mut left {
        if (3..5).contains(&row.k) || (20..60).contains(&row.k) || (101..103).contains(&row.k) {
            row.v = Some("new".to_owned());
        }
    }
    left.retain(|row| {
        ![4..6, 40..80, 90..102]
            .iter()
            .any(|gone| gone.contains(&row.k))
    });
    assert_eq!(rows(&lake.latest().await.unwrap(), "t").await, left);
    let transaction = lake.begin().await.unwrap();
    let mut writer = transaction.write(t).await.unwrap();
    assert_eq!(writer.truncate(), left.len() as u64);
    writer.finish().await.unwrap();
    insert(&transaction, t, &[row(7, "seven")]).await;
    transaction.commit().await.unwrap();
    assert_eq!(
        rows(&lake.latest().await.unwrap(), "t").await,
        [row(7, "seven")]
    );
    assert_eq!(parts(lake, "t").await, (0, 1));
}

/// Row ids by `k`.
async fn row_ids(lake: &godwit_lake::Lake) -> Vec<(i64, i64)> {
    let newest = lake.latest().await.unwrap();
    let table = newest.table("main", "t").await.unwrap().unwrap();
    let mut ids = Vec::new();
    for batch in rows::read(table.numbered("#n", "#r")).await {
        let (id, k) = (batch.column(1), batch.column(2));
        let (id, k) = (
            id.as_primitive::<Int64Type>(),
            k.as_primitive::<Int64Type>(),
        );
        ids.extend((0..batch.num_rows()).map(|at| (k.value(at), id.value(at))));
    }
    ids.sort_unstable();
    ids
}

#[tokio::test]
async fn a_transaction_sees_its_own_changes_and_takes_them_back() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let t = with_table(&lake, table("t")).await;
    let transaction = lake.begin().await.unwrap();
    assert!(!transaction.is_changed());
    insert(&transaction, t, &many(0, 50)).await;
    let mark = transaction.savepoint();
    update(&transaction, t, "changed", |k| k < 25).await;
    delete(&transaction, t, |k| k % 2 == 1).await;
    let changed: Vec<Row> = many(0, 50)
        .into_iter()
        .filter(|row| row.k % 2 == 0)
        .collect();
    let seen = rows(&transaction.snapshot(), "t").await;
    assert_eq!(seen.len(), changed.len());
    assert_eq!(seen[3], row(6, "changed"));
    transaction.rollback_to(&mark);
    assert_eq!(rows(&transaction.snapshot(), "t").await, many(0, 50));
    delete(&transaction, t, |k| k >= 3).await;
    let base = transaction.base();
    assert_eq!(transaction.clone().commit().await.unwrap().0, base.0 + 1);
    assert_eq!(rows(&lake.latest().await.unwrap(), "t").await, many(0, 3));
    let error = transaction.commit().await.unwrap_err();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    // Files of what was taken back are gone.
    let data = place.path().join("lake/data/main/t");
    let left = std::fs::read_dir(data).unwrap().count();
    assert_eq!(left, 2, "a data file and a delete file");
}

#[tokio::test]
async fn nothing_changed_is_no_snapshot_and_rolled_back_leaves_nothing() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let t = with_table(&lake, table("t")).await;
    let newest = lake.latest().await.unwrap().id();
    let transaction = lake.begin().await.unwrap();
    assert_eq!(delete(&transaction, t, |_| true).await, 0);
    assert_eq!(transaction.commit().await.unwrap(), newest);
    let transaction = lake.begin().await.unwrap();
    insert(&transaction, t, &many(0, 50)).await;
    transaction.rollback().await;
    assert_eq!(lake.latest().await.unwrap().id(), newest);
    let data = place.path().join("lake/data/main/t");
    assert_eq!(std::fs::read_dir(data).unwrap().count(), 0);
    // A writer that is not finished has done nothing.
    let transaction = lake.begin().await.unwrap();
    let mut writer = transaction.write(t).await.unwrap();
    let rows = batch(&writer, &many(0, 50));
    writer.append(rows).await.unwrap();
    drop(writer);
    assert!(!transaction.is_changed());
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_and_changes_nothing() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let mut new = table("t");
    new.keys = vec![("pk".to_owned(), true, vec!["k".to_owned()])];
    let t = with_table(&lake, new).await;
    let transaction = lake.begin().await.unwrap();
    let refuse = |definition: Definition, words: &str| {
        let error = transaction.define(definition).unwrap_err().to_string();
        assert!(error.contains(words), "{error}");
    };
    let column = |name: &str| name.to_owned();
    let rename = |from: &str, to: &str| Definition::RenameColumn {
        table: t,
        column: from.to_owned(),
        to: to.to_owned(),
    };
    refuse(rename("v", "K"), "upper and lower case");
    refuse(rename("nope", "x"), "does not exist");
    refuse(rename("v", "_DuckLake_internal_row_id"), "keeps for itself");
    let drop_column = Definition::DropColumn {
        table: t,
        column: column("k"),
    };
    refuse(drop_column, "part of the key");
    let narrow = Definition::SetType {
        table: t,
        column: column("k"),
        data_type: DataType::Int32,
    };
    refuse(narrow, "cannot become Int32");
    let nullable = Definition::SetNotNull {
        table: t,
        column: column("k"),
        not_null: false,
    };
    refuse(nullable, "primary key");
    let error = transaction.create_table(table("T")).unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    assert!(!transaction.is_changed());
    let mut writer = transaction.write(t).await.unwrap();
    let schema = Arc::clone(&writer.table().table().arrow);
    let schema = Arc::new(arrow::datatypes::Schema::new(vec![
        schema.field(0).clone().with_nullable(true),
        schema.field(1).clone(),
    ]));
    let k: ArrayRef = Arc::new(Int64Array::from(vec![Some(1), None]));
    let v: ArrayRef = Arc::new(StringArray::from(vec!["a", "b"]));
    let nulls = RecordBatch::try_new(schema, vec![k, v]).unwrap();
    let error = writer.append(nulls).await.unwrap_err().to_string();
    assert!(
        error.contains("\"k\"") && error.contains("row 2"),
        "{error}"
    );
}

#[tokio::test]
async fn a_row_is_updated_once_by_a_statement() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let t = with_table(&lake, table("t")).await;
    let transaction = lake.begin().await.unwrap();
    insert(&transaction, t, &many(0, 20)).await;
    let mut writer = transaction.write(t).await.unwrap();
    let twice = batch(&writer, &[row(1, "a"), row(1, "b")]);
    let ids = Int64Array::from(vec![None, None]);
    let error = writer.update(&vec![1, 1].into(), &ids, twice).await;
    assert!(matches!(error, Err(Error::Invalid { .. })), "{error:?}");
    let beyond = arrow::array::PrimitiveArray::<UInt64Type>::from(vec![20]);
    assert!(writer.delete(&beyond).is_err());
}

#[tokio::test]
async fn many_small_statements_are_joined() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let t = with_table(&lake, table("t")).await;
    let transaction = lake.begin().await.unwrap();
    for k in 0..1500 {
        insert(&transaction, t, &[row(k, "x")]).await;
    }
    let staged = transaction.snapshot();
    let table = staged.table("main", "t").await.unwrap().unwrap();
    assert!(table.content().parts.len() < 20);
    transaction.commit().await.unwrap();
    let seen = rows(&lake.latest().await.unwrap(), "t").await;
    let all: Vec<Row> = (0..1500).map(|k| row(k, "x")).collect();
    assert_eq!(seen, all);
}

#[tokio::test]
async fn files_are_begun_anew_when_they_are_large() {
    let mut place = Place::new();
    place.config.lake.target_file_bytes = 1 << 20;
    let lake = place.open().await.unwrap();
    let t = with_table(&lake, table("t")).await;
    let transaction = lake.begin().await.unwrap();
    let mut writer = transaction.write(t).await.unwrap();
    for at in 0..40 {
        let some = (0..8192).map(|k| {
            let k = at * 8192 + k;
            row(k, &uuid::Uuid::new_v4().to_string())
        });
        let some = batch(&writer, &some.collect::<Vec<_>>());
        writer.append(some).await.unwrap();
    }
    assert_eq!(writer.finish().await.unwrap().appended, 40 * 8192);
    transaction.commit().await.unwrap();
    let (files, inlined) = parts(&lake, "t").await;
    assert!(files > 5 && inlined == 0, "{files}");
    assert_eq!(
        rows::rows(&lake.latest().await.unwrap(), "t").await.len(),
        40 * 8192
    );
}
