//! What a lake looks like on disk and in its database, and what is refused there.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use godwit_lake::Error;
use rusqlite::Connection;

use crate::postgres::Postgres;
use crate::support::Place;

fn catalog(place: &Place) -> Connection {
    Connection::open(place.path().join("lake/catalog.sqlite")).unwrap()
}

fn text(catalog: &Connection, sql: &str) -> String {
    catalog.query_row(sql, [], |row| row.get(0)).unwrap()
}

fn number(catalog: &Connection, sql: &str) -> i64 {
    catalog.query_row(sql, [], |row| row.get(0)).unwrap()
}

async fn refused(place: &Place) -> Error {
    place.open().await.map(drop).unwrap_err()
}

/// Opening fails because what is there is not right, and says so in these words.
async fn broken(place: &Place, words: &str) {
    let why = refused(place).await;
    assert!(matches!(why, Error::Broken { .. }), "{why:?}");
    assert!(why.to_string().contains(words), "{why}");
}

#[tokio::test]
async fn a_lake_is_made_once_and_found_again() {
    let place = Place::new();
    drop(place.open().await.unwrap());
    let catalog = catalog(&place);
    let uuid = "SELECT schema_uuid FROM ducklake_schema WHERE schema_name = 'main'";
    let first = text(&catalog, uuid);
    assert_eq!(text(&catalog, "PRAGMA journal_mode"), "wal");
    let metadata = |key: &str| {
        let sql = format!("SELECT value FROM ducklake_metadata WHERE key = '{key}'");
        text(&catalog, &sql)
    };
    assert_eq!(metadata("version"), "1.0");
    assert_eq!(metadata("encrypted"), "false");
    assert!(metadata("created_by").starts_with("Godwit "));
    let data = place.path().join("lake/data");
    assert_eq!(metadata("data_path"), format!("{}/", data.display()));
    for (path, mode) in [
        ("lake", 0o700),
        ("lake/data", 0o700),
        ("lake/catalog.sqlite", 0o600),
    ] {
        let found = fs::metadata(place.path().join(path)).unwrap();
        assert_eq!(found.permissions().mode() & 0o777, mode, "{path}");
    }
    drop(place.open().await.unwrap());
    assert_eq!(text(&catalog, uuid), first);
    assert_eq!(
        number(&catalog, "SELECT count(*) FROM ducklake_snapshot"),
        1
    );
}

#[tokio::test]
async fn several_open_a_new_lake_at_once_and_one_makes_it() {
    let place = Place::new();
    let opened = futures::future::join_all((0..4).map(|_| place.open())).await;
    for lake in opened {
        lake.unwrap();
    }
    let snapshots = "SELECT count(*) FROM ducklake_snapshot";
    assert_eq!(number(&catalog(&place), snapshots), 1);
    let schemas = "SELECT count(*) FROM ducklake_schema";
    assert_eq!(number(&catalog(&place), schemas), 1);
}

#[tokio::test]
async fn other_tables_of_the_database_are_nobodys_business() {
    let place = Place::new();
    fs::create_dir(place.path().join("lake")).unwrap();
    catalog(&place)
        .execute_batch("CREATE TABLE mine(a)")
        .unwrap();
    drop(place.open().await.unwrap());
    let mine = "SELECT count(*) FROM mine";
    assert_eq!(number(&catalog(&place), mine), 0);
}

#[tokio::test]
async fn a_half_made_catalog_is_told_and_left_alone() {
    for (damage, words) in [
        ("DROP TABLE ducklake_tag", "lacks the table ducklake_tag"),
        (
            "ALTER TABLE ducklake_view DROP COLUMN dialect",
            "lacks the column ducklake_view.dialect",
        ),
        ("DELETE FROM ducklake_snapshot", "has no snapshot"),
        (
            "DELETE FROM ducklake_metadata WHERE key = 'version'",
            "does not say its version",
        ),
        (
            "DELETE FROM ducklake_metadata WHERE key = 'data_path'",
            "does not say its data_path",
        ),
    ] {
        let place = Place::new();
        drop(place.open().await.unwrap());
        let catalog = catalog(&place);
        catalog.execute_batch(damage).unwrap();
        let before = number(&catalog, "PRAGMA data_version");
        broken(&place, words).await;
        let after = number(&catalog, "PRAGMA data_version");
        assert_eq!(before, after, "{damage}");
    }
}

