//! Schemas, views and comments.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::staged::{Staged, no_schema};
use super::{Commented, Definition, Owned, name};
use crate::{Error, Result, Schema, SchemaId, TableId, View, ViewId};

/// Whose SQL the views are that are made here.
const DIALECT: &str = "godwit";

impl Staged {
    pub(super) fn define(&mut self, definition: Definition) -> Result<()> {
        use Definition as D;
        match definition {
            D::CreateSchema { name } => self.create_schema(&name),
            D::DropSchema { name, cascade } => self.drop_schema(&name, cascade),
            D::DropTable { table } => self.drop_table(table),
            D::RenameTable { table, to } => self.rename_table(table, to),
            D::AddColumn { table, column } => self.add_column(table, &column),
            D::DropColumn { table, column } => self.drop_column(table, &column),
            D::RenameColumn { table, column, to } => self.rename_column(table, &column, to),
            D::SetType {
                table,
                column,
                data_type,
            } => self.set_type(table, &column, data_type),
            D::SetDefault {
                table,
                column,
                default,
            } => self.change_column(table, &column, |column| column.default = default),
            D::SetNotNull {
                table,
                column,
                not_null,
            } => self.set_not_null(table, &column, not_null),
            D::CreateView {
                schema,
                name,
                sql,
                aliases,
                replace,
            } => self.create_view(&schema, name, sql, aliases, replace),
            D::DropView { schema, name } => self.drop_view(&schema, &name),
            D::Comment { on, text } => self.comment(on, text),
            D::SetOrigin { table, origin } => self.set_origin(table, origin),
            D::SetOwner { of, owner } => self.set_owner(of, owner),
        }
    }

    fn create_schema(&mut self, name: &str) -> Result<()> {
        name::check("schema", name)?;
        name::free_in_state(&self.state, name)?;
        let schema = Schema {
            id: SchemaId(self.new_id()),
            name: name.to_owned(),
            path: name::directory(name),
            tables: BTreeMap::new(),
            views: BTreeMap::new(),
            comment: None,
            owner: self.owner.clone(),
        };
        let schemas = &mut Arc::make_mut(&mut self.state).schemas;
        schemas.insert(name.to_owned(), Arc::new(schema));
        Ok(())
    }

    fn drop_schema(&mut self, name: &str, cascade: bool) -> Result<()> {
        let schema = self.state.schemas.get(name).map(Arc::clone);
        let schema = schema.ok_or_else(|| no_schema(name))?;
        let (tables, views) = (schema.tables.len(), schema.views.len());
        if !cascade && tables + views > 0 {
            return Err(Error::invalid(format!(
                "schema {name:?} is not empty: it has {tables} tables and {views} views; DROP SCHEMA … CASCADE drops them too"
            )));
        }
        for table in schema.tables.values() {
            self.forget_rows(table.id);
        }
        Arc::make_mut(&mut self.state).schemas.remove(name);
        Ok(())
    }

    fn drop_table(&mut self, table: TableId) -> Result<()> {
        let table = self.table(table)?;
        self.forget_rows(table.id);
        self.schema_mut(&table.schema)?.tables.remove(&table.name);
        Ok(())
    }

    fn create_view(
        &mut self,
        schema: &str,
        name: String,
        sql: String,
        aliases: Vec<String>,
        replace: bool,
    ) -> Result<()> {
        name::check("view", &name)?;
        let id = ViewId(self.new_id());
        let owner = self.owner.clone();
        let schema = self.schema_mut(schema)?;
        if replace {
            schema.views.remove(&name);
        }
        name::free_in_schema(schema, &name)?;
        let view = View {
            id,
            schema: schema.name.clone(),
            name: name.clone(),
            sql,
            dialect: DIALECT.to_owned(),
            aliases,
            comment: None,
            owner,
        };
        schema.views.insert(name, Arc::new(view));
        Ok(())
    }

    fn drop_view(&mut self, schema: &str, name: &str) -> Result<()> {
        let removed = self.schema_mut(schema)?.views.remove(name);
        removed.map(drop).ok_or_else(|| no_view(schema, name))
    }

    fn set_origin(&mut self, table: TableId, origin: TableId) -> Result<()> {
        let mut table = self.table(table)?.as_ref().clone();
        table.origin = Some(origin);
        self.put_table(table)
    }

    fn set_owner(&mut self, of: Owned, owner: String) -> Result<()> {
        let owner = Some(owner);
        match of {
            Owned::Schema(name) => self.schema_mut(&name)?.owner = owner,
            Owned::Table(id) => {
                let mut table = self.table(id)?.as_ref().clone();
                table.owner = owner;
                self.put_table(table)?;
            }
            Owned::View(schema, name) => {
                let view = self.schema_mut(&schema)?.views.get_mut(&name);
                let view = view.ok_or_else(|| no_view(&schema, &name))?;
                Arc::make_mut(view).owner = owner;
            }
        }
        Ok(())
    }

    fn comment(&mut self, on: Commented, text: Option<String>) -> Result<()> {
        match on {
            Commented::Schema(name) => self.schema_mut(&name)?.comment = text,
            Commented::Table(id) => {
                let mut table = self.table(id)?.as_ref().clone();
                table.comment = text;
                self.put_table(table)?;
            }
            Commented::Column(id, column) => {
                self.change_column(id, &column, |column| column.comment = text)?;
            }
            Commented::View(schema, name) => {
                let view = self.schema_mut(&schema)?.views.get_mut(&name);
                let view = view.ok_or_else(|| no_view(&schema, &name))?;
                Arc::make_mut(view).comment = text;
            }
        }
        Ok(())
    }
}

fn no_view(schema: &str, name: &str) -> Error {
    Error::not_found(format!("view \"{schema}.{name}\" does not exist"))
}
