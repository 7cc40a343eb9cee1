//! What there is, as a session sees it: in its transaction, if it has one.

use std::sync::Arc;

use godwit_auth::Permit;
use godwit_catalog::{CATALOG, TableEntry};

use super::{FunctionNames, KeyInfo, SchemaEntry, TableInfo};
use crate::access::Sight;
use crate::inner::Inner;
use crate::{Engine, Error, Result, Session};

impl Engine {
    /// All schemas, sorted.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`]; [`Error::Unavailable`] while the lake's catalog is away; or an internal one.
    pub async fn schemas(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
    ) -> Result<Vec<SchemaEntry>> {
        let session = &self.admit(session, permit)?;
        let looking = seeing(session);
        let names = self.list(permit, |inner| async move {
            let catalog = &inner.planner.catalog;
            catalog.refresh().await;
            let mut names = catalog.schema_names();
            let seen = looking.seen().await?;
            let durable = seen.schema_names();
            names.extend(durable.map_err(|error| Error::from_catalog(&error))?);
            let sight = Sight::of(looking.authority(), &seen);
            names.retain(|name| sight.sees_schema(name));
            names.sort();
            names.dedup();
            Ok(names)
        });
        let schemas = names.await?.into_iter();
        Ok(schemas
            .map(|schema| SchemaEntry {
                catalog: CATALOG.to_owned(),
                schema,
            })
            .collect())
    }

    /// The tables that pass the filter, sorted by schema and name; with their columns when these are wanted. A table
    /// that cannot be read is listed with its error. Of temporary tables the session's own are listed.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`]; [`Error::Unavailable`] while the lake's catalog is away; or an internal one.
    pub async fn tables(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        want_schema: bool,
        filter: &(dyn Fn(&TableEntry) -> bool + Send + Sync),
    ) -> Result<Vec<TableInfo>> {
        let session = &self.admit(session, permit)?;
        let looking = seeing(session);
        let found = self.list(permit, |inner| async move {
            let seen = looking.seen().await?;
            let mut entries = super::entries(&inner.planner.catalog, &seen).await?;
            let sight = Sight::of(looking.authority(), &seen);
            entries.retain(|entry| sight.sees(&entry.schema, &entry.name));
            Ok((seen, entries))
        });
        let (seen, mut entries) = found.await?;
        entries.retain(filter);
        let state = session.state();
        self.list(permit, move |inner| async move {
            let mut tables = Vec::with_capacity(entries.len());
            for entry in entries {
                let info = super::info(&inner.planner, &state, &seen, entry, want_schema);
                tables.push(info.await);
            }
            Ok(tables)
        })
        .await
    }

    /// The keys of a durable table, the primary one first. None for a table that has none, or does not exist.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`]; [`Error::Unavailable`] while the lake's catalog is away; or an internal one.
    pub async fn keys(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        schema: Option<&str>,
        table: &str,
    ) -> Result<Vec<KeyInfo>> {
        let session = &self.admit(session, permit)?;
        let looking = seeing(session);
        let (schema, table) = (schema.map(str::to_owned), table.to_owned());
        self.list(permit, |_| async move {
            let seen = looking.seen().await?;
            let lake = seen.lake().map_err(|error| Error::from_catalog(&error))?;
            let sight = Sight::of(looking.authority(), &seen);
            Ok(super::keys(lake.state(), &sight, schema.as_deref(), &table))
        })
        .await
    }

    /// The functions of the dialect.
    pub fn function_names(&self) -> FunctionNames {
        super::function_names(&self.inner.base)
    }

    /// The reserved words of the dialect that SQL:1999 does not have, sorted.
    pub fn keywords(&self) -> Vec<String> {
        super::keywords()
    }

    async fn list<T, F>(&self, permit: &Permit, work: impl FnOnce(Arc<Inner>) -> F) -> Result<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T>> + Send + 'static,
    {
        self.inner.running.check_open()?;
        tracing::debug!(user = permit.user(), "listing");
        let work = work(Arc::clone(&self.inner));
        self.inner.plan_for(permit.user(), "list", None, work).await
    }
}

/// The session in its one open transaction; in none when there are several.
fn seeing(session: &Arc<Session>) -> Arc<Session> {
    session.joined().unwrap_or_else(|_| session.pinned())
}
