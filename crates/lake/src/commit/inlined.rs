//! Rows that the catalog keeps itself.

use arrow::array::{Array, ArrayRef, Int64Array, RecordBatch};

use super::{Commit, KeptTable};
use crate::database::{Dialect, Value};
use crate::writer::is_inline_safe;
use crate::{Error, Result, Table, text, types};

/// The catalog's table for deleted rows of files of a table.
pub(super) fn deletes_table(table: i64) -> String {
    format!("ducklake_inlined_delete_{table}")
}

/// Asks for one row if there is a table of that name.
pub(super) fn exists(dialect: Dialect, name: &str) -> String {
    match dialect {
        Dialect::Sqlite => {
            format!("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = '{name}'")
        }
        Dialect::Postgres => format!(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = current_schema() AND table_name = '{name}'"
        ),
    }
}

impl Commit<'_> {
    /// Keeps deleted positions of a file.
    pub(super) async fn keep_deletes(
        &mut self,
        table: i64,
        file: i64,
        positions: &[u64],
    ) -> Result<()> {
        let name = deletes_table(table);
        let sql = format!(
            "CREATE TABLE IF NOT EXISTS {name}(file_id BIGINT, row_id BIGINT, begin_snapshot BIGINT)"
        );
        self.writing.execute(&sql, &[]).await?;
        for position in positions {
            let sql = format!(
                "INSERT INTO {name}(file_id, row_id, begin_snapshot) VALUES ({file}, {position}, {})",
                self.numbers.snapshot
            );
            self.writing.execute(&sql, &[]).await?;
        }
        Ok(())
    }

    /// Ends rows of a table for inlined rows.
    pub(super) async fn end_rows(
        &mut self,
        table: &Table,
        name: &str,
        row_ids: &[i64],
    ) -> Result<()> {
        for row_id in row_ids {
            let sql = format!(
                "UPDATE {} SET end_snapshot = {} WHERE row_id = {row_id} AND end_snapshot IS NULL",
                quoted(name),
                self.numbers.snapshot
            );
            if self.writing.execute(&sql, &[]).await? != 1 {
                return Err(Error::conflict(format!(
                    "another transaction committed first: a row of table \"{}\".\"{}\" was changed or moved to a file; \
                     nothing of this one was kept, and it can be tried again",
                    table.schema, table.name
                )));
            }
        }
        Ok(())
    }

    /// Makes the table for inlined rows of a new or altered table, as DuckDB does: it looks for it only then.
    pub(super) async fn make_inlined(&mut self, table: &Table) -> Result<()> {
        if self.inlines && table.read_only.is_none() && is_inline_safe(table) {
            let version = self.numbers.schema_version;
            self.create_inlined(table, version).await?;
        }
        Ok(())
    }

    async fn create_inlined(&mut self, table: &Table, version: i64) -> Result<String> {
        let id = self.numbers.table(table.id);
        let name = format!("ducklake_inlined_data_{id}_{version}");
        let mut columns = String::new();
        for column in &table.columns {
            let sql_type = text::sql_type(&column.stored, self.dialect);
            columns.push_str(&format!(", {} {sql_type}", quoted(column.field.name())));
        }
        let sql = format!(
            "CREATE TABLE {name}(row_id BIGINT, begin_snapshot BIGINT, end_snapshot BIGINT{columns})"
        );
        self.writing.execute(&sql, &[]).await?;
        let sql = format!(
            "INSERT INTO ducklake_inlined_data_tables(table_id, table_name, schema_version) VALUES ({id}, $1, {version})"
        );
        self.writing.execute(&sql, &[name.as_str().into()]).await?;
        Ok(name)
    }

    /// The table for inlined rows that has the columns that a table has now.
    async fn inlined_table(&mut self, table: &Table, kept: &mut KeptTable) -> Result<String> {
        let wanted = self.numbers.version_of(table);
        if let Some((version, name)) = &kept.inlined
            && *version >= wanted
        {
            return Ok(name.clone());
        }
        let sql = "SELECT schema_version, table_name FROM ducklake_inlined_data_tables WHERE table_id = $1 \
                   AND schema_version >= $2 ORDER BY schema_version DESC LIMIT 1";
        let parameters = [self.numbers.table(table.id).into(), wanted.into()];
        if let Some(row) = self.writing.query(sql, &parameters).await?.first() {
            let name = row.text(1)?.to_owned();
            kept.inlined = Some((row.int(0)?, name.clone()));
            return Ok(name);
        }
        // Others look for such tables when schemas change, so they are told that one has.
        self.numbers.is_new_version = true;
        let version = self.numbers.schema_version;
        let sql = format!(
            "INSERT INTO ducklake_schema_versions(begin_snapshot, schema_version, table_id) VALUES ({}, {version}, {})",
            self.numbers.snapshot,
            self.numbers.table(table.id)
        );
        self.writing.execute(&sql, &[]).await?;
        let name = self.create_inlined(table, version).await?;
        kept.inlined = Some((version, name.clone()));
        Ok(name)
    }

    /// Keeps rows, each under a row id.
    pub(super) async fn insert_rows(
        &mut self,
        table: &Table,
        kept: &mut KeptTable,
        batch: &RecordBatch,
        row_ids: &Int64Array,
    ) -> Result<String> {
        let name = self.inlined_table(table, kept).await?;
        let dialect = self.dialect;
        let mut names = String::new();
        let mut values = String::new();
        let mut columns: Vec<(ArrayRef, String)> = Vec::with_capacity(table.columns.len());
        for (at, (column, array)) in table.columns.iter().zip(batch.columns()).enumerate() {
            let sql_type = text::sql_type(&column.stored, dialect);
            names.push_str(&format!(", {}", quoted(column.field.name())));
            values.push_str(&format!(", {}", dialect.cast(at + 3, &sql_type)));
            columns.push((types::to_file(array, column)?, sql_type));
        }
        let sql = format!(
            "INSERT INTO {}(row_id, begin_snapshot{names}) VALUES ($1, $2{values})",
            quoted(&name)
        );
        for row in 0..batch.num_rows() {
            let mut parameters = Vec::with_capacity(columns.len() + 2);
            parameters.push(row_ids.value(row).into());
            parameters.push(self.numbers.snapshot.into());
            for (array, sql_type) in &columns {
                let text = text::write_inlined(array.as_ref() as &dyn Array, row, sql_type)?;
                parameters.push(text.map_or(Value::Null, Value::Text));
            }
            self.writing.execute(&sql, &parameters).await?;
        }
        // DuckDB keeps what it knows of a table's row ids until the next number of a file changes.
        self.numbers.file();
        Ok(name)
    }
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
