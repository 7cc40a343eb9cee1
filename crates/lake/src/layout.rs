//! The tables of the catalog: recognised where they are, made where there are none, never repaired.

mod tables;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::database::{Database, Dialect, Row, Value, Writing};
use crate::storage::Storage;
use crate::{Error, Result};

use tables::TABLES;

/// The version of the layout that is read and written.
const VERSION: &str = "1.0";

/// Makes the layout in an empty database, or looks whether what is there is the lake of this data path.
///
/// # Errors
/// [`Error::Broken`] when it is half made, or somebody else's; [`Error::Unsupported`] when it is of another version.
pub(crate) async fn open(database: &Database, storage: &Storage) -> Result<()> {
    let found = columns(&database.query(list(database.dialect()), &[]).await?)?;
    if found.is_empty() {
        return found_lake(database, storage).await;
    }
    complete(database, &found)?;
    recognise(database, storage).await
}

/// Whether there is a lake, of this data path. Nothing is made.
///
/// # Errors
/// As [`open`]; [`Error::NotFound`] when the database is empty.
pub(crate) async fn recognised(database: &Database, storage: &Storage) -> Result<()> {
    let found = columns(&database.query(list(database.dialect()), &[]).await?)?;
    if found.is_empty() {
        let why = format!("the {} is empty: there is no lake in it", database.name());
        return Err(Error::not_found(why));
    }
    complete(database, &found)?;
    recognise(database, storage).await
}

/// The names of the tables that are there.
pub(crate) async fn tables(database: &Database) -> Result<Vec<String>> {
    let found = columns(&database.query(list(database.dialect()), &[]).await?)?;
    Ok(found.into_keys().collect())
}

/// A time as the catalog writes it.
pub(crate) fn time(instant: DateTime<Utc>) -> String {
    let fraction = format!(".{:06}", instant.timestamp_subsec_micros());
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{}{fraction}+00", instant.format("%Y-%m-%d %H:%M:%S"))
}

/// Names of tables and columns, those of other tables in a shared database left out.
fn list(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "SELECT m.name, c.name FROM sqlite_master m, pragma_table_info(m.name) c \
             WHERE m.type = 'table' AND substr(m.name, 1, 9) = 'ducklake_'"
        }
        Dialect::Postgres => {
            "SELECT table_name::text, column_name::text FROM information_schema.columns \
             WHERE table_schema = current_schema() AND left(table_name, 9) = 'ducklake_'"
        }
    }
}

type Columns = BTreeMap<String, BTreeSet<String>>;

fn columns(rows: &[Row]) -> Result<Columns> {
    let mut found = Columns::new();
    for row in rows {
        let columns = found.entry(row.text(0)?.to_owned()).or_default();
        columns.insert(row.text(1)?.to_owned());
    }
    Ok(found)
}

/// Whether every table is there with every column that it has in this version.
fn complete(database: &Database, found: &Columns) -> Result<()> {
    let missing = |what: String| {
        Err(Error::broken(format!(
            "the {} is half made, or no DuckLake of version {VERSION}: it lacks {what}. Restore it from a backup, or \
             choose another one",
            database.name()
        )))
    };
    for table in &TABLES {
        let Some(columns) = found.get(table.name) else {
            return missing(format!("the table {}", table.name));
        };
        if let Some(column) = table.columns().find(|column| !columns.contains(*column)) {
            return missing(format!("the column {}.{column}", table.name));
        }
    }
    Ok(())
}

async fn recognise(database: &Database, storage: &Storage) -> Result<()> {
    let name = database.name();
    let sql = "SELECT key, value FROM ducklake_metadata WHERE scope IS NULL";
    let mut metadata = BTreeMap::new();
    for row in database.query(sql, &[]).await? {
        metadata.insert(row.text(0)?.to_owned(), row.text(1)?.to_owned());
    }
    let known = |key: &str| {
        metadata.get(key).map(String::as_str).ok_or_else(|| {
            Error::broken(format!(
                "the {name} does not say its {key} in ducklake_metadata"
            ))
        })
    };
    let version = known("version")?;
    if version != VERSION {
        return Err(Error::unsupported(format!(
            "the {name} is a DuckLake of version {version}; this server reads and writes version {VERSION}"
        )));
    }
    if metadata.get("encrypted").is_some_and(|text| text == "true") {
        return Err(Error::unsupported(format!(
            "the {name} is an encrypted DuckLake; this server reads and writes lakes without encryption"
        )));
    }
    let data = known("data_path")?;
    if !storage.is_at(data).await? {
        return Err(Error::broken(format!(
            "the {name} belongs to the files in {data}, and this server looks for them in {}: set lake.data to where \
             they are; where they were moved, change data_path in the table ducklake_metadata too",
            storage.data_path()
        )));
    }
    let newest = "SELECT max(snapshot_id) FROM ducklake_snapshot";
    let newest = database.query(newest, &[]).await?;
    if newest.first().is_none_or(|row| row.0 == [Value::Null]) {
        return Err(Error::broken(format!("the {name} has no snapshot")));
    }
    let files = "SELECT count(*) FROM ducklake_data_file";
    let files = database.query(files, &[]).await?;
    let files = files.first().map_or(Ok(0), |row| row.int(0))?;
    storage.expect(u64::try_from(files).unwrap_or(0)).await
}

