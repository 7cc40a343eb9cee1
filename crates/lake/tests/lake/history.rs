//! A table with a history of every kind of change, and what each snapshot of it says.

use std::collections::BTreeMap;

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::prelude::{SessionConfig, SessionContext};
use godwit_lake::{At, Lake, SnapshotId, TableId};

use crate::rows::{Row, delete, insert, row, table, update, with_table};
use crate::support::{Place, runtime};

/// Rows of a table by their row ids.
pub(crate) type Rows = BTreeMap<i64, Row>;

pub(crate) fn many(from: i64, to: i64) -> Vec<Row> {
    (from..to).map(|k| row(k, &format!("v{k:05}"))).collect()
}

/// Makes a table of files and of rows in the catalog, all of them changed.
pub(crate) async fn eventful(lake: &Lake, name: &str) -> TableId {
    let t = with_table(lake, table(name)).await;
    for from in [0, 100, 200] {
        let transaction = lake.begin().await.unwrap();
        insert(&transaction, t, &many(from, from + 50)).await;
        transaction.commit().await.unwrap();
    }
    let transaction = lake.begin().await.unwrap();
    insert(&transaction, t, &many(1000, 1005)).await;
    transaction.commit().await.unwrap();
    // Few rows and many, of files and of the catalog, the same ones again.
    for (version, from, to) in [
        ("a", 3, 5),
        ("b", 10, 40),
        ("c", 1000, 1002),
        ("d", 4, 12),
        ("e", 1001, 1003),
    ] {
        let transaction = lake.begin().await.unwrap();
        update(&transaction, t, version, |k| (from..to).contains(&k)).await;
        transaction.commit().await.unwrap();
    }
    for (from, to) in [(4, 6), (110, 140), (1002, 1004)] {
        let transaction = lake.begin().await.unwrap();
        delete(&transaction, t, |k| (from..to).contains(&k)).await;
        transaction.commit().await.unwrap();
    }
    // All at once.
    let transaction = lake.begin().await.unwrap();
    insert(&transaction, t, &many(2000, 2030)).await;
    update(&transaction, t, "f", |k| k < 2 || k == 2001).await;
    delete(&transaction, t, |k| k == 48 || k == 2002).await;
    transaction.commit().await.unwrap();
    t
}

/// The rows of a table at a snapshot; none where it does not exist.
pub(crate) async fn rows_at(lake: &Lake, name: &str, at: SnapshotId) -> Rows {
    let snapshot = lake.at(At::Version(at)).await.unwrap();
    let Some(table) = snapshot.table("main", name).await.unwrap() else {
        return Rows::new();
    };
    let session = SessionContext::new_with_config_rt(SessionConfig::new(), runtime());
    let frame = session.read_table(table.numbered("#n", "#r")).unwrap();
    let mut all = Rows::new();
    for batch in frame.collect().await.unwrap() {
        let ids = batch.column(1).as_primitive::<Int64Type>();
        let k = batch.column(2).as_primitive::<Int64Type>();
        let v = arrow::compute::cast(batch.column(3), &DataType::Utf8).unwrap();
        let v = v.as_string::<i32>();
        for at in 0..batch.num_rows() {
            let v = v.is_valid(at).then(|| v.value(at).to_owned());
            let row = Row { k: k.value(at), v };
            assert!(ids.is_valid(at));
            assert_eq!(all.insert(ids.value(at), row), None, "a row id twice");
        }
    }
    all
}

/// What every snapshot says of a table.
pub(crate) async fn all(lake: &Lake, name: &str) -> BTreeMap<i64, Rows> {
    let mut all = BTreeMap::new();
    for snapshot in lake.snapshots().await.unwrap() {
        all.insert(snapshot.id.0, rows_at(lake, name, snapshot.id).await);
    }
    all
}

#[tokio::test]
async fn what_is_forgotten_is_read_again() {
    let mut place = Place::new();
    let lake = place.open().await.unwrap();
    eventful(&lake, "t").await;
    let expected = all(&lake, "t").await;
    drop(lake);
    place.config.lake.cache_bytes = 1;
    place.config.lake.cached_definitions = 1;
    let lake = place.open().await.unwrap();
    for _ in 0..2 {
        assert_eq!(all(&lake, "t").await, expected);
    }
}
