//! Changing the columns of a table.

use std::sync::Arc;

use arrow::datatypes::DataType;

use super::staged::Staged;
use super::{NewColumn, name, reshape, table, widen};
use crate::{Column, Error, Result, Table, TableId};

impl Staged {
    pub(super) fn add_column(&mut self, id: TableId, new: &NewColumn) -> Result<()> {
        let old = self.alterable(id)?;
        let mut altered = old.as_ref().clone();
        table::push_column(&mut altered, new)?;
        self.put_altered(&old, altered)
    }

    pub(super) fn drop_column(&mut self, id: TableId, column: &str) -> Result<()> {
        let old = self.alterable(id)?;
        let mut altered = old.as_ref().clone();
        let at = place(&altered, column)?;
        let dropped = altered.columns.remove(at).id.0;
        if let Some(key) = altered
            .keys
            .iter()
            .find(|key| key.columns.contains(&dropped))
        {
            return Err(Error::invalid(format!(
                "column {column:?} is part of the key {:?} of table {:?}, and stays as long as the table",
                key.name, old.name
            )));
        }
        if altered.columns.is_empty() {
            return Err(Error::invalid(format!(
                "column {column:?} is the only one of table {:?}; drop the table instead",
                old.name
            )));
        }
        self.put_altered(&old, altered)
    }

    pub(super) fn rename_column(&mut self, id: TableId, column: &str, to: String) -> Result<()> {
        name::check("column", &to)?;
        let old = self.alterable(id)?;
        let mut altered = old.as_ref().clone();
        let at = place(&altered, column)?;
        let mut renamed = altered.columns.remove(at);
        table::free_in_table(&altered, &to)?;
        renamed.field = Arc::new(renamed.field.as_ref().clone().with_name(to));
        altered.columns.insert(at, renamed);
        self.put_altered(&old, altered)
    }

    pub(super) fn set_type(&mut self, id: TableId, column: &str, to: DataType) -> Result<()> {
        let old = self.alterable(id)?;
        let mut altered = old.as_ref().clone();
        let at = place(&altered, column)?;
        altered.columns[at] = widen::widen(&altered.columns[at], to)?;
        self.put_altered(&old, altered)
    }

    pub(super) fn set_not_null(&mut self, id: TableId, column: &str, not_null: bool) -> Result<()> {
        let found = self.table(id)?;
        let number = found.columns[place(&found, column)?].id.0;
        let primary = found.keys.iter().find(|key| key.primary);
        if !not_null && primary.is_some_and(|key| key.columns.contains(&number)) {
            return Err(Error::invalid(format!(
                "column {column:?} is part of the primary key of table {:?}, and has no nulls",
                found.name
            )));
        }
        self.change_column(id, column, |column| {
            let field = column.field.as_ref().clone().with_nullable(!not_null);
            column.field = Arc::new(field);
        })
    }

    /// Changes what does not change values.
    pub(super) fn change_column(
        &mut self,
        id: TableId,
        column: &str,
        change: impl FnOnce(&mut Column),
    ) -> Result<()> {
        let old = self.table(id)?;
        let mut altered = old.as_ref().clone();
        let at = place(&altered, column)?;
        change(&mut altered.columns[at]);
        self.put_altered(&old, altered)
    }

    fn alterable(&self, id: TableId) -> Result<Arc<Table>> {
        let table = self.table(id)?;
        match &table.read_only {
            Some(why) => Err(Error::unsupported(format!(
                "the columns of table {:?} cannot be changed: {why}",
                table.name
            ))),
            None => Ok(table),
        }
    }

    fn put_altered(&mut self, old: &Table, mut altered: Table) -> Result<()> {
        table::refresh(&mut altered);
        match self.rows.get(&old.id) {
            Some((content, _)) => {
                let content = reshape::content(content, old, &altered)?;
                self.set_rows(old.id, content);
            }
            None if old.id.0 >= 0 => self.set_altered(old),
            None => {}
        }
        self.put_table(altered)
    }
}

fn place(table: &Table, column: &str) -> Result<usize> {
    let mut columns = table.columns.iter();
    let place = columns.position(|other| other.field.name() == column);
    place.ok_or_else(|| {
        Error::not_found(format!(
            "column {column:?} of table \"{}.{}\" does not exist",
            table.schema, table.name
        ))
    })
}
