//! Both databases behave in one way.

mod proxy;
#[path = "../../tests/lake/postgres.rs"]
mod server;

use std::time::Duration;

use tempfile::TempDir;
use tokio::time::timeout;

use super::{Database, Dialect, Row, Value};
use crate::Error;
use proxy::{Cut, Proxy};
use server::Postgres;

const SOON: Duration = Duration::from_millis(200);

async fn sqlite(dir: &TempDir) -> Database {
    let database = Database::sqlite(&dir.path().join("c.sqlite"))
        .await
        .unwrap();
    prepared(database).await
}

async fn postgres(url: &str) -> Database {
    prepared(Database::postgres(url).await.unwrap()).await
}

/// With the table that a write waits for, and one to write to.
async fn prepared(database: Database) -> Database {
    let mut writing = database.found().await.unwrap();
    for sql in [
        "CREATE TABLE ducklake_snapshot(id BIGINT PRIMARY KEY)",
        match database.dialect() {
            Dialect::Sqlite => {
                "CREATE TABLE v(i BIGINT, b BIGINT, t VARCHAR, r DOUBLE, x BLOB, u VARCHAR, z VARCHAR, n BIGINT)"
            }
            Dialect::Postgres => {
                "CREATE TABLE v(i BIGINT, b BOOLEAN, t VARCHAR, r DOUBLE PRECISION, x BYTEA, u UUID, z TIMESTAMPTZ, n INT)"
            }
        },
    ] {
        writing.execute(sql, &[]).await.unwrap();
    }
    writing.commit().await.unwrap();
    database.settle().await.unwrap();
    database
}

async fn add(database: &Database, id: i64) -> Result<(), Error> {
    let mut writing = database.write().await?;
    let sql = "INSERT INTO ducklake_snapshot VALUES ($1)";
    assert_eq!(writing.execute(sql, &[id.into()]).await?, 1);
    writing.commit().await
}

async fn ids(database: &Database) -> Vec<i64> {
    let sql = "SELECT id FROM ducklake_snapshot ORDER BY id";
    let rows = database.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.int(0).unwrap()).collect()
}

#[tokio::test]
async fn sqlite_behaves() {
    let dir = TempDir::new().unwrap();
    behaves(&sqlite(&dir).await).await;
}

#[tokio::test]
async fn postgresql_behaves() {
    let server = Postgres::start();
    behaves(&postgres(&server.database("d")).await).await;
}

async fn behaves(database: &Database) {
    values(database).await;
    transactions(database).await;
    abandoned(database).await;
    mistakes(database).await;
}

async fn values(database: &Database) {
    let dialect = database.dialect();
    let (uuid, time) = (dialect.uuid(6), dialect.timestamp(7));
    let sql = format!("INSERT INTO v VALUES ($1, $2, $3, $4, $5, {uuid}, {time}, $8)");
    let given = vec![
        i64::MIN.into(),
        true.into(),
        "día '\"$1".into(),
        (-0.5).into(),
        Value::Blob(vec![0, 255, b'a']),
        "01a1fe5e-afd3-7801-95c3-3e1bc0ae607c".into(),
        "2026-11-21 13:49:40.5764+00".into(),
        Value::Null,
    ];
    let mut writing = database.write().await.unwrap();
    assert_eq!(writing.execute(&sql, &given).await.unwrap(), 1);
    assert_eq!(writing.execute(&sql, &given).await.unwrap(), 1);
    let update = "UPDATE v SET n = $1";
    assert_eq!(writing.execute(update, &[7.into()]).await.unwrap(), 2);
    writing.commit().await.unwrap();
    let sql = "SELECT i, b, t, r, x, u, z, $1 FROM v WHERE n = $2 AND b = $3 LIMIT 1";
    let sql = sql.replace("$1", &dialect.cast(1, "VARCHAR"));
    let asked = [Value::Null, 7.into(), true.into()];
    assert_eq!(database.query(&sql, &asked).await.unwrap(), [Row(given)]);

    // Bytes as text, there and back.
    let (from, to) = (dialect.text("x"), dialect.cast(1, blob(dialect)));
    let sql = format!("SELECT {from}, {} FROM v LIMIT 1", dialect.text("i"));
    let row = &database.query(&sql, &[]).await.unwrap()[0];
    assert_eq!(row.text(0).unwrap(), "\\x00ff61");
    assert_eq!(row.text(1).unwrap(), i64::MIN.to_string());
    let sql = format!("SELECT count(*) FROM v WHERE x = {to}");
    let rows = database.query(&sql, &["\\x00ff61".into()]).await.unwrap();
    assert_eq!(rows[0].int(0).unwrap(), 2);
}

fn blob(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => "BLOB",
        Dialect::Postgres => "BYTEA",
    }
}

