//! Records of others that live beside the lake: pairs of a key and a text, all at one version. They are in two tables of
//! the catalog's database that are no part of DuckLake, made when the first record is.

use crate::database::{Dialect, Row, Value, Writing};
use crate::{Error, Lake, Result};

/// Whether the tables are there.
fn exists(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => {
            "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = 'godwit_records_version'"
        }
        Dialect::Postgres => {
            "SELECT count(*) FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_name = 'godwit_records_version'"
        }
    }
}

const VERSION: &str = "SELECT version FROM godwit_records_version";

impl Lake {
    /// All records with their version, which is zero before the first; `None` when that is still `known`.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Broken`].
    pub async fn records(
        &self,
        known: Option<u64>,
    ) -> Result<Option<(u64, Vec<(String, String)>)>> {
        let database = &self.inner.database;
        let mut reading = database.read().await?;
        let version = match is_there(&reading.query(exists(database.dialect()), &[]).await?)? {
            true => version(&reading.query(VERSION, &[]).await?)?,
            false => 0,
        };
        if known == Some(version) {
            return Ok(None);
        }
        if version == 0 {
            return Ok(Some((0, Vec::new())));
        }
        let rows = reading
            .query("SELECT key, value FROM godwit_records ORDER BY key", &[])
            .await?;
        let pair = |row: &Row| Ok((row.text(0)?.to_owned(), row.text(1)?.to_owned()));
        let records = rows.iter().map(pair).collect::<Result<_>>()?;
        Ok(Some((version, records)))
    }

    /// Writes and removes records in one transaction, if their version is still `expected`, and tells the new one;
    /// `None` when it is not, and nothing is changed then. Once begun it goes on to its end, even when the future is
    /// dropped.
    ///
    /// # Errors
    /// [`Error::Unavailable`], [`Error::Broken`]; [`Error::Conflict`] when another process writes for too long.
    pub async fn change_records(
        &self,
        expected: u64,
        puts: Vec<(String, String)>,
        removals: Vec<String>,
    ) -> Result<Option<u64>> {
        let lake = self.clone();
        let change = async move { lake.change_now(expected, puts, removals).await };
        tokio::spawn(change).await.map_err(Error::internal)?
    }

    async fn change_now(
        &self,
        expected: u64,
        puts: Vec<(String, String)>,
        removals: Vec<String>,
    ) -> Result<Option<u64>> {
        let database = &self.inner.database;
        let mut writing = database.write().await?;
        if !is_there(&writing.query(exists(database.dialect()), &[]).await?)? {
            make(&mut writing).await?;
        }
        let found = version(&writing.query(VERSION, &[]).await?)?;
        if found != expected {
            writing.rollback().await?;
            return Ok(None);
        }
        for (key, value) in puts {
            remove(&mut writing, &key).await?;
            let sql = "INSERT INTO godwit_records(key, value) VALUES ($1, $2)";
            writing.execute(sql, &[key.into(), value.into()]).await?;
        }
        for key in removals {
            remove(&mut writing, &key).await?;
        }
        let next = found + 1;
        let number = i64::try_from(next).map_err(Error::internal)?;
        let sql = "UPDATE godwit_records_version SET version = $1";
        writing.execute(sql, &[number.into()]).await?;
        writing.commit().await?;
        Ok(Some(next))
    }
}

async fn make(writing: &mut Writing) -> Result<()> {
    for sql in [
        "CREATE TABLE godwit_records(key TEXT PRIMARY KEY, value TEXT NOT NULL)",
        "CREATE TABLE godwit_records_version(version BIGINT NOT NULL)",
        "INSERT INTO godwit_records_version(version) VALUES (0)",
    ] {
        writing.execute(sql, &[]).await?;
    }
    Ok(())
}

async fn remove(writing: &mut Writing, key: &str) -> Result<()> {
    let sql = "DELETE FROM godwit_records WHERE key = $1";
    writing.execute(sql, &[key.into()]).await?;
    Ok(())
}

fn is_there(rows: &[Row]) -> Result<bool> {
    Ok(rows.first().map_or(Ok(0), |row| row.int(0))? > 0)
}

fn version(rows: &[Row]) -> Result<u64> {
    match rows {
        [row] if matches!(row.0.first(), Some(Value::Int(0..))) => {
            u64::try_from(row.int(0)?).map_err(Error::internal)
        }
        _ => Err(Error::broken(
            "the table godwit_records_version of the catalog does not hold one number",
        )),
    }
}
