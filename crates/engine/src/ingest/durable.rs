use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{RecordBatch, RecordBatchOptions};
use arrow::datatypes::SchemaRef;
use datafusion::logical_expr::{Expr, LogicalPlan};
use futures::StreamExt;
use godwit_auth::access::Privilege;
use godwit_catalog::plain_schema;
use godwit_lake::{LakeTable, NewColumn, NewTable, State, Table, TableId, Transaction};
use godwit_protocol::StatementId;

use super::columns::Columns;
use super::{Arriving, IfExists, IfMissing};
use crate::access::{RowCheck, Rules, Sight};
use crate::change::Target;
use crate::effect::{KeyCheck, Pauses};
use crate::inner::Inner;
use crate::transactions::Working;
use crate::{Error, Result, Session, parse};

/// The durable table that rows go into.
pub(super) struct Into {
    pub(super) schema: String,
    pub(super) table: String,
    pub(super) if_missing: IfMissing,
    pub(super) if_exists: IfExists,
}

impl Inner {
    /// Rows into a durable table, as they come: they become part of the transaction at their end.
    pub(super) async fn ingest_durable(
        &self,
        session: &Session,
        into: Into,
        upload: SchemaRef,
        mut rows: Arriving,
    ) -> Result<u64> {
        let working = session.work().await?;
        let transaction = working.transaction();
        into.allow(session, transaction, &upload)?;
        let (id, is_new) = into.table(transaction, &upload)?;
        let mut writer = transaction.write(id).await.map_err(translate)?;
        let before: LakeTable = writer.table().clone();
        let table = Arc::clone(before.table());
        let rows_allowed = into.row_check(session, transaction, &table)?;
        let mut columns = if is_new {
            Columns::as_they_come(&upload, &table.arrow)?
        } else {
            let defaults = self.defaults(session, &table, &upload).await?;
            let default_of = |column: &str| defaults.get(column).cloned();
            Columns::matched(&upload, &table.arrow, default_of, session.state().session())?
        };
        while let Some(batch) = rows.next().await {
            let batch = columns.fit(&batch?)?;
            let batch = exact(&table, &batch)?;
            if let Some(rows) = &rows_allowed {
                rows.check(&batch)?;
            }
            writer.append(batch).await.map_err(translate)?;
        }
        let written = writer.finish().await.map_err(translate)?;
        self.commit_rows(session, working, before).await?;
        Ok(written.appended)
    }

    /// Commits the rows that were added to a table. When another transaction was first, they are added again to what it
    /// left, `lake.commit_retries` times: they are written, and the client does not send them again.
    async fn commit_rows(
        &self,
        session: &Session,
        mut working: Working,
        mut before: LakeTable,
    ) -> Result<()> {
        let check = KeyCheck {
            inner: self,
            state: session.state(),
            caller: &session.caller(),
            temporary: session.temporary(),
            query_id: StatementId::random().to_string(),
        };
        let mut attempts = self.commit_retries;
        let mut pauses = Pauses::default();
        loop {
            let keys = before.table().keys.clone();
            check
                .added(working.transaction(), &Target::Durable(before), &keys)
                .await?;
            let (lost, left) = match working.finish_or_keep().await {
                Ok(()) => return Ok(()),
                Err((lost, Some(left))) if attempts > 0 => (lost, left),
                Err((error, _)) => return Err(error),
            };
            attempts -= 1;
            pauses.next().await;
            working = session.work().await?;
            let staged = left.stage(working.transaction()).await;
            before = staged.map_err(translate)?.ok_or(lost)?;
        }
    }

    /// The defaults of the columns that an upload does not have.
    async fn defaults(
        &self,
        session: &Session,
        table: &Table,
        upload: &SchemaRef,
    ) -> Result<HashMap<String, Expr>> {
        let mut defaults = HashMap::new();
        for column in &table.columns {
            let name = column.field.name();
            if upload.column_with_name(name).is_some() {
                continue;
            }
            if let Some(text) = &column.default {
                let expr = self.default(session, text).await?;
                defaults.insert(name.clone(), expr);
            }
        }
        Ok(defaults)
    }

    /// The expression that a default is, as it was written.
    async fn default(&self, session: &Session, text: &str) -> Result<Expr> {
        let parsed = parse::parse(&format!("SELECT {text}"), self.planner.limits)?;
        let (state, seen) = (session.state(), session.seen().await?);
        let plan = self.planner.plan(&state, &seen, parsed, None).await?;
        match &*plan.logical {
            LogicalPlan::Projection(projection) if projection.expr.len() == 1 => {
                Ok(projection.expr[0].clone().unalias())
            }
            _ => Err(Error::unsupported(format!(
                "the default '{text}' is no plain expression; send the column"
            ))),
        }
    }
}

