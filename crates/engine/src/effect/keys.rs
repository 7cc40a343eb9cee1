//! PRIMARY KEY and UNIQUE: after the rows of a change are there, and before they are committed.

use std::collections::HashSet;
use std::sync::Arc;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::TableReference;
use futures::StreamExt;
use godwit_catalog::{ResolvedTable, Seen, TableKind, TempTables};
use godwit_lake::{Content, Key, LakeTable, Part, Rows, Transaction};

use super::run::Run;
use crate::change::{Target, Write, template};
use crate::inner::Inner;
use crate::names::Table;
use crate::plan::Request;
use crate::session::{Caller, State};
use crate::{Error, Result, run};

/// What the number of a row is called; the others are the key's columns, under names made from their places.
const ROW: &str = "__row";
const ROW_ID: &str = "__row_id";

/// What keys are checked with.
pub(crate) struct KeyCheck<'a> {
    pub(crate) inner: &'a Inner,
    pub(crate) state: Arc<State>,
    pub(crate) caller: &'a Arc<Caller>,
    pub(crate) temporary: &'a TempTables,
    pub(crate) query_id: String,
}

impl Run<'_> {
    /// Looks whether a value of a key that the change touches is there twice.
    pub(super) async fn check_keys(&self, transaction: &Transaction, write: &Write) -> Result<()> {
        let check = KeyCheck {
            inner: self.inner(),
            state: self.state(),
            caller: self.caller(),
            temporary: self.temporary(),
            query_id: self.query_id(),
        };
        check.added(transaction, &write.target, &write.keys).await
    }
}

impl KeyCheck<'_> {
    /// Looks whether a value of one of the keys is there twice: once in the parts that the table did not have before, as
    /// the target has it, and once anywhere.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] with the value.
    pub(crate) async fn added(
        &self,
        transaction: &Transaction,
        target: &Target,
        keys: &[Key],
    ) -> Result<()> {
        let Target::Durable(before) = target else {
            return Ok(());
        };
        if keys.is_empty() {
            return Ok(());
        }
        let snapshot = transaction.snapshot();
        let (schema, name) = (target.schema_name(), target.name());
        let whole = snapshot.table(schema, name).await;
        let whole = whole.map_err(|error| super::sink::translate(&error))?;
        let whole =
            whole.ok_or_else(|| Error::internal(&self.query_id, "a changed table has gone"))?;
        let first = first_new(before.content(), whole.content());
        if first >= whole.content().parts.len() {
            return Ok(());
        }
        let added = whole.since(first);
        let seen = Seen::new(self.temporary.clone(), snapshot);
        for key in keys {
            self.check_key(&seen, target, key, [&added, &whole]).await?;
        }
        Ok(())
    }

    async fn check_key(
        &self,
        seen: &Seen,
        target: &Target,
        key: &Key,
        tables: [&LakeTable; 2],
    ) -> Result<()> {
        let columns = target.key_columns(key);
        let names = target.names(&columns);
        let names = names
            .iter()
            .map(|name| format!("\"{}\"", name.replace('"', "\"\"")));
        let names: Vec<_> = names.collect();
        let list = |of: &str, sep: &str, f: &dyn Fn(&String) -> String| {
            let items: Vec<_> = names
                .iter()
                .map(|name| format!("{of}{}", f(name)))
                .collect();
            items.join(sep)
        };
        let row = free(target, ROW);
        let row_id = free(target, ROW_ID);
        let sql = format!(
            "SELECT {} FROM __key.added.content AS n JOIN __key.whole.content AS o ON {} AND n.\"{row}\" <> o.\"{row}\" LIMIT 1",
            list("n.", ", ", &String::clone),
            list("", " AND ", &|name| format!("n.{name} = o.{name}")),
        );
        let targets = ["added", "whole"].into_iter().zip(tables);
        let targets = targets.map(|(part, table)| {
            let resolved = ResolvedTable {
                provider: table.numbered(&row, &row_id),
                kind: TableKind::Table,
                snapshot: table.version(),
            };
            let reference = TableReference::full("__key", part, "content");
            (reference, Table::of(part, "content", resolved))
        });
        let tree = datafusion::sql::sqlparser::ast::Statement::Query(template(&sql)?);
        let request = Request {
            state: &self.state,
            seen,
            tree: datafusion::sql::parser::Statement::Statement(Box::new(tree)),
            parameters: &[],
            given: None,
            also: Vec::new(),
            targets: targets.collect(),
            input: None,
            shape: None,
        };
        let plan = self.inner.planner.plan_as(request).await?;
        let translate = |error| Error::from_datafusion(&error, &self.query_id);
        let share = self.inner.shares.begin(&self.query_id)?;
        let memory = (&share, self.query_id.as_str());
        let rows = run::start(&plan, self.caller, memory, None, |_| None).await;
        let mut rows = rows.map_err(translate)?;
        while let Some(batch) = rows.next().await {
            let batch = batch.map_err(translate)?;
            if batch.num_rows() > 0 {
                return Err(twice(target, key, &names, &batch));
            }
        }
        Ok(())
    }
}

/// Where the parts begin that were not there before. They come after all others; of those some may have gone.
fn first_new(before: &Content, after: &Content) -> usize {
    let known: HashSet<_> = before.parts.iter().map(place).collect();
    let mut parts = after.parts.iter();
    parts
        .position(|part| !known.contains(&place(part)))
        .unwrap_or(after.parts.len())
}

/// Tells the rows of a part from those of all others that are held at the same time.
fn place(part: &Part) -> usize {
    match &part.rows {
        Rows::File(file) => Arc::as_ptr(file).addr(),
        Rows::Inlined(rows) => Arc::as_ptr(rows).addr(),
    }
}

/// Names the table, the key and the value that is there twice.
fn twice(target: &Target, key: &Key, names: &[String], row: &arrow::array::RecordBatch) -> Error {
    let options = FormatOptions::default().with_null("NULL");
    let values = row.columns().iter().map(|column| {
        ArrayFormatter::try_new(Arc::as_ref(column), &options)
            .map_or_else(|_| "?".to_owned(), |cells| cells.value(0).to_string())
    });
    let values: Vec<_> = values.collect();
    let kind = if key.primary { "PRIMARY KEY" } else { "UNIQUE" };
    Error::AlreadyExists {
        message: format!(
            "table '{}': {kind} '{}' ({}) would hold ({}) twice; nothing was changed",
            target.label(),
            key.name,
            names.join(", ").replace('"', ""),
            values.join(", ")
        ),
    }
}

fn free(target: &Target, name: &str) -> String {
    let mut name = name.to_owned();
    while target.schema().field_with_name(&name).is_ok() {
        name.push('_');
    }
    name
}
