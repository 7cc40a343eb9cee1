//! Maintenance changes nothing that a kept snapshot says, and removes what no snapshot needs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use godwit_lake::{
    At, Budget, Cleaned, Compacted, Definition, Error, Expired, Expiry, Lake, Restored, Scope,
    SnapshotId,
};

use crate::history::{all, eventful, many, rows_at};
use crate::rows::{delete, insert, row, rows, table, update, with_table};
use crate::support::Place;

/// Parquet files below a directory.
pub(crate) fn files(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(directory).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.to_str().unwrap().to_owned());
        }
    }
    found
}

pub(crate) async fn commit_rows(lake: &Lake, name: &str, from: i64, to: i64) {
    let t = crate::rows::id(lake, name).await;
    let transaction = lake.begin().await.unwrap();
    insert(&transaction, t, &many(from, to)).await;
    transaction.commit().await.unwrap();
}

async fn all_but_newest(lake: &Lake) -> Expiry {
    let snapshots = lake.snapshots().await.unwrap();
    Expiry::Versions(snapshots.iter().map(|snapshot| snapshot.id).collect())
}

#[tokio::test]
async fn compaction_keeps_every_snapshot() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    eventful(&lake, "t").await;
    let mut before = all(&lake, "t").await;
    let newest = lake.latest().await.unwrap();
    let live = rows_at(&lake, "t", newest.id()).await;
    let done = lake.compact(&Scope::All, Budget::THOROUGH).await.unwrap();
    assert_eq!((done.tables, done.postponed), (1, 0));
    assert_eq!(
        (done.written_files, done.written_rows),
        (1, live.len() as u64)
    );
    assert!(done.files > 3 && done.flushed_rows > 3 && done.bytes > done.written_bytes);
    let info = lake.snapshots().await.unwrap().pop().unwrap();
    assert_eq!(info.id.0, newest.id().0 + 1);
    assert!(
        info.changes.contains("merge_adjacent:1"),
        "{}",
        info.changes
    );
    before.insert(info.id.0, live);
    assert_eq!(all(&lake, "t").await, before);
    let compacted = lake.latest().await.unwrap();
    let content = compacted.table("main", "t").await.unwrap().unwrap();
    assert_eq!(content.content().parts.len(), 1);
    // There is nothing more to do, and no snapshot is made for it.
    let again = lake.compact(&Scope::All, Budget::THOROUGH).await.unwrap();
    assert_eq!(again, Compacted::default());
    assert_eq!(lake.latest().await.unwrap().id(), info.id);
    drop(lake);
    let lake = place.open().await.unwrap();
    assert_eq!(all(&lake, "t").await, before);
    // Rows go on from there.
    commit_rows(&lake, "t", 5000, 5100).await;
    let t = crate::rows::id(&lake, "t").await;
    let transaction = lake.begin().await.unwrap();
    update(&transaction, t, "z", |k| k == 20 || k == 5050).await;
    delete(&transaction, t, |k| k == 21).await;
    transaction.commit().await.unwrap();
    let newest = rows_at(&lake, "t", lake.latest().await.unwrap().id()).await;
    assert_eq!(newest.len(), before[&info.id.0].len() + 99);
}

#[tokio::test]
async fn compaction_gives_way_to_users() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    for name in ["t", "u"] {
        with_table(&lake, table(name)).await;
        for from in [0, 100] {
            commit_rows(&lake, name, from, from + 50).await;
        }
    }
    let t = crate::rows::id(&lake, "t").await;
    let user = lake.begin().await.unwrap();
    delete(&user, t, |k| k < 10).await;
    let done = lake.compact(&Scope::All, Budget::THOROUGH).await.unwrap();
    assert_eq!((done.tables, done.postponed, done.files), (1, 1, 2));
    user.commit().await.unwrap();
    let done = lake.compact(&Scope::All, Budget::THOROUGH).await.unwrap();
    assert_eq!((done.tables, done.written_rows), (1, 90));
    let missing = Scope::Table("main".to_owned(), "x".to_owned());
    let missing = lake.compact(&missing, Budget::THOROUGH).await;
    assert!(matches!(missing, Err(Error::NotFound { .. })));
}