#[tokio::test]
async fn what_is_no_database_is_told() {
    let place = Place::new();
    fs::create_dir(place.path().join("lake")).unwrap();
    let file = place.path().join("lake/catalog.sqlite");
    fs::write(
        &file,
        "this is a text and no database at all, for a thousand reasons",
    )
    .unwrap();
    broken(&place, "not a database").await;
    fs::remove_file(&file).unwrap();
    fs::write(place.path().join("lake/catalog.sqlite-wal"), "log").unwrap();
    broken(&place, "without the database").await;
    assert!(!file.exists());
}

#[tokio::test]
async fn a_version_that_nobody_knows_yet_is_refused() {
    let place = Place::new();
    drop(place.open().await.unwrap());
    let change = "UPDATE ducklake_metadata SET value = '2.0' WHERE key = 'version'";
    catalog(&place).execute_batch(change).unwrap();
    let why = refused(&place).await;
    assert!(matches!(why, Error::Unsupported { .. }), "{why:?}");
    assert!(
        why.to_string()
            .contains("of version 2.0; this server reads and writes version 1.0")
    );
    let change = "UPDATE ducklake_metadata SET value = '1.0' WHERE key = 'version'; \
                  UPDATE ducklake_metadata SET value = 'true' WHERE key = 'encrypted'";
    catalog(&place).execute_batch(change).unwrap();
    let why = refused(&place).await;
    assert!(why.to_string().contains("an encrypted DuckLake"), "{why}");
}

#[tokio::test]
async fn a_catalog_stays_with_its_files() {
    let mut place = Place::new();
    drop(place.open().await.unwrap());
    let elsewhere = place.path().join("elsewhere");
    place.config.lake.data = Some(elsewhere.to_str().unwrap().to_owned());
    broken(&place, "set lake.data to where they are").await;
    assert!(!elsewhere.exists());
    // The same directory under another name is the same place.
    std::os::unix::fs::symlink(place.path().join("lake/data"), &elsewhere).unwrap();
    drop(place.open().await.unwrap());
}

#[tokio::test]
async fn files_without_their_catalog_are_told() {
    let place = Place::new();
    drop(place.open().await.unwrap());
    let table = place.path().join("lake/data/main/t");
    fs::create_dir_all(&table).unwrap();
    fs::write(table.join("a.parquet"), "PAR1").unwrap();
    for name in ["catalog.sqlite", "catalog.sqlite-wal", "catalog.sqlite-shm"] {
        let _ = fs::remove_file(place.path().join("lake").join(name));
    }
    broken(&place, "main/t/a.parquet").await;
    // Nothing was begun: it stays refused.
    assert!(!place.path().join("lake/catalog.sqlite").exists());
    broken(&place, "main/t/a.parquet").await;
}

#[tokio::test]
async fn a_catalog_without_its_files_is_told() {
    let place = Place::new();
    drop(place.open().await.unwrap());
    let data = place.path().join("lake/data");
    fs::remove_dir(&data).unwrap();
    // Without files there is nothing to miss.
    drop(place.open().await.unwrap());
    assert!(data.is_dir());
    fs::remove_dir(&data).unwrap();
    let file = "INSERT INTO ducklake_data_file(data_file_id, path) VALUES (0, 'a.parquet')";
    catalog(&place).execute_batch(file).unwrap();
    broken(&place, "is missing, and the catalog knows 1 files").await;
    assert!(!data.exists());
}

