use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use futures::stream::BoxStream;
use godwit_auth::Permit;

use crate::{Engine, Error, Outcome, Result, Session};

/// Where rows go, and what happens to what is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IngestTarget {
    /// The catalog; `None` leaves it to the engine.
    pub catalog: Option<String>,
    /// The schema; `None` leaves it to the engine.
    pub schema: Option<String>,
    /// The table.
    pub table: String,
    /// Whether it is the session's own.
    pub temporary: bool,
    /// What happens when there is no such table.
    pub if_missing: IfMissing,
    /// What happens when there is one.
    pub if_exists: IfExists,
}

/// What happens when the table does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfMissing {
    /// It is made.
    Create,
    /// Nothing is stored.
    Fail,
}

/// What happens when the table exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IfExists {
    /// The rows are added.
    Append,
    /// The rows take the place of those that are there.
    Replace,
    /// Nothing is stored.
    Fail,
}

impl Engine {
    /// Stores rows in a table.
    ///
    /// # Errors
    /// [`Error::Unsupported`].
    pub async fn ingest(
        &self,
        session: &Arc<Session>,
        permit: &Permit,
        target: IngestTarget,
        _: SchemaRef,
        _: BoxStream<'static, Result<RecordBatch>>,
    ) -> Result<Outcome> {
        self.admit(session, permit)?;
        Err(Error::unsupported(format!(
            "table '{}' cannot be written: this server has no writable tables",
            target.table
        )))
    }
}
