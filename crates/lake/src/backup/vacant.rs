//! A backup goes only to where there is nothing.

use std::path::Path;

use futures::TryStreamExt;

use super::{Error, Result};
use crate::database::{Database, Dialect};
use crate::layout;
use crate::storage::Storage;

/// Where the files go.
pub(super) async fn files(storage: &Storage) -> Result<()> {
    match storage.list("").try_next().await? {
        None => Ok(()),
        Some(file) => Err(Error::place(
            Path::new(storage.data_path()),
            format!(
                "holds files, {} among them; a backup is restored into an empty place",
                file.path
            ),
        )),
    }
}

/// Where the catalog goes.
pub(super) async fn catalog(database: &Database) -> Result<()> {
    let mut tables = layout::tables(database).await?;
    if database.dialect() == Dialect::Postgres {
        let records = "SELECT table_name::text FROM information_schema.tables \
             WHERE table_schema = current_schema() AND table_name LIKE 'godwit\\_records%'";
        for row in database.query(records, &[]).await? {
            tables.push(row.text(0)?.to_owned());
        }
    }
    match tables.first() {
        None => Ok(()),
        Some(table) => Err(Error::place(
            Path::new(&database.name()),
            format!("holds tables, {table} among them; a backup is restored into an empty one"),
        )),
    }
}
