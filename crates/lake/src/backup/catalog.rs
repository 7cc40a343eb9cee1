//! The catalog's part of a backup: a copy of the SQLite file, or of each table of PostgreSQL as `COPY` writes it.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::manifest::{CatalogKind, Entry};
use super::{Error, Progress, Result, digest, progress};
use crate::database::{Database, Dialect, Reading, Row};

/// The copy of a SQLite catalog.
pub(super) const SQLITE: &str = "catalog/catalog.sqlite";

/// How the tables of a PostgreSQL catalog are made.
pub(super) const TABLES: &str = "catalog/tables.json";

/// A table of a PostgreSQL catalog.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<Column>,
    /// Primary and unique keys, as the database defines them.
    pub(super) keys: Vec<String>,
    /// Its rows, relative to the backup.
    pub(super) rows: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Column {
    pub(super) name: String,
    #[serde(rename = "type")]
    pub(super) sql_type: String,
    pub(super) required: bool,
}

/// A catalog that was copied, and can be asked about that moment.
pub(super) struct Taken {
    pub(super) kind: CatalogKind,
    pub(super) reading: Reading,
    pub(super) dialect: Dialect,
    /// Its files in the backup.
    pub(super) entries: Vec<Entry>,
    /// Keeps the copy open.
    _copy: Option<Database>,
}

impl CatalogKind {
    pub(super) fn of(database: &Database) -> Self {
        match database.dialect() {
            Dialect::Sqlite => Self::Sqlite,
            Dialect::Postgres => Self::Postgres,
        }
    }
}

/// Copies the catalog into a draft, in the place of an earlier copy.
pub(super) async fn take(
    database: &Database,
    draft: &Path,
    progress: &dyn Progress,
) -> Result<Taken> {
    let place = draft.join("catalog");
    if place.exists() {
        super::draft::clear(&place).map_err(Error::at(&place))?;
    }
    crate::storage::make(&place).map_err(Error::at(&place))?;
    match CatalogKind::of(database) {
        CatalogKind::Sqlite => sqlite(database, draft, progress).await,
        CatalogKind::Postgres => postgres(database, draft, progress).await,
    }
}

async fn sqlite(database: &Database, draft: &Path, progress: &dyn Progress) -> Result<Taken> {
    let file = draft.join(SQLITE);
    // It is filled as it is, so nobody else can read it at any time.
    digest::Sink::create(&file)?.finish()?;
    database.copy_to(&file).await?;
    let copied = digest::measure(&file, progress)?;
    crate::storage::sync_one(&file).map_err(Error::at(&file))?;
    let copy = Database::sqlite(&file).await?;
    Ok(Taken {
        kind: CatalogKind::Sqlite,
        reading: copy.read().await?,
        dialect: copy.dialect(),
        entries: vec![entry(SQLITE, copied)],
        _copy: Some(copy),
    })
}

async fn postgres(database: &Database, draft: &Path, progress: &dyn Progress) -> Result<Taken> {
    let mut reading = database.read().await?;
    let tables = tables(&mut reading).await?;
    let mut entries = Vec::new();
    for table in &tables {
        let columns: Vec<String> = table
            .columns
            .iter()
            .map(|column| quoted(&column.name))
            .collect();
        let sql = format!(
            "COPY {} ({}) TO STDOUT",
            quoted(&table.name),
            columns.join(", ")
        );
        let mut sink = digest::Sink::create(&draft.join(&table.rows))?;
        let mut failed = None;
        let copied = reading.copy_out(&sql, |bytes| {
            let written = sink.write(bytes).and_then(|()| progress::go_on(progress));
            failed = written.err();
            failed.is_none()
        });
        copied.await?;
        if let Some(why) = failed {
            return Err(why);
        }
        entries.push(entry(&table.rows, sink.finish()?));
    }
    let text = serde_json::to_vec_pretty(&tables).map_err(crate::Error::internal)?;
    let mut sink = digest::Sink::create(&draft.join(TABLES))?;
    sink.write(&text)?;
    entries.push(entry(TABLES, sink.finish()?));
    Ok(Taken {
        kind: CatalogKind::Postgres,
        reading,
        dialect: database.dialect(),
        entries,
        _copy: None,
    })
}

