//! Uploads: Arrow rows that a client sends, into a temporary table.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use futures::StreamExt;
use futures::stream::BoxStream;
use godwit_auth::Permit;
use godwit_catalog::{
    CATALOG, Chunk, DEFAULT_SCHEMA, Staging, TEMP, TableKind, TempTable, TempTables, plain_schema,
};
use godwit_protocol::StatementId;

use crate::change::{exists, read_only, unique_names};
use crate::check::Names;
use crate::effect::{Adding, SMALL_CHUNK, full};
use crate::inner::Inner;
use crate::{Engine, Error, Outcome, Result, Session};

mod columns;

use columns::Columns;

/// Where the rows of an upload go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestTarget {
    /// The catalog, where the client names one.
    pub catalog: Option<String>,
    /// The schema, where the client names one.
    pub schema: Option<String>,
    /// The table, exactly as it is called.
    pub table: String,
    /// Whether the table is to end with the session.
    pub temporary: bool,
    /// What happens when there is no such table.
    pub if_missing: IfMissing,
    /// What happens when there is one.
    pub if_exists: IfExists,
}

/// What an upload does when its table does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// Makes it, with the columns of the upload.
    Create,
    /// Fails with [`Error::NotFound`].
    Fail,
}

/// What an upload does when its table exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// Adds the rows to it. Columns are matched by name.
    Append,
    /// Makes it anew, with the columns of the upload.
    Replace,
    /// Fails with [`Error::AlreadyExists`].
    Fail,
}

impl Engine {
    /// Takes the rows of an upload into a table, all of them or none; nobody sees any before the last one has come. The
    /// rows are taken one batch after the other, and the limits are checked as they come. Dropping the future leaves
    /// everything as it was.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::AlreadyExists`] as the target says; [`Error::InvalidInput`] for columns that
    /// do not fit and, with column and row, for values that do not; [`Error::Unsupported`] for durable tables;
    /// [`Error::ReadOnly`] for mounted files; [`Error::ResourcesExhausted`] at `sessions.temp_bytes` or
    /// `memory.limit`; [`Error::Conflict`] when the table was changed meanwhile so that the rows no longer fit;
    /// whatever error the rows come with.
    pub async fn ingest(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        target: IngestTarget,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<RecordBatch>>,
    ) -> Result<Outcome> {
        self.admit(session, permit)?;
        let id = StatementId::random();
        let text: Arc<str> = format!("upload into {}", target.table).into();
        let (inner, into) = (Arc::clone(&self.inner), Arc::clone(session));
        let work = Box::pin(async move { inner.ingest(&into, &target, schema, rows).await });
        self.inner.run_effect(id, session, &text, work).await
    }
}

/// What is to become of the table, decided when the upload begins.
enum Plan {
    Create,
    Replace,
    Append(Arc<TempTable>),
}

impl Inner {
    async fn ingest(
        &self,
        session: &Session,
        target: &IngestTarget,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<RecordBatch>>,
    ) -> Result<u64> {
        let name = self.destination(session, target).await?;
        let tables = session.changeable()?;
        let plan = plan(tables, name, target)?;
        unique_names(&schema)?;
        let (columns, kept, before) = match &plan {
            Plan::Append(table) => (
                Columns::matched(&schema, table, session.state().session())?,
                Arc::clone(table.schema()),
                tables.bytes(),
            ),
            Plan::Create | Plan::Replace => {
                let replaced = tables.get(name).map_or(0, |table| table.bytes());
                let kept = plain_schema(&schema);
                let columns = Columns::as_they_come(&schema, &kept);
                (columns, kept, tables.bytes().saturating_sub(replaced))
            }
        };
        // The upload may take long, so the session's other changes do not wait for it: only its end does.
        let staging = Staging::new(tables, name, Arc::clone(&kept), before).map_err(full)?;
        let (chunks, count) = staged(staging, columns, rows).await?;
        let writer = tables.write().await;
        match (plan, writer.draft().get(name)) {
            (Plan::Append(began), Some(now)) if began.schema() == now.schema() => {
                let chunks = added(writer.draft(), name, &now, chunks)?;
                writer.refill(name, &now, chunks).map_err(full)?;
            }
            (Plan::Create, None) | (Plan::Replace, _) => {
                writer
                    .put(name, kept, Default::default(), chunks)
                    .map_err(full)?;
            }
            (Plan::Append(_) | Plan::Create, _) => {
                return Err(Error::Conflict {
                    message: format!(
                        "table '{TEMP}.{name}' was changed during the upload, none of which was taken; send it again"
                    ),
                });
            }
        }
        writer.commit();
        Ok(count)
    }

