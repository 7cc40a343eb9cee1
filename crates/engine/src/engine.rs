use std::sync::Arc;
use std::time::Duration;

use arrow::array::RecordBatch;
use godwit_auth::Permit;
use godwit_catalog::TableEntry;
use godwit_config::Config;
use godwit_protocol::StatementId;

use crate::{
    Error, FunctionNames, Outcome, Prepared, QueryStream, Result, SchemaEntry, Session, Sessions,
    Statement, TableInfo,
};

/// The query engine of a server. A clone is cheap and is the same engine.
#[derive(Debug, Clone)]
pub struct Engine {
    sessions: Arc<Sessions>,
}

impl Engine {
    /// Makes the memory pool, the spill directory, the query runtime, the catalog and the sessions.
    ///
    /// # Errors
    /// When a directory cannot be made or the configuration asks for something impossible.
    pub async fn start(config: &Config) -> Result<Self> {
        let _ = config;
        Ok(Self {
            sessions: Arc::new(Sessions {}),
        })
    }

    /// The sessions of this server.
    pub fn sessions(&self) -> &Sessions {
        &self.sessions
    }

    /// Parses, checks and analyses one statement. Nothing is run. The plan is kept for [`Self::resume`].
    ///
    /// # Errors
    /// Whatever is wrong with the text or its names.
    pub async fn describe(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        sql: &str,
    ) -> Result<Statement> {
        let _ = (session, permit, sql);
        Err(Error::ShuttingDown)
    }

    /// Prepares one statement, with or without parameters, in the session.
    ///
    /// # Errors
    /// As [`Self::describe`]; [`Error::ResourcesExhausted`] at `statements.max_per_session`.
    pub async fn prepare(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        sql: &str,
    ) -> Result<Prepared> {
        let _ = (session, permit, sql);
        Err(Error::ShuttingDown)
    }

    /// A prepared statement of the session.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none of that id, or no longer.
    pub fn prepared(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
    ) -> Result<Prepared> {
        let _ = (session, permit, id);
        Err(Error::ShuttingDown)
    }

    /// Forgets a prepared statement.
    ///
    /// # Errors
    /// As [`Self::prepared`].
    pub fn close_prepared(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
    ) -> Result<()> {
        let _ = (session, permit, id);
        Err(Error::ShuttingDown)
    }

    /// Binds rows of parameters, by position; they stay until the next bind. Every column is cast to the type that
    /// was advertised; unions and dictionaries are unwrapped. No columns at all means no parameters.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the number of columns is wrong or a value does not fit.
    pub fn bind(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
        parameters: Vec<RecordBatch>,
    ) -> Result<()> {
        let _ = (session, permit, id, parameters);
        Err(Error::ShuttingDown)
    }

    /// The prepared statement with its bound rows, ready to run.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when parameters are missing; [`Error::Conflict`] when its tables changed so that its
    /// rows have another schema now.
    pub async fn instantiate(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
    ) -> Result<Statement> {
        let _ = (session, permit, id);
        Err(Error::ShuttingDown)
    }

    /// The statement behind a ticket: from the plan cache, or planned again from its text and parameters (an Arrow
    /// IPC stream), in which case its snapshot and schema may be others than the ticket's.
    ///
    /// # Errors
    /// As [`Self::describe`].
    pub async fn resume(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
        sql: &str,
        parameters: Option<&[u8]>,
    ) -> Result<Statement> {
        let _ = (session, permit, id, sql, parameters);
        Err(Error::ShuttingDown)
    }

    /// Runs a query. Dropping the future or the stream cancels it.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the statement is an effect; whatever planning meets. What execution meets comes
    /// through the stream.
    pub async fn query(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        statement: &Statement,
    ) -> Result<QueryStream> {
        let _ = (session, permit, statement);
        Err(Error::ShuttingDown)
    }

    /// Runs an effect. A statement's effect happens once; a second call is refused.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when the statement is a query or has run.
    pub async fn execute(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        statement: &Statement,
    ) -> Result<Outcome> {
        let _ = (session, permit, statement);
        Err(Error::ShuttingDown)
    }

    /// Runs a prepared effect, once for every bound row; the outcome counts all of them.
    ///
    /// # Errors
    /// As [`Self::instantiate`] and [`Self::execute`].
    pub async fn execute_prepared(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        id: StatementId,
    ) -> Result<Outcome> {
        let _ = (session, permit, id);
        Err(Error::ShuttingDown)
    }

    /// All schemas, sorted.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`], or an internal one.
    pub async fn schemas(&self, permit: &Permit) -> Result<Vec<SchemaEntry>> {
        let _ = permit;
        Err(Error::ShuttingDown)
    }

    /// The tables that pass the filter, sorted by schema and name; with their columns when these are wanted. A table
    /// that cannot be read is listed with its error.
    ///
    /// # Errors
    /// [`Error::ShuttingDown`], or an internal one.
    pub async fn tables(
        &self,
        permit: &Permit,
        want_schema: bool,
        filter: &(dyn Fn(&TableEntry) -> bool + Send + Sync),
    ) -> Result<Vec<TableInfo>> {
        let _ = (permit, want_schema, filter);
        Err(Error::ShuttingDown)
    }

    /// The functions of the dialect.
    pub fn function_names(&self) -> FunctionNames {
        FunctionNames::default()
    }

    /// The reserved words of the dialect that SQL:1999 does not have, sorted.
    pub fn keywords(&self) -> Vec<String> {
        Vec::new()
    }

    /// Takes no new work, lets running queries end for the grace, then cancels what is left.
    pub async fn shutdown(&self, grace: Duration) {
        let _ = grace;
    }

    /// How many queries run at this moment.
    pub fn running(&self) -> usize {
        0
    }
}
