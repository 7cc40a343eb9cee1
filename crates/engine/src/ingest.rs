//! Uploads: Arrow rows that a client sends, into a table.

use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use datafusion::common::TableReference;
use futures::stream::BoxStream;
use godwit_auth::Permit;
use godwit_catalog::{CATALOG, Seen, TEMP, TableKind};
use godwit_protocol::StatementId;

use crate::access::Sight;
use crate::change::{read_only, unique_names};
use crate::check::Names;
use crate::inner::Inner;
use crate::names::Resolved;
use crate::{Engine, Error, Outcome, Result, Session};

mod columns;
mod durable;
mod temporary;

/// The rows of an upload, as they arrive.
type Arriving = BoxStream<'static, Result<RecordBatch>>;

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
    /// An upload is part of the session's transaction. That is so too when the session has exactly one that its client
    /// names and the upload names none, since some clients cannot.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::AlreadyExists`] as the target says; [`Error::InvalidInput`] for columns that
    /// do not fit and, with column and row, for values that do not; [`Error::Unsupported`] for types that a durable table
    /// cannot keep; [`Error::ReadOnly`] for mounted files; [`Error::ResourcesExhausted`] at `sessions.temp_bytes` or
    /// `memory.limit`; [`Error::Conflict`] when a temporary table was changed meanwhile so that the rows no longer fit;
    /// [`Error::Aborted`] when another transaction did that to a durable one; whatever error the rows come with.
    pub async fn ingest(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        target: IngestTarget,
        schema: SchemaRef,
        rows: BoxStream<'static, Result<RecordBatch>>,
    ) -> Result<Outcome> {
        let session = &self.admit(session, permit)?;
        let id = StatementId::random();
        let text: Arc<str> = format!("upload into {}", target.table).into();
        let (inner, into) = (Arc::clone(&self.inner), session.joined()?);
        let work = Box::pin(async move { inner.ingest(&into, &target, schema, rows).await });
        self.inner
            .run_effect(id, session, ("ingest", &text), work)
            .await
    }
}

/// The table that rows go into, whether it exists or not.
enum Destination<'a> {
    Temporary(&'a str),
    /// A schema of the lake, and a table of it.
    Durable(String, &'a str),
}

impl Inner {
    async fn ingest(
        &self,
        session: &Session,
        target: &IngestTarget,
        schema: SchemaRef,
        rows: Arriving,
    ) -> Result<u64> {
        unique_names(&schema)?;
        match self.destination(session, target).await? {
            Destination::Temporary(name) => {
                self.ingest_temporary(session, name, target, schema, rows)
                    .await
            }
            Destination::Durable(in_schema, name) => {
                let into = durable::Into {
                    schema: in_schema,
                    table: name.to_owned(),
                    if_missing: target.if_missing,
                    if_exists: target.if_exists,
                };
                self.ingest_durable(session, into, schema, rows).await
            }
        }
    }

    async fn destination<'a>(
        &self,
        session: &Session,
        target: &'a IngestTarget,
    ) -> Result<Destination<'a>> {
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
            (None, true) | (Some(TEMP), _) => return Ok(Destination::Temporary(table)),
            (Some(schema), true) => {
                return Err(Error::invalid(format!(
                    "temporary tables are in schema {TEMP}, not in '{schema}'; name no schema"
                )));
            }
            (None, false) => {
                let is_there = session.temporary().get(table).is_some();
                if is_there && target.if_exists != IfExists::Replace {
                    return Ok(Destination::Temporary(table));
                }
                TableReference::bare(table)
            }
            (Some(schema), false) => TableReference::partial(schema, table),
        };
        let seen = session.seen().await?;
        let state = session.state();
        let schema = reference.schema().unwrap_or_else(|| state.schema());
        let lake = seen
            .lake()
            .map_err(|error| Error::from_catalog(&error))?
            .state();
        let sight = Sight::of(session.authority(), &seen);
        let is_durable = lake.schemas.contains_key(schema) && sight.sees_schema(schema);
        let exists = is_durable && lake.table(schema, table).is_some() && sight.sees(schema, table);
        let makes = is_durable && target.if_missing == IfMissing::Create;
        if !exists
            && makes
            && target.if_exists == IfExists::Append
            && given(&target.schema).is_none()
        {
            // Rows that are to be added to what the name stands for, which may be a mounted file.
            let resolved = self.resolved(session, &seen, &reference).await;
            if let Ok(table) = resolved.get(&reference) {
                return Err(read_only("upload", table));
            }
        }
        if exists || makes {
            return Ok(Destination::Durable(schema.to_owned(), table));
        }
        Err(self.no_destination(session, &seen, &reference).await)
    }

    async fn resolved(
        &self,
        session: &Session,
        seen: &Seen,
        reference: &TableReference,
    ) -> Resolved {
        let names = Names {
            tables: [reference.clone()].into(),
            ..Names::default()
        };
        let state = session.state();
        self.planner.finder(&state, seen).resolve(&names).await
    }

    /// Why rows cannot go into what is no temporary and no durable table.
    async fn no_destination(
        &self,
        session: &Session,
        seen: &Seen,
        reference: &TableReference,
    ) -> Error {
        let state = session.state();
        let resolved = self.resolved(session, seen, reference).await;
        let schema = reference.schema().unwrap_or_else(|| state.schema());
        let sight = Sight::of(session.authority(), seen);
        let mut known = self.planner.catalog.schema_names();
        known.retain(|schema| sight.sees_schema(schema));
        let mut durable = seen.schema_names().unwrap_or_default();
        durable.retain(|schema| sight.sees_schema(schema));
        match resolved.get(reference) {
            Ok(table) if table.kind == TableKind::View => Error::ReadOnly {
                message: format!(
                    "upload: '{}' is a view, which has no rows of its own",
                    table.name
                ),
            },
            Ok(table) if table.kind != TableKind::Temporary => read_only("upload", table),
            Ok(_) | Err(_)
                if !durable.iter().any(|known| known == schema)
                    && known.iter().any(|known| known == schema) =>
            {
                Error::ReadOnly {
                    message: format!(
                        "upload: nothing can be put into schema '{schema}'; the schemas of durable tables are {}",
                        durable.join(", ")
                    ),
                }
            }
            Ok(table) => read_only("upload", table),
            Err(error) => error,
        }
    }
}