/// A reading stays at its moment, a second write waits for the first, a rollback leaves nothing.
async fn transactions(database: &Database) {
    add(database, 1).await.unwrap();
    let mut reading = database.read().await.unwrap();
    let count = "SELECT count(*) FROM ducklake_snapshot";
    let before = reading.query(count, &[]).await.unwrap();
    let mut first = database.write().await.unwrap();
    let insert = "INSERT INTO ducklake_snapshot VALUES ($1)";
    first.execute(insert, &[2.into()]).await.unwrap();
    assert!(timeout(SOON, database.write()).await.is_err());
    assert_eq!(ids(database).await, [1]);
    first.commit().await.unwrap();
    assert_eq!(ids(database).await, [1, 2]);
    assert_eq!(reading.query(count, &[]).await.unwrap(), before);
    drop(reading);

    let mut writing = database.write().await.unwrap();
    writing.execute(insert, &[3.into()]).await.unwrap();
    let seen = writing.query(count, &[]).await.unwrap();
    assert_eq!(seen[0].int(0).unwrap(), 3);
    writing.rollback().await.unwrap();
    assert_eq!(ids(database).await, [1, 2]);
}

/// What is dropped half-way is rolled back, and its connection is as new.
async fn abandoned(database: &Database) {
    let insert = "INSERT INTO ducklake_snapshot VALUES ($1)";
    let mut writing = database.write().await.unwrap();
    writing.execute(insert, &[4.into()]).await.unwrap();
    drop(writing);
    // Given up in the middle of a call.
    let mut writing = database.write().await.unwrap();
    let parameters = [5.into()];
    let call = writing.execute(insert, &parameters);
    let _ = timeout(Duration::ZERO, call).await;
    drop(writing);
    add(database, 6).await.unwrap();
    assert_eq!(ids(database).await, [1, 2, 6]);
}

async fn mistakes(database: &Database) {
    let twice = add(database, 6).await.unwrap_err();
    assert!(matches!(twice, Error::Conflict { .. }), "{twice:?}");
    let missing = database.query("SELECT a FROM no_such_table", &[]).await;
    assert!(matches!(missing, Err(Error::Broken { .. })), "{missing:?}");
    let unbound = database.query("SELECT $1", &[]).await;
    assert!(
        matches!(unbound, Err(Error::Internal { .. })),
        "{unbound:?}"
    );
    add(database, 7).await.unwrap();
    assert_eq!(ids(database).await, [1, 2, 6, 7]);
}

#[tokio::test]
async fn a_full_disk_is_told_and_gone_when_there_is_room() {
    let dir = TempDir::new().unwrap();
    let database = sqlite(&dir).await;
    // The limit is the connection's, and there is one for writing.
    let mut writing = database.write().await.unwrap();
    writing
        .query("PRAGMA max_page_count = 20", &[])
        .await
        .unwrap();
    let sql = "INSERT INTO v(t) VALUES ($1)";
    let text = Value::Text("x".repeat(1 << 20));
    let why = writing
        .execute(sql, std::slice::from_ref(&text))
        .await
        .unwrap_err();
    assert!(matches!(why, Error::Full { .. }), "{why:?}");
    writing.rollback().await.unwrap();
    let mut writing = database.write().await.unwrap();
    writing
        .query("PRAGMA max_page_count = 2000", &[])
        .await
        .unwrap();
    writing.execute(sql, &[text]).await.unwrap();
    writing.commit().await.unwrap();
    let rows = database.query("SELECT count(*) FROM v", &[]).await.unwrap();
    assert_eq!(rows[0].int(0).unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_went_away_and_came_back_is_used_again() {
    let mut server = Postgres::start();
    let database = postgres(&server.database("d")).await;
    add(&database, 1).await.unwrap();
    server.crash();
    let why = database.query("SELECT 1", &[]).await.unwrap_err();
    assert!(matches!(why, Error::Unavailable { .. }), "{why:?}");
    server.resume();
    assert_eq!(ids(&database).await, [1]);

    let mut writing = database.write().await.unwrap();
    let insert = "INSERT INTO ducklake_snapshot VALUES ($1)";
    writing.execute(insert, &[2.into()]).await.unwrap();
    server.crash();
    let why = writing.commit().await.unwrap_err();
    assert!(matches!(why, Error::Unavailable { .. }), "{why:?}");
    server.resume();
    assert_eq!(ids(&database).await, [1]);
    add(&database, 3).await.unwrap();
    assert_eq!(ids(&database).await, [1, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_whose_answer_is_lost_is_asked_after() {
    let server = Postgres::start();
    let url = server.database("d");
    for (cut, outcome) in [
        (Cut::AfterCommit, Some(true)),
        (Cut::BeforeCommit, Some(false)),
        (Cut::ForGood, None),
    ] {
        server.sql("d", "DROP TABLE IF EXISTS ducklake_snapshot, v");
        let proxy = Proxy::start(&url).await;
        let database = postgres(&proxy.url(&url)).await;
        proxy.cut(cut);
        let result = add(&database, 1).await;
        let there = server.sql("d", "SELECT count(*) FROM ducklake_snapshot");
        match outcome {
            Some(true) => result.unwrap(),
            Some(false) => {
                let why = result.unwrap_err();
                assert!(matches!(why, Error::Unavailable { .. }), "{why:?}");
                assert!(!why.is_in_doubt(), "{why}");
            }
            None => assert!(result.unwrap_err().is_in_doubt()),
        }
        assert_eq!(there == "1", outcome != Some(false), "{cut:?}");
    }
}
