//! Groups of commits, as they come when many clients write: made by hand, so that it is certain who is with whom.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Int64Type};
use datafusion::execution::runtime_env::RuntimeEnv;
use godwit_config::Config;
use tempfile::TempDir;

use super::{Group, Memory};
use crate::commit::{self, Ready};
use crate::{Error, Lake, NewColumn, NewTable, Rows, SnapshotId, TableId, Transaction};

struct Place {
    dir: TempDir,
    lake: Lake,
    group: Group,
}

async fn open(dir: &TempDir) -> Lake {
    let runtime = Arc::new(RuntimeEnv::default());
    Lake::open(&Config::default(), dir.path(), runtime)
        .await
        .unwrap()
}

impl Place {
    async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let lake = open(&dir).await;
        let group = Group {
            database: lake.inner.database.clone(),
            memory: Memory::default(),
        };
        Self { dir, lake, group }
    }

    async fn table(&self, name: &str, keys: &[&str]) -> TableId {
        let column = |name: &str, data_type| NewColumn {
            field: Field::new(name, data_type, true),
            default: None,
            initial: None,
        };
        let transaction = self.lake.begin().await.unwrap();
        let keys = keys
            .iter()
            .map(|key| ("pk".to_owned(), true, vec![(*key).to_owned()]));
        let new = NewTable {
            schema: "main".to_owned(),
            name: name.to_owned(),
            columns: vec![column("k", DataType::Int64), column("v", DataType::Utf8)],
            keys: keys.collect(),
            replace: false,
        };
        transaction.create_table(new).unwrap();
        transaction.commit().await.unwrap();
        let state = Arc::clone(self.lake.latest().await.unwrap().state());
        state.table("main", name).unwrap().id
    }

    /// A transaction that has added a row to a table.
    async fn adding(&self, table: TableId, k: i64) -> Transaction {
        let transaction = self.lake.begin().await.unwrap();
        let mut writer = transaction.write(table).await.unwrap();
        let schema = Arc::clone(&writer.table().table().arrow);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(Int64Array::from(vec![k])),
            Arc::new(StringArray::from(vec![format!("v{k}")])),
        ];
        let batch = RecordBatch::try_new(schema, columns).unwrap();
        writer.append(batch).await.unwrap();
        writer.finish().await.unwrap();
        transaction
    }

    /// Commits these together.
    async fn commit(&mut self, transactions: Vec<Transaction>) -> Vec<Result<SnapshotId, Error>> {
        let mut group: Vec<Ready> = Vec::new();
        for transaction in &transactions {
            group.push(commit::ready(&transaction.inner).await.unwrap().unwrap());
        }
        self.group.commit(&group).await
    }

    fn sql(&self, sql: &str) {
        let file = self.dir.path().join("lake/catalog.sqlite");
        let connection = rusqlite::Connection::open(file).unwrap();
        connection.execute_batch(sql).unwrap();
    }
}

/// Keys and row ids of a table, and the version of its content.
async fn content(lake: &Lake, table: &str) -> (Vec<(i64, i64)>, u64) {
    let latest = lake.latest().await.unwrap();
    let table = latest.table("main", table).await.unwrap().unwrap();
    let mut rows = Vec::new();
    for part in &table.content().parts {
        let Rows::Inlined(part) = &part.rows else {
            panic!("{part:?}");
        };
        let keys = part.batch.column(0).as_primitive::<Int64Type>().values();
        let ids = part.row_ids.as_ref().unwrap().values();
        rows.extend(keys.iter().copied().zip(ids.iter().copied()));
    }
    (rows, table.version())
}

fn is_conflict(outcome: &Result<SnapshotId, Error>) -> bool {
    matches!(outcome, Err(Error::Conflict { .. }))
}

#[tokio::test]
async fn each_is_a_snapshot_of_its_own_and_what_is_remembered_is_what_would_be_read() {
    let mut place = Place::new().await;
    let (t, u) = (place.table("t", &[]).await, place.table("u", &[]).await);
    let base = place.lake.latest().await.unwrap().id().0;
    let mut expected = Vec::new();
    for round in 0..4 {
        let k = round * 10;
        let mut group = Vec::new();
        for (table, k) in [(t, k), (t, k + 1), (u, k), (t, k + 2)] {
            group.push(place.adding(table, k).await);
        }
        let done = place.commit(group).await;
        let first = base + 1 + round * 4;
        let snapshots: Vec<_> = done.into_iter().map(|done| done.unwrap().0).collect();
        assert_eq!(snapshots, (first..first + 4).collect::<Vec<_>>());
        expected.extend((k..k + 3).zip(round * 3..));
        let (rows, version) = content(&place.lake, "t").await;
        assert_eq!(rows, expected);
        let again = open(&place.dir).await;
        assert_eq!(content(&again, "t").await, (rows, version));
        assert_eq!(content(&again, "u").await, content(&place.lake, "u").await);
    }
    let infos = place.lake.snapshots().await.unwrap();
    assert_eq!(infos.last().unwrap().changes, format!("inlined_insert:{t}"));
    // Each snapshot has what it had: the second commit of the second group.
    let at = crate::At::Version(SnapshotId(base + 6));
    let then = place.lake.at(at).await.unwrap();
    let then = then.table("main", "t").await.unwrap().unwrap();
    assert_eq!(then.content().rows(), 5);
}