#[tokio::test]
async fn unasked_only_what_is_worth_it_is_joined_in_time() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    with_table(&lake, table("t")).await;
    let unasked = Budget {
        until: None,
        thorough: false,
    };
    for from in 0..7 {
        commit_rows(&lake, "t", from * 100, from * 100 + 20).await;
    }
    let done = lake.compact(&Scope::All, unasked).await.unwrap();
    assert_eq!(done, Compacted::default());
    commit_rows(&lake, "t", 700, 720).await;
    let over = Budget {
        until: Some(Instant::now()),
        ..unasked
    };
    let done = lake.compact(&Scope::All, over).await.unwrap();
    assert_eq!(done, Compacted::default());
    let done = lake.compact(&Scope::All, unasked).await.unwrap();
    assert_eq!((done.files, done.written_rows), (8, 160));
}

#[tokio::test]
async fn what_only_expired_snapshots_needed_goes() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let data = place.path().join("lake/data");
    eventful(&lake, "t").await;
    eventful(&lake, "gone").await;
    let gone = crate::rows::id(&lake, "gone").await;
    let transaction = lake.begin().await.unwrap();
    transaction
        .define(Definition::DropTable { table: gone })
        .unwrap();
    transaction.commit().await.unwrap();
    let kept = SnapshotId(lake.latest().await.unwrap().id().0 - 1);
    let done = lake.compact(&Scope::All, Budget::THOROUGH).await.unwrap();
    assert_eq!(done.tables, 1);
    let newest = lake.latest().await.unwrap().id();
    let before = all(&lake, "t").await;
    let gone_rows = rows_at(&lake, "gone", kept).await;

    let versions = (0..kept.0).map(SnapshotId).collect();
    let done = lake.expire(&Expiry::Versions(versions)).await.unwrap();
    assert_eq!(done.snapshots, kept.0 as u64);
    assert!(done.rows > 0, "{done:?}");
    let old = lake.at(At::Version(SnapshotId(2))).await;
    assert!(matches!(old, Err(Error::NotFound { .. })));
    assert_eq!(rows_at(&lake, "t", kept).await, before[&kept.0]);
    assert_eq!(rows_at(&lake, "gone", kept).await, gone_rows);
    let there = files(&data);
    // Too young to go.
    let hour = Duration::from_hours(1);
    assert_eq!(lake.clean_up(hour).await.unwrap(), Cleaned::default());
    assert_eq!(files(&data), there);

    let all_of_them = all_but_newest(&lake).await;
    let done = lake.expire(&all_of_them).await.unwrap();
    assert!(
        done.snapshots == 2 && done.files > 3 && done.bytes > 1000,
        "{done:?}"
    );
    assert_eq!(lake.expire(&all_of_them).await.unwrap(), Expired::default());
    let cleaned = lake.clean_up(Duration::ZERO).await.unwrap();
    assert_eq!(cleaned.orphaned_files, 0);
    assert!(cleaned.expired_files >= done.files && cleaned.bytes >= done.bytes);
    assert_eq!(files(&data).len(), 1);
    assert_eq!(rows_at(&lake, "t", newest).await, before[&newest.0]);
    drop(lake);
    let lake = place.open().await.unwrap();
    assert_eq!(lake.snapshots().await.unwrap().len(), 1);
    assert_eq!(rows_at(&lake, "t", newest).await, before[&newest.0]);
    assert_eq!(
        lake.clean_up(Duration::ZERO).await.unwrap(),
        Cleaned::default()
    );
    commit_rows(&lake, "t", 7000, 7005).await;
}

