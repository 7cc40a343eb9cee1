//! The change feed says what comparing the snapshots shows.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::prelude::{SessionConfig, SessionContext};
use godwit_lake::{Budget, Definition, Error, FEED_COLUMNS, Lake, Scope, SnapshotId};

use crate::history::{all, eventful, many};
use crate::rows::{Row, insert, row, table, update, with_table};
use crate::support::{Place, runtime};

/// Snapshot, row id, kind, row.
type Change = (i64, i64, String, Row);

async fn feed(lake: &Lake, name: &str, from: i64, to: i64) -> Result<Vec<Change>, Error> {
    let (from, to) = (SnapshotId(from), SnapshotId(to));
    let provider = lake.table_changes("main", name, from, to).await?;
    let session = SessionContext::new_with_config_rt(SessionConfig::new(), runtime());
    let frame = session.read_table(provider).unwrap();
    let mut all = Vec::new();
    for batch in frame.collect().await.unwrap() {
        let names = batch.schema();
        let names: Vec<_> = names.fields().iter().map(|f| f.name().clone()).collect();
        assert_eq!(names[..3], FEED_COLUMNS);
        let int = |at: usize| batch.column(at).as_primitive::<Int64Type>().clone();
        let text = |at: usize| arrow::compute::cast(batch.column(at), &DataType::Utf8).unwrap();
        let (snapshots, ids, kinds, k, v) = (int(0), int(1), text(2), int(3), text(4));
        for at in 0..batch.num_rows() {
            let v = v.as_string::<i32>();
            let v = v.is_valid(at).then(|| v.value(at).to_owned());
            let kind = kinds.as_string::<i32>().value(at).to_owned();
            let row = Row { k: k.value(at), v };
            all.push((snapshots.value(at), ids.value(at), kind, row));
        }
    }
    all.sort();
    Ok(all)
}

/// What the snapshots say themselves.
async fn compared(lake: &Lake, name: &str, from: i64, to: i64) -> Vec<Change> {
    let all = all(lake, name).await;
    let mut changes = Vec::new();
    for at in from.max(1)..=to {
        let (before, after) = (&all[&(at - 1)], &all[&at]);
        let mut tell = |id: &i64, kind: &str, row: &Row| {
            changes.push((at, *id, kind.to_owned(), row.clone()));
        };
        for (id, row) in before {
            match after.get(id) {
                None => tell(id, "delete", row),
                Some(new) if new != row => {
                    tell(id, "update_preimage", row);
                    tell(id, "update_postimage", new);
                }
                Some(_) => {}
            }
        }
        for (id, row) in after.iter().filter(|(id, _)| !before.contains_key(id)) {
            tell(id, "insert", row);
        }
    }
    changes.sort();
    changes
}

#[tokio::test]
async fn all_kinds_of_changes_are_told() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    eventful(&lake, "t").await;
    let newest = lake.latest().await.unwrap().id().0;
    let expected = compared(&lake, "t", 0, newest).await;
    for kind in ["insert", "delete", "update_preimage", "update_postimage"] {
        let told = expected.iter().filter(|change| change.2 == kind);
        assert!(told.count() > 30, "{kind}");
    }
    assert_eq!(feed(&lake, "t", 0, newest).await.unwrap(), expected);
    for at in 1..=newest {
        let one = feed(&lake, "t", at, at).await.unwrap();
        assert_eq!(one, compared(&lake, "t", at, at).await, "snapshot {at}");
    }
    // The same after rows were put together in other files, which is no change of them.
    let done = lake.compact(&Scope::All, Budget::THOROUGH).await.unwrap();
    assert_eq!(done.tables, 1);
    let after = lake.latest().await.unwrap().id().0;
    assert_eq!(after, newest + 1);
    assert_eq!(feed(&lake, "t", 0, after).await.unwrap(), expected);
    let transaction = lake.begin().await.unwrap();
    let t = crate::rows::id(&lake, "t").await;
    update(&transaction, t, "g", |k| (210..245).contains(&k)).await;
    transaction.commit().await.unwrap();
    let changes = feed(&lake, "t", after + 1, after + 1).await.unwrap();
    assert_eq!(changes, compared(&lake, "t", after + 1, after + 1).await);
    assert_eq!(changes.len(), 70);
}

#[tokio::test]
async fn rows_are_told_in_the_columns_of_the_end() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let t = with_table(&lake, table("t")).await;
    for rows in [many(0, 20), vec![row(50, "few")]] {
        let transaction = lake.begin().await.unwrap();
        insert(&transaction, t, &rows).await;
        transaction.commit().await.unwrap();
    }
    let transaction = lake.begin().await.unwrap();
    let (column, to) = ("v".to_owned(), "w".to_owned());
    let rename = Definition::RenameColumn {
        table: t,
        column,
        to,
    };
    transaction.define(rename).unwrap();
    transaction.commit().await.unwrap();
    let newest = lake.latest().await.unwrap().id().0;
    let changes = feed(&lake, "t", 0, newest).await.unwrap();
    assert_eq!(changes.len(), 21);
    assert_eq!(changes[20].3, row(50, "few"));
    let provider = lake.table_changes("main", "t", SnapshotId(0), SnapshotId(newest));
    let schema = provider.await.unwrap().schema();
    assert_eq!(schema.field(4).name(), "w");
}

#[tokio::test]
async fn what_cannot_be_told_is_refused() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    with_table(&lake, table("t")).await;
    let refused = |name: &'static str, from, to| {
        let lake = lake.clone();
        async move { feed(&lake, name, from, to).await.unwrap_err() }
    };
    assert!(matches!(refused("t", 1, 0).await, Error::Invalid { .. }));
    assert!(matches!(refused("t", 0, 9).await, Error::NotFound { .. }));
    assert!(matches!(refused("u", 0, 1).await, Error::NotFound { .. }));
    assert!(matches!(refused("t", 0, 0).await, Error::NotFound { .. }));
}

#[tokio::test]
async fn a_feed_of_too_many_commits_is_refused() {
    let mut place = Place::new();
    place.config.lake.max_feed_commits = 3;
    let lake = place.open().await.unwrap();
    let t = with_table(&lake, table("t")).await;
    for at in 0..5 {
        let transaction = lake.begin().await.unwrap();
        insert(&transaction, t, &[row(at, "x")]).await;
        transaction.commit().await.unwrap();
    }
    assert_eq!(feed(&lake, "t", 2, 4).await.unwrap().len(), 3);
    let error = feed(&lake, "t", 2, 6).await.unwrap_err();
    assert!(matches!(error, Error::Full { .. }), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("lake.max_feed_commits") && message.contains("up to 4"));
}