#[tokio::test]
async fn a_place_that_cannot_be_used_is_told_by_name() {
    let place = Place::new();
    fs::write(place.path().join("lake"), "in the way").unwrap();
    let why = refused(&place).await;
    assert!(matches!(why, Error::Unavailable { .. }), "{why:?}");
    let lake = place.path().join("lake");
    assert!(why.to_string().contains(lake.to_str().unwrap()), "{why}");

    let place = Place::new();
    fs::create_dir_all(place.path().join("lake/catalog.sqlite")).unwrap();
    let why = refused(&place).await;
    assert!(matches!(why, Error::Unavailable { .. }), "{why:?}");
    assert!(why.to_string().contains("catalog.sqlite"), "{why}");

    let mut place = Place::new();
    place.config.lake.data = Some("/proc/no/such".to_owned());
    let why = refused(&place).await;
    assert!(matches!(why, Error::Unavailable { .. }), "{why:?}");
    assert!(why.to_string().contains("/proc/no"), "{why}");
    // What failed has left an empty database, in which the lake is made when the cause is gone.
    place.config.lake.data = None;
    drop(place.open().await.unwrap());
}

#[tokio::test]
async fn a_catalog_that_another_process_writes_to_is_waited_for() {
    let place = Place::new();
    drop(place.open().await.unwrap());
    let other = catalog(&place);
    // Reads go on beside an open write.
    other
        .execute_batch("BEGIN IMMEDIATE; UPDATE ducklake_metadata SET value = value")
        .unwrap();
    drop(place.open().await.unwrap());
    other.execute_batch("ROLLBACK").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lake_in_postgresql_is_made_once_and_found_again() {
    let mut server = Postgres::start();
    let place = Place::at(&server.database("lake"));
    let opened = futures::future::join_all((0..4).map(|_| place.open())).await;
    for lake in opened {
        lake.unwrap();
    }
    let ask = |server: &Postgres, sql: &str| server.sql("lake", sql);
    assert_eq!(ask(&server, "SELECT count(*) FROM ducklake_snapshot"), "1");
    let types = "SELECT string_agg(data_type, ',' ORDER BY ordinal_position) FROM information_schema.columns \
                 WHERE table_name = 'ducklake_schema'";
    assert_eq!(
        ask(&server, types),
        "bigint,uuid,bigint,bigint,character varying,character varying,boolean"
    );
    let data = place.path().join("lake/data");
    let said = ask(
        &server,
        "SELECT value FROM ducklake_metadata WHERE key = 'data_path'",
    );
    assert_eq!(said, format!("{}/", data.display()));
    assert!(!place.path().join("lake/catalog.sqlite").exists());

    ask(&server, "DROP TABLE ducklake_tag");
    broken(&place, "lacks the table ducklake_tag").await;

    server.crash();
    let why = refused(&place).await;
    assert!(matches!(why, Error::Unavailable { .. }), "{why:?}");
    assert!(why.to_string().contains("PostgreSQL 127.0.0.1:"), "{why}");
    server.resume();
    broken(&place, "lacks the table ducklake_tag").await;
}

#[tokio::test]
async fn a_postgresql_that_refuses_says_why_and_no_password() {
    let server = Postgres::start();
    let url = server.database("lake");
    let missing = url
        .replace("/lake", "/nowhere")
        .replace("godwit@", "godwit:hunter2@");
    let why = refused(&Place::at(&missing)).await;
    assert!(matches!(why, Error::Unavailable { .. }), "{why:?}");
    let text = why.to_string();
    assert!(
        text.contains("database \"nowhere\" does not exist"),
        "{text}"
    );
    assert!(!text.contains("hunter2"), "{text}");

    let encrypted = url.replace("sslmode=disable", "sslmode=require");
    let why = refused(&Place::at(&encrypted)).await;
    assert!(why.to_string().contains("TLS"), "{why}");

    let wrong = url.replace("sslmode=disable", "no_such_option=1");
    let why = refused(&Place::at(&wrong)).await;
    assert!(why.to_string().contains("lake.catalog"), "{why}");
}
