//! Schemas, tables, views and tags.

use uuid::Uuid;

use super::Commit;
use super::diff::Definitions;
use super::inlined::quoted;
use super::values::text;
use crate::state::load::{COMMENT_TAG, KEYS_TAG, ORIGIN_TAG, OWNER_TAG};
use crate::types::{self, TYPES_TAG};
use crate::{Error, Result, Schema, Table, View};

impl Commit<'_> {
    pub(super) async fn definitions(&mut self, changes: &Definitions) -> Result<()> {
        for schema in &changes.dropped_schemas {
            self.end("ducklake_schema", "schema_id", schema.id.0)
                .await?;
            self.end("ducklake_tag", "object_id", schema.id.0).await?;
        }
        for table in &changes.dropped_tables {
            self.drop_table(table.id.0).await?;
        }
        for view in &changes.dropped_views {
            self.end("ducklake_view", "view_id", view.id.0).await?;
            self.end("ducklake_tag", "object_id", view.id.0).await?;
        }
        for (old, new) in &changes.altered_schemas {
            let (before, comment) = (old.comment.as_deref(), new.comment.as_deref());
            self.set_tag(new.id.0, COMMENT_TAG, before, comment).await?;
            let (before, owner) = (old.owner.as_deref(), new.owner.as_deref());
            self.set_tag(new.id.0, OWNER_TAG, before, owner).await?;
        }
        for (old, new) in &changes.altered_tables {
            self.alter_table(old, new).await?;
        }
        for (old, new) in &changes.altered_views {
            let (before, comment) = (old.comment.as_deref(), new.comment.as_deref());
            self.set_tag(new.id.0, COMMENT_TAG, before, comment).await?;
            let (before, owner) = (old.owner.as_deref(), new.owner.as_deref());
            self.set_tag(new.id.0, OWNER_TAG, before, owner).await?;
        }
        for schema in &changes.created_schemas {
            self.create_schema(schema).await?;
        }
        for (schema, table) in &changes.created_tables {
            self.create_table(schema, table).await?;
        }
        for (schema, view) in &changes.created_views {
            self.create_view(schema, view).await?;
        }
        Ok(())
    }

    /// Ends what lives of something, whatever it is. How many rows that were.
    async fn end(&mut self, table: &str, column: &str, id: i64) -> Result<u64> {
        let sql = format!(
            "UPDATE {table} SET end_snapshot = {} WHERE {column} = {id} AND end_snapshot IS NULL",
            self.numbers.snapshot
        );
        self.writing.execute(&sql, &[]).await
    }

    async fn drop_table(&mut self, id: i64) -> Result<()> {
        for table in [
            "ducklake_table",
            "ducklake_column",
            "ducklake_column_tag",
            "ducklake_data_file",
            "ducklake_delete_file",
            "ducklake_partition_info",
            "ducklake_sort_info",
        ] {
            self.end(table, "table_id", id).await?;
        }
        self.end("ducklake_tag", "object_id", id).await?;
        Ok(())
    }

    async fn create_schema(&mut self, schema: &Schema) -> Result<()> {
        let id = self.numbers.new_schema(schema.id);
        let sql = format!(
            "INSERT INTO ducklake_schema(schema_id, schema_uuid, begin_snapshot, schema_name, path, path_is_relative) \
             VALUES ({id}, {}, {}, $2, $3, true)",
            self.dialect.uuid(1),
            self.numbers.snapshot
        );
        let parameters = [
            new_uuid().into(),
            schema.name.as_str().into(),
            schema.path.as_str().into(),
        ];
        self.writing.execute(&sql, &parameters).await?;
        self.set_tag(id, COMMENT_TAG, None, schema.comment.as_deref())
            .await?;
        self.set_tag(id, OWNER_TAG, None, schema.owner.as_deref())
            .await
    }

    async fn create_table(&mut self, schema: &Schema, table: &Table) -> Result<()> {
        let id = self.numbers.new_table(table.id);
        let (path, is_relative) = super::files::relative(&schema.path, &table.path);
        let sql = format!(
            "INSERT INTO ducklake_table(table_id, table_uuid, begin_snapshot, schema_id, table_name, path, \
             path_is_relative) VALUES ({id}, {}, {}, {}, $2, $3, {is_relative})",
            self.dialect.uuid(1),
            self.numbers.snapshot,
            self.numbers.schema(schema.id)
        );
        let parameters = [new_uuid().into(), table.name.as_str().into(), path.into()];
        self.writing.execute(&sql, &parameters).await?;
        self.create_columns(id, table).await?;
        self.set_tag(id, COMMENT_TAG, None, table.comment.as_deref())
            .await?;
        self.set_tag(id, OWNER_TAG, None, table.owner.as_deref())
            .await?;
        let origin = table.origin.map(|origin| origin.0.to_string());
        self.set_tag(id, ORIGIN_TAG, None, origin.as_deref())
            .await?;
        self.set_tag(id, KEYS_TAG, None, keys(table)?.as_deref())
            .await?;
        let types = types::write_tags(&table.columns)?;
        self.set_tag(id, TYPES_TAG, None, types.as_deref()).await?;
        self.new_version(id, table).await
    }

    async fn alter_table(&mut self, old: &Table, new: &Table) -> Result<()> {
        let id = new.id.0;
        let mut is_changed = self.alter_columns(old, new).await?;
        if old.name != new.name {
            self.rename_table(new).await?;
            is_changed = true;
        }
        let (before, comment) = (old.comment.as_deref(), new.comment.as_deref());
        self.set_tag(id, COMMENT_TAG, before, comment).await?;
        let (before, owner) = (old.owner.as_deref(), new.owner.as_deref());
        self.set_tag(id, OWNER_TAG, before, owner).await?;
        self.set_tag(id, KEYS_TAG, keys(old)?.as_deref(), keys(new)?.as_deref())
            .await?;
        let (before, after) = (
            types::write_tags(&old.columns)?,
            types::write_tags(&new.columns)?,
        );
        self.set_tag(id, TYPES_TAG, before.as_deref(), after.as_deref())
            .await?;
        if is_changed {
            self.new_version(id, new).await?;
        }
        Ok(())
    }

    async fn rename_table(&mut self, table: &Table) -> Result<()> {
        let id = table.id.0;
        if self.end("ducklake_table", "table_id", id).await? != 1 {
            return Err(Error::broken(format!(
                "the catalog does not have table {id} once and only once"
            )));
        }
        let snapshot = self.numbers.snapshot;
        let sql = format!(
            "INSERT INTO ducklake_table(table_id, table_uuid, begin_snapshot, schema_id, table_name, path, \
             path_is_relative) SELECT table_id, table_uuid, {snapshot}, schema_id, CAST($1 AS VARCHAR), path, \
             path_is_relative FROM ducklake_table WHERE table_id = {id} AND end_snapshot = {snapshot}"
        );
        let name = table.name.as_str().into();
        self.writing.execute(&sql, &[name]).await?;
        Ok(())
    }

    /// The table has other columns, or another name, from now on.
    async fn new_version(&mut self, id: i64, table: &Table) -> Result<()> {
        let sql = format!(
            "INSERT INTO ducklake_schema_versions(begin_snapshot, schema_version, table_id) VALUES ({}, {}, {id})",
            self.numbers.snapshot, self.numbers.schema_version
        );
        self.writing.execute(&sql, &[]).await?;
        self.numbers.set_version(table.id);
        self.make_inlined(table).await
    }

    async fn create_view(&mut self, schema: &Schema, view: &View) -> Result<()> {
        let id = self.numbers.new_view(view.id);
        let sql = format!(
            "INSERT INTO ducklake_view(view_id, view_uuid, begin_snapshot, schema_id, view_name, dialect, \"sql\", \
             column_aliases) VALUES ({id}, {}, {}, {}, $2, $3, $4, $5)",
            self.dialect.uuid(1),
            self.numbers.snapshot,
            self.numbers.schema(schema.id)
        );
        let aliases: Vec<String> = view.aliases.iter().map(|alias| quoted(alias)).collect();
        let parameters = [
            new_uuid().into(),
            view.name.as_str().into(),
            view.dialect.as_str().into(),
            view.sql.as_str().into(),
            aliases.join(",").into(),
        ];
        self.writing.execute(&sql, &parameters).await?;
        self.set_tag(id, COMMENT_TAG, None, view.comment.as_deref())
            .await?;
        self.set_tag(id, OWNER_TAG, None, view.owner.as_deref())
            .await
    }

    /// Sets, changes or takes away a tag of a schema, table or view.
    async fn set_tag(
        &mut self,
        id: i64,
        key: &str,
        old: Option<&str>,
        new: Option<&str>,
    ) -> Result<()> {
        if old == new {
            return Ok(());
        }
        let snapshot = self.numbers.snapshot;
        let sql = format!(
            "UPDATE ducklake_tag SET end_snapshot = {snapshot} WHERE object_id = {id} AND \"key\" = $1 \
             AND end_snapshot IS NULL"
        );
        self.writing.execute(&sql, &[key.into()]).await?;
        if new.is_some() {
            let sql = format!(
                "INSERT INTO ducklake_tag(object_id, begin_snapshot, \"key\", \"value\") VALUES ({id}, {snapshot}, $1, $2)"
            );
            self.writing.execute(&sql, &[key.into(), text(new)]).await?;
        }
        Ok(())
    }

    /// The same for a column.
    pub(super) async fn set_column_tag(
        &mut self,
        (table, column): (i64, i64),
        key: &str,
        old: Option<&str>,
        new: Option<&str>,
    ) -> Result<()> {
        if old == new {
            return Ok(());
        }
        let snapshot = self.numbers.snapshot;
        let sql = format!(
            "UPDATE ducklake_column_tag SET end_snapshot = {snapshot} WHERE table_id = {table} AND column_id = {column} \
             AND \"key\" = $1 AND end_snapshot IS NULL"
        );
        self.writing.execute(&sql, &[key.into()]).await?;
        if new.is_some() {
            let sql = format!(
                "INSERT INTO ducklake_column_tag(table_id, column_id, begin_snapshot, \"key\", \"value\") \
                 VALUES ({table}, {column}, {snapshot}, $1, $2)"
            );
            self.writing.execute(&sql, &[key.into(), text(new)]).await?;
        }
        Ok(())
    }
}

fn keys(table: &Table) -> Result<Option<String>> {
    if table.keys.is_empty() {
        return Ok(None);
    }
    let keys = serde_json::to_string(&table.keys).map_err(Error::internal)?;
    Ok(Some(keys))
}

fn new_uuid() -> String {
    Uuid::now_v7().to_string()
}
