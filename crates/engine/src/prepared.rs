use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use godwit_protocol::StatementId;

use crate::StatementKind;

/// A prepared statement as a client may know it. A clone is cheap.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// Names it in its session.
    pub id: StatementId,
    /// What running it does.
    pub kind: StatementKind,
    /// Schema of its rows; no fields for an effect.
    pub dataset_schema: SchemaRef,
    /// One nullable field a parameter, in the order of binding, named `$1`, `$2` …
    pub parameter_schema: SchemaRef,
    /// The text as the client sent it.
    pub sql: Arc<str>,
}
