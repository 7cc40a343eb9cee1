//! Flushes move rows out of the catalog and nothing else; the newest snapshots stay.

use godwit_lake::{Compacted, Expired, Expiry, Scope};

use crate::history::many;
use crate::maintenance::{commit_rows, files};
use crate::rows::{rows, table, with_table};
use crate::support::Place;

#[tokio::test]
async fn only_the_newest_snapshots_are_kept() {
    let mut place = Place::new();
    place.config.lake.max_snapshots = 2;
    let lake = place.open().await.unwrap();
    with_table(&lake, table("t")).await;
    for at in 0..6 {
        commit_rows(&lake, "t", at * 10, at * 10 + 5).await;
    }
    let numbers = async || {
        let snapshots = lake.snapshots().await.unwrap();
        let ids: Vec<_> = snapshots.iter().map(|snapshot| snapshot.id.0).collect();
        ids
    };
    let done = lake.expire(&Expiry::Keep(3)).await.unwrap();
    assert_eq!((done.snapshots, numbers().await), (5, vec![5, 6, 7]));
    let done = lake.expire(&Expiry::Keep(100)).await.unwrap();
    assert_eq!(done, Expired::default());
    let done = lake.maintain().await.unwrap();
    assert_eq!((done.expired.snapshots, numbers().await), (1, vec![6, 7]));
}

#[tokio::test]
async fn a_flush_leaves_files_alone() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    with_table(&lake, table("t")).await;
    commit_rows(&lake, "t", 0, 30).await;
    commit_rows(&lake, "t", 30, 60).await;
    let data = place.path().join("lake/data");
    let before = files(&data);
    assert_eq!(lake.flush(&Scope::All).await.unwrap(), Compacted::default());
    commit_rows(&lake, "t", 60, 63).await;
    commit_rows(&lake, "t", 63, 65).await;
    let done = lake.flush(&Scope::All).await.unwrap();
    assert_eq!(
        (done.flushed_rows, done.files, done.written_files),
        (5, 0, 1)
    );
    assert!(before.is_subset(&files(&data)));
    let newest = lake.snapshots().await.unwrap().pop().unwrap();
    assert_eq!(newest.changes, "inline_flush:1");
    assert_eq!(rows(&lake.latest().await.unwrap(), "t").await, many(0, 65));
    assert_eq!(lake.flush(&Scope::All).await.unwrap(), Compacted::default());
}
