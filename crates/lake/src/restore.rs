//! Makes tables what they were.

use std::sync::Arc;

use futures::StreamExt;

use crate::scan::stream;
use crate::{
    Column, Commented, Definition, Error, LakeTable, NewColumn, NewTable, Owned, Result, Schema,
    Scope, Snapshot, State, Table, Transaction, View,
};

/// What a restoration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Restored {
    /// Tables that were not what they had been.
    pub tables: u64,
    /// Their rows.
    pub rows: u64,
}

impl Transaction {
    /// Makes tables, with all their rows, what they were at a snapshot; a schema or the whole lake with all that was in
    /// it then, and nothing else. A table that is gone, or whose columns have changed since, is made anew, and goes by the
    /// number of the one that it is made from ([`Table::known_by`]). Row ids are new ones.
    ///
    /// # Errors
    /// [`Error::NotFound`] when what is named was not there at that snapshot; those of writing.
    pub async fn restore(&self, to: &Snapshot, scope: &Scope) -> Result<Restored> {
        match scope {
            Scope::Table(schema, name) => {
                let then = to.table(schema, name).await?.ok_or_else(|| {
                    Error::not_found(format!(
                        "table {schema:?}.{name:?} did not exist at snapshot {}",
                        to.id()
                    ))
                })?;
                self.restore_table(&then).await
            }
            Scope::Schema(name) => {
                let then = to.state().schemas.get(name).ok_or_else(|| {
                    Error::not_found(format!(
                        "schema {name:?} did not exist at snapshot {}",
                        to.id()
                    ))
                })?;
                self.restore_schema(to, then).await
            }
            Scope::All => {
                for name in missing(&self.state().schemas, &to.state().schemas) {
                    let cascade = true;
                    self.define(Definition::DropSchema { name, cascade })?;
                }
                let mut done = Restored::default();
                for schema in to.state().schemas.values() {
                    done.add(self.restore_schema(to, schema).await?);
                }
                Ok(done)
            }
        }
    }

    fn state(&self) -> Arc<State> {
        Arc::clone(self.snapshot().state())
    }

    async fn restore_schema(&self, to: &Snapshot, then: &Schema) -> Result<Restored> {
        if !self.state().schemas.contains_key(&then.name) {
            self.need_schema(&then.name)?;
            self.give(Owned::Schema(then.name.clone()), then.owner.as_deref())?;
        }
        let state = self.state();
        if let Some(now) = state.schemas.get(&then.name) {
            for name in missing(&now.views, &then.views) {
                let schema = then.name.clone();
                self.define(Definition::DropView { schema, name })?;
            }
            for name in missing(&now.tables, &then.tables) {
                let table = now.tables[&name].id;
                self.define(Definition::DropTable { table })?;
            }
        }
        let mut done = Restored::default();
        for name in then.tables.keys() {
            if let Some(table) = to.table(&then.name, name).await? {
                done.add(self.restore_table(&table).await?);
            }
        }
        for view in then.views.values() {
            self.restore_view(view)?;
        }
        let comment = self
            .state()
            .schemas
            .get(&then.name)
            .and_then(|now| now.comment.clone());
        if comment != then.comment {
            let on = Commented::Schema(then.name.clone());
            let text = then.comment.clone();
            self.define(Definition::Comment { on, text })?;
        }
        Ok(done)
    }

    fn need_schema(&self, name: &str) -> Result<()> {
        if self.state().schemas.contains_key(name) {
            return Ok(());
        }
        let name = name.to_owned();
        self.define(Definition::CreateSchema { name })
    }

    fn restore_view(&self, then: &View) -> Result<()> {
        let state = self.state();
        if state
            .view(&then.schema, &then.name)
            .is_none_or(|now| now.sql != then.sql || now.aliases != then.aliases)
        {
            self.define(Definition::CreateView {
                schema: then.schema.clone(),
                name: then.name.clone(),
                sql: then.sql.clone(),
                aliases: then.aliases.clone(),
                replace: true,
            })?;
            let now = state.view(&then.schema, &then.name);
            let owner = now.map_or(&then.owner, |now| &now.owner);
            let view = Owned::View(then.schema.clone(), then.name.clone());
            self.give(view, owner.as_deref())?;
        }
        let state = self.state();
        let now = state.view(&then.schema, &then.name);
        if now.is_some_and(|now| now.comment != then.comment) {
            let on = Commented::View(then.schema.clone(), then.name.clone());
            let text = then.comment.clone();
            self.define(Definition::Comment { on, text })?;
        }
        Ok(())
    }