#[tokio::test]
async fn a_transaction_keeps_the_snapshot_it_began_with() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    with_table(&lake, table("t")).await;
    commit_rows(&lake, "t", 0, 30).await;
    let reader = lake.begin().await.unwrap();
    commit_rows(&lake, "t", 30, 60).await;
    let done = lake.expire(&all_but_newest(&lake).await).await.unwrap();
    assert_eq!(done.snapshots, 2);
    assert_eq!(rows(&reader.snapshot(), "t").await, many(0, 30));
    assert_eq!(lake.snapshots().await.unwrap().len(), 2);
    drop(reader);
    let done = lake.expire(&all_but_newest(&lake).await).await.unwrap();
    assert_eq!(done.snapshots, 1);
}

#[tokio::test]
async fn orphans_go_and_files_in_flight_stay() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let data = place.path().join("lake/data");
    let t = with_table(&lake, table("t")).await;
    commit_rows(&lake, "t", 0, 30).await;
    let committed = files(&data);
    let user = lake.begin().await.unwrap();
    insert(&user, t, &many(100, 200)).await;
    let with_flight = files(&data);
    assert_eq!(with_flight.len(), 2);
    let orphan = data.join("main/t/ducklake-dead.parquet");
    fs::write(&orphan, b"half of a file").unwrap();
    fs::write(data.join("notes.txt"), b"not ours").unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let mut cleaned = Cleaned::default();
    while cleaned.orphaned_files == 0 && Instant::now() < deadline {
        cleaned = lake.clean_up(Duration::ZERO).await.unwrap();
    }
    let expected = Cleaned {
        orphaned_files: 1,
        bytes: 14,
        ..Cleaned::default()
    };
    assert_eq!(cleaned, expected);
    assert!(!orphan.exists() && data.join("notes.txt").exists());
    user.commit().await.unwrap();
    fs::remove_file(data.join("notes.txt")).unwrap();
    assert_eq!(files(&data), with_flight);
    lake.clean_up(Duration::ZERO).await.unwrap();
    assert_eq!(files(&data), with_flight);
    assert!(committed.is_subset(&with_flight));
    let expected = [many(0, 30), many(100, 200)].concat();
    assert_eq!(rows(&lake.latest().await.unwrap(), "t").await, expected);
}

#[tokio::test]
async fn a_round_does_everything() {
    let mut place = Place::new();
    place.config.lake.snapshot_retention = Some(Duration::from_millis(1));
    place.config.lake.orphan_grace = Duration::ZERO;
    let lake = place.open().await.unwrap();
    with_table(&lake, table("t")).await;
    for from in 0..10 {
        commit_rows(&lake, "t", from * 100, from * 100 + 20).await;
    }
    let expected = rows(&lake.latest().await.unwrap(), "t").await;
    let first = lake.maintain().await.unwrap();
    assert_eq!(
        (first.compacted.files, first.compacted.written_rows),
        (10, 200)
    );
    assert!(first.expired.snapshots >= 10, "{first:?}");
    let data = place.path().join("lake/data");
    let deadline = Instant::now() + Duration::from_secs(20);
    while files(&data).len() > 1 && Instant::now() < deadline {
        lake.maintain().await.unwrap();
    }
    assert_eq!(files(&data).len(), 1);
    assert_eq!(lake.snapshots().await.unwrap().len(), 1);
    assert_eq!(rows(&lake.latest().await.unwrap(), "t").await, expected);
}

#[tokio::test]
async fn files_go_though_other_work_takes_all_of_the_time() {
    let mut place = Place::new();
    place.config.lake.orphan_grace = Duration::ZERO;
    place.config.lake.maintenance_interval = Some(Duration::from_nanos(2));
    let lake = place.open().await.unwrap();
    with_table(&lake, table("t")).await;
    commit_rows(&lake, "t", 0, 30).await;
    let orphan = place.path().join("lake/data/main/t/ducklake-dead.parquet");
    fs::write(&orphan, b"half of a file").unwrap();
    assert_eq!(lake.maintain().await.unwrap().cleaned, Cleaned::default());
    let deadline = Instant::now() + Duration::from_secs(20);
    while orphan.exists() && Instant::now() < deadline {
        lake.maintain().await.unwrap();
    }
    assert!(!orphan.exists());
}