#[tokio::test]
async fn what_is_in_conflict_with_another_of_its_group_fails_alone() {
    let mut place = Place::new().await;
    let (keyed, plain) = (
        place.table("keyed", &["k"]).await,
        place.table("plain", &[]).await,
    );
    let group = vec![
        place.adding(keyed, 1).await,
        place.adding(keyed, 2).await,
        place.adding(plain, 3).await,
    ];
    let done = place.commit(group).await;
    assert!(
        done[0].is_ok() && is_conflict(&done[1]) && done[2].is_ok(),
        "{done:?}"
    );
    assert_eq!(done[2].as_ref().unwrap().0, done[0].as_ref().unwrap().0 + 1);
    assert_eq!(content(&place.lake, "keyed").await.0, [(1, 0)]);
    assert_eq!(content(&place.lake, "plain").await.0, [(3, 0)]);
    // What was thought of the row ids of the one that failed is forgotten.
    let done = vec![place.adding(keyed, 4).await];
    assert!(place.commit(done).await[0].is_ok());
    assert_eq!(content(&place.lake, "keyed").await.0, [(1, 0), (4, 1)]);
}

#[tokio::test]
async fn what_the_database_refuses_takes_no_other_with_it() {
    // ABORT ends the statement, ROLLBACK all that the transaction has done before it.
    for how in ["ABORT", "ROLLBACK"] {
        let mut place = Place::new().await;
        let t = place.table("t", &[]).await;
        let first = vec![place.adding(t, 0).await];
        assert!(place.commit(first).await[0].is_ok());
        let latest = place.lake.latest().await.unwrap();
        let table = latest.table("main", "t").await.unwrap().unwrap();
        let Rows::Inlined(rows) = &table.content().parts[0].rows else {
            panic!("{table:?}");
        };
        place.sql(&format!(
            "CREATE TRIGGER refuse BEFORE INSERT ON {} WHEN NEW.k = 13 BEGIN SELECT RAISE({how}, 'thirteen'); END",
            rows.table.as_deref().unwrap()
        ));
        let mut group = Vec::new();
        for k in [1, 13, 2] {
            group.push(place.adding(t, k).await);
        }
        let done = place.commit(group).await;
        assert!(
            done[0].is_ok() && done[1].is_err() && done[2].is_ok(),
            "{how}: {done:?}"
        );
        let (rows, version) = content(&place.lake, "t").await;
        assert_eq!(rows, [(0, 0), (1, 1), (2, 2)], "{how}");
        let again = open(&place.dir).await;
        assert_eq!(content(&again, "t").await, (rows, version), "{how}");
        assert!(again.snapshots().await.unwrap().len() == 5, "{how}");
    }
}

#[tokio::test]
async fn what_others_write_is_not_overlooked() {
    let mut place = Place::new().await;
    let t = place.table("t", &["k"]).await;
    for k in 0..2 {
        let group = vec![place.adding(t, k).await];
        assert!(place.commit(group).await[0].is_ok());
    }
    // As DuckDB does: rows of its own, with row ids, in a snapshot of its own.
    let late = place.adding(t, 2).await;
    place.sql(&format!(
        "UPDATE ducklake_table_stats SET next_row_id = next_row_id + 100 WHERE table_id = {t};
         INSERT INTO ducklake_snapshot SELECT snapshot_id + 1, snapshot_time, schema_version, next_catalog_id, next_file_id + 1
         FROM ducklake_snapshot ORDER BY snapshot_id DESC LIMIT 1;
         INSERT INTO ducklake_snapshot_changes(snapshot_id, changes_made)
         SELECT MAX(snapshot_id), 'inserted_into_table:{t}' FROM ducklake_snapshot"
    ));
    let done = place.commit(vec![late]).await;
    assert!(is_conflict(&done[0]), "{done:?}");
    let again = vec![place.adding(t, 2).await];
    assert!(place.commit(again).await[0].is_ok());
    assert_eq!(
        content(&place.lake, "t").await.0,
        [(0, 0), (1, 1), (2, 102)]
    );
}

#[tokio::test]
async fn statistics_of_a_table_are_those_of_all_commits() {
    let mut place = Place::new().await;
    let t = place.table("t", &[]).await;
    for k in [5, 3, 9] {
        let group = vec![place.adding(t, k).await, place.adding(t, k * 10).await];
        assert!(place.commit(group).await.iter().all(Result::is_ok));
    }
    // A change of the table between them, through the lake's own thread.
    let transaction = place.lake.begin().await.unwrap();
    let comment = crate::Definition::RenameTable {
        table: t,
        to: "renamed".to_owned(),
    };
    transaction.define(comment).unwrap();
    transaction.commit().await.unwrap();
    let group = vec![place.adding(t, 1).await, place.adding(t, 2).await];
    assert!(place.commit(group).await.iter().all(Result::is_ok));
    let sql =
        format!("SELECT record_count, next_row_id FROM ducklake_table_stats WHERE table_id = {t}");
    let rows = place.lake.inner.database.query(&sql, &[]).await.unwrap();
    assert_eq!((rows[0].int(0).unwrap(), rows[0].int(1).unwrap()), (8, 8));
    let sql = format!(
        "SELECT min_value, max_value, contains_null FROM ducklake_table_column_stats WHERE table_id = {t} ORDER BY column_id"
    );
    let rows = place.lake.inner.database.query(&sql, &[]).await.unwrap();
    let bounds = |row: &crate::database::Row| {
        (
            row.text(0).unwrap().to_owned(),
            row.text(1).unwrap().to_owned(),
        )
    };
    assert_eq!(bounds(&rows[0]), ("1".to_owned(), "90".to_owned()));
    assert_eq!(bounds(&rows[1]), ("v1".to_owned(), "v90".to_owned()));
    assert_eq!(rows[0].int(2).unwrap(), 0);
}
