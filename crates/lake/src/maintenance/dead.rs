//! Rows of the catalog that no snapshot needs.

use crate::Result;
use crate::database::{Database, Dialect, Writing};

/// Tables whose rows have a beginning and an end, and nothing that hangs on them but what is removed by itself.
const LIVING: [&str; 9] = [
    "ducklake_table",
    "ducklake_schema",
    "ducklake_view",
    "ducklake_tag",
    "ducklake_column_tag",
    "ducklake_partition_info",
    "ducklake_sort_info",
    "ducklake_macro",
    "ducklake_delete_file",
];

/// Tables whose rows are about a table and go with it.
const ABOUT_TABLES: [&str; 14] = [
    "ducklake_column",
    "ducklake_column_tag",
    "ducklake_column_mapping",
    "ducklake_schema_versions",
    "ducklake_table_stats",
    "ducklake_table_column_stats",
    "ducklake_file_column_stats",
    "ducklake_file_variant_stats",
    "ducklake_file_partition_value",
    "ducklake_partition_info",
    "ducklake_partition_column",
    "ducklake_sort_info",
    "ducklake_sort_expression",
    "ducklake_inlined_data_tables",
];

/// Tables whose rows are about a data file and go with it.
const ABOUT_FILES: [&str; 3] = [
    "ducklake_file_column_stats",
    "ducklake_file_variant_stats",
    "ducklake_file_partition_value",
];

/// Whether a row of a table has ended and lived at no snapshot that is kept.
pub(super) fn condition(table: &str) -> String {
    format!(
        "{table}.end_snapshot IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ducklake_snapshot s \
         WHERE s.snapshot_id >= {table}.begin_snapshot AND s.snapshot_id < {table}.end_snapshot)"
    )
}

/// Removes rows. Expired snapshots are gone already, and files are scheduled.
pub(super) struct Dead<'a> {
    pub(super) database: &'a Database,
    pub(super) writing: &'a mut Writing,
    /// Rows that were removed.
    pub(super) rows: u64,
}

impl Dead<'_> {
    /// Tables of which nothing is left at any snapshot.
    pub(super) async fn tables(writing: &mut Writing) -> Result<Vec<i64>> {
        let sql = format!(
            "SELECT DISTINCT table_id FROM ducklake_table WHERE table_id NOT IN \
             (SELECT table_id FROM ducklake_table WHERE NOT ({}))",
            condition("ducklake_table")
        );
        let rows = writing.query(&sql, &[]).await?;
        rows.iter().map(|row| row.int(0)).collect()
    }

    /// What is about these data files, and they themselves.
    pub(super) async fn files(&mut self, files: &[i64]) -> Result<()> {
        for chunk in files.chunks(500) {
            let ids = list(chunk);
            for table in ABOUT_FILES {
                self.delete(&format!("{table} WHERE data_file_id IN ({ids})"))
                    .await?;
            }
            for table in ["ducklake_delete_file", "ducklake_data_file"] {
                self.delete(&format!("{table} WHERE data_file_id IN ({ids})"))
                    .await?;
            }
            for table in self.inlined("ducklake_inlined_delete_").await? {
                self.delete(&format!("\"{table}\" WHERE file_id IN ({ids})"))
                    .await?;
            }
        }
        Ok(())
    }

    /// Everything about these tables.
    pub(super) async fn about(&mut self, tables: &[i64]) -> Result<()> {
        for &id in tables {
            let sql = "SELECT table_name FROM ducklake_inlined_data_tables WHERE table_id = $1";
            let mut names = Vec::new();
            for row in self.writing.query(sql, &[id.into()]).await? {
                names.push(row.text(0)?.to_owned());
            }
            names.push(format!("ducklake_inlined_delete_{id}"));
            for name in names {
                let sql = format!("DROP TABLE IF EXISTS \"{}\"", name.replace('"', "\"\""));
                self.writing.execute(&sql, &[]).await?;
            }
            for table in ABOUT_TABLES {
                self.delete(&format!("{table} WHERE table_id = {id}"))
                    .await?;
            }
            self.delete(&format!("ducklake_tag WHERE object_id = {id}"))
                .await?;
        }
        Ok(())
    }

    /// Everything that has ended.
    pub(super) async fn ended(&mut self) -> Result<()> {
        for table in LIVING {
            self.delete(&format!("{table} WHERE {}", condition(table)))
                .await?;
        }
        // Rows in the catalog are in the columns that their table had when their place was made.
        let columns = format!(
            "ducklake_column WHERE {} AND NOT EXISTS (SELECT 1 FROM ducklake_schema_versions v \
             JOIN ducklake_inlined_data_tables i ON i.table_id = v.table_id AND i.schema_version = v.schema_version \
             WHERE v.table_id = ducklake_column.table_id AND v.begin_snapshot >= ducklake_column.begin_snapshot \
             AND v.begin_snapshot < ducklake_column.end_snapshot)",
            condition("ducklake_column")
        );
        self.delete(&columns).await?;
        let named = "SELECT table_name FROM ducklake_inlined_data_tables";
        let named = self.writing.query(named, &[]).await?;
        let there = self.inlined("ducklake_inlined_data_").await?;
        for row in named {
            let name = row.text(0)?;
            if there.iter().any(|there| there == name) {
                self.delete(&format!("\"{name}\" WHERE {}", condition(name)))
                    .await?;
            }
        }
        Ok(())
    }

    async fn delete(&mut self, what: &str) -> Result<()> {
        self.rows += self
            .writing
            .execute(&format!("DELETE FROM {what}"), &[])
            .await?;
        Ok(())
    }

    /// The tables that are there and begin so.
    async fn inlined(&mut self, prefix: &str) -> Result<Vec<String>> {
        let sql = match self.database.dialect() {
            Dialect::Sqlite => format!(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, {}) = '{prefix}'",
                prefix.len()
            ),
            Dialect::Postgres => format!(
                "SELECT table_name::text FROM information_schema.tables WHERE table_schema = current_schema() \
                 AND left(table_name, {}) = '{prefix}'",
                prefix.len()
            ),
        };
        let rows = self.writing.query(&sql, &[]).await?;
        let names = rows.iter().map(|row| row.text(0).map(str::to_owned));
        let names: Result<Vec<String>> = names.collect();
        Ok(names?
            .into_iter()
            .filter(|name| name != "ducklake_inlined_data_tables")
            .collect())
    }
}

/// `1, 2, 3`.
pub(super) fn list(ids: &[i64]) -> String {
    let ids: Vec<_> = ids.iter().map(i64::to_string).collect();
    ids.join(", ")
}