#[tokio::test]
async fn a_table_is_made_what_it_was() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    let t = eventful(&lake, "t").await;
    let then = lake.at(At::Version(SnapshotId(6))).await.unwrap();
    let scope = Scope::Table("main".to_owned(), "t".to_owned());
    let expected = rows(&then, "t").await;
    let transaction = lake.begin().await.unwrap();
    let done = transaction.restore(&then, &scope).await.unwrap();
    assert_eq!(done.rows, expected.len() as u64);
    assert_eq!(rows(&transaction.snapshot(), "t").await, expected);
    transaction.commit().await.unwrap();
    let now = lake.latest().await.unwrap();
    assert_eq!(now.state().table("main", "t").unwrap().id, t);
    assert_eq!(rows(&now, "t").await, expected);

    // With other columns it is made anew.
    let transaction = lake.begin().await.unwrap();
    let (column, to) = ("v".to_owned(), "w".to_owned());
    let rename = Definition::RenameColumn {
        table: t,
        column,
        to,
    };
    transaction.define(rename).unwrap();
    transaction.commit().await.unwrap();
    let transaction = lake.begin().await.unwrap();
    transaction.restore(&then, &scope).await.unwrap();
    transaction.commit().await.unwrap();
    let now = lake.latest().await.unwrap();
    let columns = &now.state().table("main", "t").unwrap().columns;
    assert_eq!(columns[1].field.name(), "v");
    assert_eq!(rows(&now, "t").await, expected);
    // What is as it was is left alone.
    let transaction = lake.begin().await.unwrap();
    let done = transaction.restore(&now, &scope).await.unwrap();
    assert_eq!(done, Restored::default());
    assert!(!transaction.is_changed());
}

#[tokio::test]
async fn the_whole_lake_is_made_what_it_was() {
    let place = Place::new();
    let lake = place.open().await.unwrap();
    for name in ["kept", "dropped"] {
        with_table(&lake, table(name)).await;
        commit_rows(&lake, name, 0, 20).await;
    }
    let view = |sql: &str| Definition::CreateView {
        schema: "main".to_owned(),
        name: "view".to_owned(),
        sql: sql.to_owned(),
        aliases: Vec::new(),
        replace: true,
    };
    let transaction = lake.begin().await.unwrap();
    transaction.define(view("SELECT 1")).unwrap();
    transaction.commit().await.unwrap();
    let then = lake.latest().await.unwrap();
    let transaction = lake.begin().await.unwrap();
    let dropped = crate::rows::id(&lake, "dropped").await;
    let drop_table = Definition::DropTable { table: dropped };
    transaction.define(drop_table).unwrap();
    transaction.define(view("SELECT 2")).unwrap();
    let name = "extra".to_owned();
    transaction
        .define(Definition::CreateSchema { name })
        .unwrap();
    transaction.commit().await.unwrap();
    let added = with_table(&lake, table("added")).await;
    let transaction = lake.begin().await.unwrap();
    insert(&transaction, added, &[row(1, "x")]).await;
    transaction.commit().await.unwrap();

    let transaction = lake.begin().await.unwrap();
    let done = transaction.restore(&then, &Scope::All).await.unwrap();
    assert_eq!((done.tables, done.rows), (1, 20));
    transaction.commit().await.unwrap();
    let now = lake.latest().await.unwrap();
    let names: Vec<_> = now.state().schemas["main"].tables.keys().collect();
    assert_eq!(names, ["dropped", "kept"]);
    assert!(!now.state().schemas.contains_key("extra"));
    assert_eq!(now.state().view("main", "view").unwrap().sql, "SELECT 1");
    for name in names {
        assert_eq!(rows(&now, name).await, many(0, 20));
    }
}