/// The tables of DuckLake and our own. Others in the same database are somebody else's.
async fn tables(reading: &mut Reading) -> Result<Vec<Table>> {
    let from = "FROM pg_catalog.pg_class c \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = current_schema()";
    let ours = "c.relkind IN ('r', 'p') \
        AND (left(c.relname, 9) = 'ducklake_' OR c.relname IN ('godwit_records', 'godwit_records_version'))";
    let columns = format!(
        "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), a.attnotnull {from} \
         JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
         WHERE {ours} ORDER BY c.relname, a.attnum"
    );
    let mut tables: Vec<Table> = Vec::new();
    for row in reading.query(&columns, &[]).await? {
        let name = row.text(0)?;
        if tables.last().is_none_or(|table| table.name != name) {
            tables.push(Table {
                name: name.to_owned(),
                columns: Vec::new(),
                keys: Vec::new(),
                // Not the name itself, which may hold anything.
                rows: format!("catalog/{:04}.copy", tables.len()),
            });
        }
        if let Some(table) = tables.last_mut() {
            table.columns.push(column(&row)?);
        }
    }
    let keys = format!(
        "SELECT c.relname::text, pg_get_constraintdef(k.oid) {from} \
         JOIN pg_catalog.pg_constraint k ON k.conrelid = c.oid AND k.contype IN ('p', 'u') WHERE {ours} ORDER BY k.oid"
    );
    for row in reading.query(&keys, &[]).await? {
        let name = row.text(0)?;
        if let Some(table) = tables.iter_mut().find(|table| table.name == name) {
            table.keys.push(row.text(1)?.to_owned());
        }
    }
    Ok(tables)
}

fn column(row: &Row) -> crate::Result<Column> {
    Ok(Column {
        name: row.text(1)?.to_owned(),
        sql_type: row.text(2)?.to_owned(),
        required: row.int(3)? != 0,
    })
}

impl Table {
    /// The statement that makes it.
    pub(super) fn create(&self) -> String {
        let columns = self.columns.iter().map(|column| {
            let required = if column.required { " NOT NULL" } else { "" };
            format!("{} {}{required}", quoted(&column.name), column.sql_type)
        });
        let parts: Vec<String> = columns.chain(self.keys.iter().cloned()).collect();
        format!("CREATE TABLE {} ({})", quoted(&self.name), parts.join(", "))
    }

    /// The statement that fills it.
    pub(super) fn fill(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| quoted(&column.name))
            .collect();
        format!(
            "COPY {} ({}) FROM STDIN",
            quoted(&self.name),
            columns.join(", ")
        )
    }
}

/// Where the embedded catalog of a data directory is, as an absolute path.
pub(super) fn sqlite_file(data_dir: &Path) -> Result<PathBuf> {
    let directory = std::path::absolute(data_dir).map_err(Error::at(data_dir))?;
    Ok(directory.join("lake/catalog.sqlite"))
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn entry(path: &str, measure: digest::Measure) -> Entry {
    Entry {
        path: path.to_owned(),
        bytes: measure.bytes,
        sha256: measure.sha256,
        row: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_made_and_filled_as_it_was() {
        let column = |name: &str, sql_type: &str, required| Column {
            name: name.to_owned(),
            sql_type: sql_type.to_owned(),
            required,
        };
        let table = Table {
            name: "ducklake_x".to_owned(),
            columns: vec![
                column("id", "bigint", true),
                column("a \"b\"", "timestamp with time zone", false),
            ],
            keys: vec!["PRIMARY KEY (id)".to_owned()],
            rows: "catalog/0000.copy".to_owned(),
        };
        assert_eq!(
            table.create(),
            "CREATE TABLE \"ducklake_x\" (\"id\" bigint NOT NULL, \"a \"\"b\"\"\" timestamp with time zone, PRIMARY KEY (id))"
        );
        assert_eq!(
            table.fill(),
            "COPY \"ducklake_x\" (\"id\", \"a \"\"b\"\"\") FROM STDIN"
        );
    }
}
