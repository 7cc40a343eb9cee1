use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use godwit_protocol::StatementId;

/// A statement that was parsed, checked and analysed, bound to the tables as they were then. A clone is cheap.
#[derive(Debug, Clone)]
pub struct Statement {
    /// Names it in the plan cache.
    pub id: StatementId,
    /// The text as the client sent it.
    pub sql: Arc<str>,
    /// What running it does.
    pub kind: StatementKind,
    /// Schema of the stream of [`crate::Engine::query`], to the nullability. May hold views and dictionaries. For an
    /// effect: one field `count`, Int64, not null.
    pub schema: SchemaRef,
    /// A hash over the contents that the statement's tables had when it was planned. Zero when it reads no table.
    pub snapshot: u64,
}

/// What running a statement does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StatementKind {
    /// It gives rows and changes nothing; run it with [`crate::Engine::query`], as often as needed.
    Query,
    /// It changes something; run it with [`crate::Engine::execute`], once.
    Effect,
}

/// What an effect did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Rows that it changed.
    pub rows: i64,
}

impl Statement {
    /// The bound rows as an Arrow IPC stream, for a ticket; `None` when nothing is bound.
    pub fn parameters_ipc(&self) -> Option<Bytes> {
        None
    }

    /// How many rows the result will have, where that is known exactly or closely.
    pub fn rows_hint(&self) -> Option<u64> {
        None
    }

    /// How many bytes the result will have, where that is known exactly or closely.
    pub fn bytes_hint(&self) -> Option<u64> {
        None
    }

    /// Whether the order of the rows is part of the result.
    pub fn ordered(&self) -> bool {
        false
    }
}