    async fn restore_table(&self, then: &LakeTable) -> Result<Restored> {
        let table = then.table();
        let now = self.snapshot().table(&table.schema, &table.name).await?;
        if now
            .as_ref()
            .is_some_and(|now| now.version() == then.version())
        {
            return Ok(Restored::default());
        }
        let owner = now.as_ref().map_or(&table.owner, |now| &now.table().owner);
        let owner = owner.clone();
        let from = now.as_ref().map_or(table, |now| now.table());
        let origin = from.known_by();
        let same = now.filter(|now| has_same_columns(now.table(), table));
        let id = match same {
            Some(now) => now.table().id,
            None => {
                self.need_schema(&table.schema)?;
                let id = self.create_table(made_again(table))?;
                self.give(Owned::Table(id), owner.as_deref())?;
                let table = id;
                self.define(Definition::SetOrigin { table, origin })?;
                id
            }
        };
        let mut writer = self.write(id).await?;
        writer.truncate();
        for mut stream in stream::all(&then.lake, then.provider().as_ref()).await? {
            while let Some(batch) = stream.next().await {
                writer.append(batch.map_err(stream::error)?).await?;
            }
        }
        let written = writer.finish().await?;
        self.restore_comments(table)?;
        Ok(Restored {
            tables: 1,
            rows: written.appended,
        })
    }

    /// What is made again stays whose it is, or becomes whose it was.
    fn give(&self, of: Owned, owner: Option<&str>) -> Result<()> {
        let Some(owner) = owner.map(str::to_owned) else {
            return Ok(());
        };
        self.define(Definition::SetOwner { of, owner })
    }

    fn restore_comments(&self, then: &Table) -> Result<()> {
        let state = self.state();
        let Some(now) = state.table(&then.schema, &then.name) else {
            return Ok(());
        };
        if now.comment != then.comment {
            let on = Commented::Table(now.id);
            let text = then.comment.clone();
            self.define(Definition::Comment { on, text })?;
        }
        for (now_column, column) in now.columns.iter().zip(&then.columns) {
            if now_column.comment != column.comment {
                let on = Commented::Column(now.id, column.field.name().clone());
                let text = column.comment.clone();
                self.define(Definition::Comment { on, text })?;
            }
        }
        Ok(())
    }
}

impl Restored {
    fn add(&mut self, other: Self) {
        self.tables += other.tables;
        self.rows += other.rows;
    }
}

/// Names that are there now and were not then.
fn missing<T, U>(
    now: &std::collections::BTreeMap<String, T>,
    then: &std::collections::BTreeMap<String, U>,
) -> Vec<String> {
    let names = now.keys().filter(|name| !then.contains_key(*name));
    names.cloned().collect()
}

fn has_same_columns(now: &Table, then: &Table) -> bool {
    let is_same = |now: &Column, then: &Column| {
        now.id == then.id
            && now.field == then.field
            && now.stored == then.stored
            && now.default == then.default
    };
    let pairs = || now.columns.iter().zip(&then.columns);
    now.id == then.id
        && now.columns.len() == then.columns.len()
        && now.keys == then.keys
        && pairs().all(|(now, then)| is_same(now, then))
}

fn made_again(table: &Table) -> NewTable {
    let columns = table.columns.iter().map(|column| NewColumn {
        field: column.field.as_ref().clone(),
        default: column.default.clone(),
        initial: None,
    });
    let name_of = |id: &i64| {
        let mut columns = table.columns.iter();
        let column = columns.find(|column| column.id.0 == *id);
        column.map(|column| column.field.name().clone())
    };
    let keys = table.keys.iter().map(|key| {
        let columns = key.columns.iter().filter_map(name_of);
        (key.name.clone(), key.primary, columns.collect())
    });
    NewTable {
        schema: table.schema.clone(),
        name: table.name.clone(),
        columns: columns.collect(),
        keys: keys.collect(),
        replace: true,
    }
}