impl Into {
    /// Refuses an upload that the caller may not make.
    fn allow(
        &self,
        session: &Session,
        transaction: &Transaction,
        upload: &SchemaRef,
    ) -> Result<()> {
        let snapshot = transaction.snapshot();
        let state = snapshot.state();
        let sight = Sight::new(session.authority(), state);
        let (schema, name) = (self.schema.as_str(), self.table.as_str());
        let appends = self.if_exists == IfExists::Append && sight.sees(schema, name);
        match state.table(schema, name) {
            Some(_) if appends => {
                let columns = upload.fields().iter().map(|field| field.name().as_str());
                sight.require_columns(Privilege::Insert, (schema, name), columns)
            }
            Some(_) if self.if_exists == IfExists::Append => {
                sight.require_make(schema)?;
                Err(exists("table", &format!("{schema}.{name}")))
            }
            Some(_) if self.if_exists == IfExists::Replace => {
                sight.require_make(schema)?;
                sight.require(Privilege::Drop, schema, name)
            }
            None if self.if_missing == IfMissing::Create => sight.require_make(schema),
            Some(_) | None => Ok(()),
        }
    }

    /// What the rows must meet.
    fn row_check(
        &self,
        session: &Session,
        transaction: &Transaction,
        table: &Table,
    ) -> Result<Option<RowCheck>> {
        let snapshot = transaction.snapshot();
        let sight = Sight::new(session.authority(), snapshot.state());
        let Some(relation) = sight.relation(&self.schema, &self.table) else {
            return Ok(None);
        };
        let label = format!("{}.{}", self.schema, self.table);
        match Rules::of(session.authority(), &relation, &label)? {
            Some(rules) => rules.row_check(session.state().session(), &table.arrow),
            None => Ok(None),
        }
    }

    /// The table that the rows go into, and whether it was made for them.
    fn table(&self, transaction: &Transaction, upload: &SchemaRef) -> Result<(TableId, bool)> {
        let snapshot = transaction.snapshot();
        let state = snapshot.state();
        let name = format!("{}.{}", self.schema, self.table);
        if state.view(&self.schema, &self.table).is_some() {
            return Err(exists("view", &name));
        }
        let found = state.table(&self.schema, &self.table);
        match (found, self.if_missing, self.if_exists) {
            (None, IfMissing::Fail, _) => Err(Error::not_found(format!(
                "table '{name}' does not exist, and the upload is not to create it"
            ))),
            (Some(_), _, IfExists::Fail) => Err(exists("table", &name)),
            (Some(table), _, IfExists::Append) => match &table.read_only {
                Some(why) => Err(Error::ReadOnly {
                    message: format!("upload: no rows can be added to table '{name}': {why}"),
                }),
                None => Ok((table.id, false)),
            },
            (None, IfMissing::Create, _) | (Some(_), _, IfExists::Replace) => {
                self.create(transaction, state, upload)
            }
        }
    }

    fn create(
        &self,
        transaction: &Transaction,
        state: &State,
        upload: &SchemaRef,
    ) -> Result<(TableId, bool)> {
        let kept = plain_schema(upload);
        let columns = kept.fields().iter().map(|field| NewColumn {
            field: field.as_ref().clone(),
            default: None,
            initial: None,
        });
        let replace = state.table(&self.schema, &self.table).is_some();
        let made = transaction.create_table(NewTable {
            schema: self.schema.clone(),
            name: self.table.clone(),
            columns: columns.collect(),
            keys: Vec::new(),
            replace,
        });
        Ok((made.map_err(translate)?, true))
    }
}

/// The rows under the table's own schema.
fn exact(table: &Table, batch: &RecordBatch) -> Result<RecordBatch> {
    for (field, column) in table.arrow.fields().iter().zip(batch.columns()) {
        // Those that were sent are looked at as they come; this is a default that is null.
        if !field.is_nullable() && column.logical_null_count() > 0 {
            return Err(Error::invalid(format!(
                "column '{}': null, and the column is NOT NULL",
                field.name()
            )));
        }
    }
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    let columns = batch.columns().to_vec();
    RecordBatch::try_new_with_options(Arc::clone(&table.arrow), columns, &options)
        .map_err(|error| Error::from_arrow(&error, "ingest"))
}

fn exists(what: &str, name: &str) -> Error {
    Error::AlreadyExists {
        message: format!("{what} '{name}' exists already"),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as map_err passes it")]
fn translate(error: godwit_lake::Error) -> Error {
    Error::from_lake(&error, "ingest")
}
