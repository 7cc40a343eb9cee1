//! Making tables and giving them other names.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema as ArrowSchema};

use super::staged::{Staged, no_schema};
use super::{NewColumn, NewTable, name};
use crate::{Column, ColumnId, Error, Key, Result, Table, TableId, text, types};

impl Staged {
    pub(super) fn create_table(&mut self, new: NewTable) -> Result<TableId> {
        name::check("table", &new.name)?;
        if new.columns.is_empty() {
            return Err(Error::invalid(format!(
                "table {:?} has no columns; it needs one at least",
                new.name
            )));
        }
        let schema = self.state.schemas.get(&new.schema);
        let schema = Arc::clone(schema.ok_or_else(|| no_schema(&new.schema))?);
        if new.replace
            && let Some(old) = schema.tables.get(&new.name)
        {
            self.forget_rows(old.id);
            self.schema_mut(&new.schema)?.tables.remove(&new.name);
        }
        name::free_in_schema(self.schema_mut(&new.schema)?, &new.name)?;
        let mut table = Table {
            id: TableId(self.new_id()),
            schema: new.schema.clone(),
            path: format!("{}{}", schema.path, name::directory(&new.name)),
            name: new.name,
            columns: Vec::new(),
            last_column: ColumnId(0),
            arrow: Arc::new(ArrowSchema::empty()),
            keys: Vec::new(),
            comment: None,
            owner: self.owner.clone(),
            origin: None,
            schema_version: 0,
            read_only: None,
        };
        for column in &new.columns {
            push_column(&mut table, column)?;
        }
        set_keys(&mut table, new.keys)?;
        refresh(&mut table);
        let id = table.id;
        self.put_table(table)?;
        Ok(id)
    }

    pub(super) fn rename_table(&mut self, table: TableId, to: String) -> Result<()> {
        name::check("table", &to)?;
        let mut table = self.table(table)?.as_ref().clone();
        let schema = self.schema_mut(&table.schema)?;
        schema.tables.remove(&table.name);
        name::free_in_schema(schema, &to)?;
        table.name = to;
        self.put_table(table)
    }
}

/// Adds a column after all others.
pub(super) fn push_column(table: &mut Table, new: &NewColumn) -> Result<()> {
    let field = &new.field;
    name::check("column", field.name())?;
    free_in_table(table, field.name())?;
    let stored = types::stored_of(field)?;
    let mut last = table.last_column.0;
    let mut column = stored.column(&mut || {
        last += 1;
        ColumnId(last)
    });
    table.last_column = ColumnId(last);
    column.default.clone_from(&new.default);
    column.initial_default = initial_default(&column, new)?;
    table.columns.push(column);
    Ok(())
}

/// The catalog's text of what rows have that are there already.
fn initial_default(column: &Column, new: &NewColumn) -> Result<Option<String>> {
    let Some(initial) = new.initial.as_ref().filter(|initial| !initial.is_null()) else {
        return Ok(None);
    };
    if !column.children.is_empty() {
        return Err(Error::unsupported(format!(
            "column {:?} is of the nested type {}, whose values cannot be a default for rows that are there already; add the column without one and update the rows",
            column.field.name(),
            column.field.data_type()
        )));
    }
    let value = initial.cast_to(column.field.data_type()).map_err(|error| {
        Error::invalid(format!(
            "the default of column {:?} is not of its type: {error}",
            column.field.name()
        ))
    })?;
    let value = value.to_array().map_err(Error::internal)?;
    let value = types::to_file(&value, column)?;
    text::write(&value, 0)
}

/// Refuses the name of a column that there is, upper and lower case being one.
pub(super) fn free_in_table(table: &Table, name: &str) -> Result<()> {
    let mut names = table.columns.iter().map(|column| column.field.name());
    match names.find(|other| name::same(other, name)) {
        Some(other) => {
            let path = |column: &str| format!("{}.{}.{column}", table.schema, table.name);
            Err(name::exists("column", &path(other), &path(name)))
        }
        None => Ok(()),
    }
}

fn set_keys(table: &mut Table, keys: Vec<(String, bool, Vec<String>)>) -> Result<()> {
    for (name, primary, columns) in keys {
        let mut ids = Vec::with_capacity(columns.len());
        for column in &columns {
            let found = table
                .columns
                .iter_mut()
                .find(|other| other.field.name() == column);
            let found = found.ok_or_else(|| {
                Error::not_found(format!(
                    "column {column:?} of the key {name:?} does not exist"
                ))
            })?;
            if ids.contains(&found.id.0) {
                return Err(Error::invalid(format!(
                    "column {column:?} comes twice in the key {name:?}"
                )));
            }
            if primary {
                let field = found.field.as_ref().clone().with_nullable(false);
                found.field = Arc::new(field);
            }
            ids.push(found.id.0);
        }
        if ids.is_empty() {
            return Err(Error::invalid(format!("the key {name:?} has no columns")));
        }
        if primary && table.keys.iter().any(|key| key.primary) {
            return Err(Error::invalid(format!(
                "table {:?} has more than one primary key",
                table.name
            )));
        }
        table.keys.push(Key {
            name,
            primary,
            columns: ids,
        });
    }
    table.keys.sort_by_key(|key| !key.primary);
    Ok(())
}

/// Makes the Arrow schema follow the columns.
pub(super) fn refresh(table: &mut Table) {
    let fields = table.columns.iter();
    let fields: Vec<FieldRef> = fields.map(|column| Arc::clone(&column.field)).collect();
    table.arrow = Arc::new(ArrowSchema::new(fields));
}