/// All in one transaction, so that a lake is there wholly or not at all.
async fn found_lake(database: &Database, storage: &Storage) -> Result<()> {
    let mut writing = database.found().await?;
    let rows = writing.query(list(database.dialect()), &[]).await?;
    let found = columns(&rows)?;
    if !found.is_empty() {
        // Somebody else has made it meanwhile.
        writing.rollback().await?;
        complete(database, &found)?;
        return recognise(database, storage).await;
    }
    refuse_files(storage, &format!("{} is empty", database.name())).await?;
    storage.expect(0).await?;
    for table in &TABLES {
        let sql = table.create(database.dialect());
        writing.execute(&sql, &[]).await?;
    }
    first_snapshot(&mut writing, database.dialect(), storage).await?;
    writing.commit().await
}

/// Files belong to a catalog: a new one is not made beside them.
///
/// # Errors
/// [`Error::Broken`] when there are some. `catalog` says what is wrong with theirs.
pub(crate) async fn refuse_files(storage: &Storage, catalog: &str) -> Result<()> {
    match storage.any_file().await? {
        Some(file) => Err(Error::broken(format!(
            "{} holds files, {file} among them, and the {catalog}: restore the catalog that knows them, or choose an \
             empty directory",
            storage.data_path()
        ))),
        None => Ok(()),
    }
}

async fn first_snapshot(writing: &mut Writing, dialect: Dialect, storage: &Storage) -> Result<()> {
    let created_by = format!("Godwit {}", env!("CARGO_PKG_VERSION"));
    for (key, value) in [
        ("version", VERSION),
        ("created_by", created_by.as_str()),
        ("data_path", storage.data_path()),
        ("encrypted", "false"),
    ] {
        let sql = "INSERT INTO ducklake_metadata(key, value) VALUES ($1, $2)";
        writing.execute(sql, &[key.into(), value.into()]).await?;
    }
    let sql = format!(
        "INSERT INTO ducklake_snapshot VALUES (0, {}, 0, 1, 0)",
        dialect.timestamp(1)
    );
    let now = time(Utc::now());
    writing.execute(&sql, &[now.into()]).await?;
    let sql = "INSERT INTO ducklake_snapshot_changes VALUES (0, $1, NULL, NULL, NULL)";
    let change = r#"created_schema:"main""#;
    writing.execute(sql, &[change.into()]).await?;
    let sql = format!(
        "INSERT INTO ducklake_schema VALUES (0, {}, 0, NULL, 'main', 'main/', $2)",
        dialect.uuid(1)
    );
    let uuid = Uuid::new_v4().to_string();
    writing.execute(&sql, &[uuid.into(), true.into()]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_made_with_the_types_of_its_database() {
        let table = |dialect, name: &str| {
            let table = TABLES.iter().find(|table| table.name == name).unwrap();
            table.create(dialect)
        };
        assert_eq!(
            table(Dialect::Sqlite, "ducklake_snapshot"),
            "CREATE TABLE ducklake_snapshot(\"snapshot_id\" BIGINT PRIMARY KEY, \"snapshot_time\" VARCHAR, \
             \"schema_version\" BIGINT, \"next_catalog_id\" BIGINT, \"next_file_id\" BIGINT)"
        );
        assert_eq!(
            table(Dialect::Postgres, "ducklake_schema"),
            "CREATE TABLE ducklake_schema(\"schema_id\" BIGINT PRIMARY KEY, \"schema_uuid\" UUID, \
             \"begin_snapshot\" BIGINT, \"end_snapshot\" BIGINT, \"schema_name\" VARCHAR, \"path\" VARCHAR, \
             \"path_is_relative\" BOOLEAN)"
        );
        assert!(
            TABLES
                .iter()
                .all(|table| table.name.starts_with("ducklake_"))
        );
    }
}