    /// The temporary table that an upload is for, whether it exists or not.
    async fn destination<'a>(
        &self,
        session: &Session,
        target: &'a IngestTarget,
    ) -> Result<&'a str> {
        let table = target.table.as_str();
        if table.is_empty() {
            return Err(Error::invalid("the upload names no table"));
        }
        let given = |name: &'a Option<String>| name.as_deref().filter(|name| !name.is_empty());
        if let Some(catalog) = given(&target.catalog)
            && catalog != CATALOG
        {
            return Err(Error::not_found(format!(
                "catalog '{catalog}' does not exist; the only one is {CATALOG}"
            )));
        }
        let reference = match (given(&target.schema), target.temporary) {
            (None, true) | (Some(TEMP), _) => return Ok(table),
            (Some(schema), true) => {
                return Err(Error::invalid(format!(
                    "temporary tables are in schema {TEMP}, not in '{schema}'; name no schema"
                )));
            }
            (None, false) => {
                let is_there = session.temporary().get(table).is_some();
                if is_there && target.if_exists != IfExists::Replace {
                    return Ok(table);
                }
                TableReference::bare(table)
            }
            (Some(schema), false) => TableReference::partial(schema, table),
        };
        Err(self
            .no_destination(session, &reference, target.if_missing)
            .await)
    }

    /// Why rows cannot go into a table that is no temporary one.
    async fn no_destination(
        &self,
        session: &Session,
        reference: &TableReference,
        if_missing: IfMissing,
    ) -> Error {
        let state = session.state();
        let names = Names {
            tables: [reference.clone()].into(),
            ..Names::default()
        };
        let seen = match session.seen().await {
            Ok(seen) => seen,
            Err(error) => return error,
        };
        let lookup = self.planner.lookup(&state, &seen);
        let resolved = lookup.resolve(&names).await;
        match (resolved.get(reference), reference.schema()) {
            (Ok(table), _) if table.kind != TableKind::Temporary => read_only("upload", table),
            // Nothing would be made, whatever kinds of tables there were.
            (Err(error), _) if if_missing == IfMissing::Fail => error,
            (Ok(_), _) | (Err(_), None | Some(DEFAULT_SCHEMA)) => Error::unsupported(format!(
                "durable tables: this server has none to put '{}' into; set temporary, and the table lives as long as \
                 the session",
                reference.table()
            )),
            (Err(_), Some(schema))
                if self
                    .planner
                    .catalog
                    .schema_names()
                    .iter()
                    .any(|known| known == schema) =>
            {
                Error::ReadOnly {
                    message: format!(
                        "upload: nothing can be put into schema '{schema}'; set temporary, and name no schema"
                    ),
                }
            }
            (Err(error), Some(_)) => error,
        }
    }
}

fn plan(tables: &TempTables, name: &str, target: &IngestTarget) -> Result<Plan> {
    match (tables.get(name), target.if_missing, target.if_exists) {
        (None, IfMissing::Create, _) => Ok(Plan::Create),
        (None, IfMissing::Fail, _) => Err(Error::not_found(format!(
            "table '{TEMP}.{name}' does not exist, and the upload is not to create it"
        ))),
        (Some(_), _, IfExists::Fail) => Err(exists(name)),
        (Some(_), _, IfExists::Replace) => Ok(Plan::Replace),
        (Some(table), _, IfExists::Append) => Ok(Plan::Append(table)),
    }
}

async fn staged(
    mut staging: Staging,
    mut columns: Columns,
    mut rows: BoxStream<'static, Result<RecordBatch>>,
) -> Result<(Vec<Arc<Chunk>>, u64)> {
    let translate = |error| Error::from_datafusion(&error, "ingest");
    while let Some(batch) = rows.next().await {
        let batch = columns.fit(&batch?)?;
        staging.push(&batch).map_err(translate)?;
    }
    let count = staging.rows();
    Ok((staging.finish().map_err(translate)?, count))
}

/// The rows of a table with those of the upload after them.
fn added(
    draft: &TempTables,
    name: &str,
    table: &TempTable,
    chunks: Vec<Arc<Chunk>>,
) -> Result<Vec<Arc<Chunk>>> {
    let mut adding = Adding::new(draft, name, table)?;
    for chunk in &chunks {
        let taken = if chunk.batch().num_rows() < SMALL_CHUNK {
            adding.staging.push(chunk.batch())
        } else {
            adding.staging.keep(chunk)
        };
        taken.map_err(|error| Error::from_datafusion(&error, "ingest"))?;
    }
    drop(chunks);
    Ok(adding.finish()?.0)
}
