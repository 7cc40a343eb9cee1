//! From a permitted command to a stream of batches.
//!
//! Owns: the query runtime and its memory, sessions with their settings and prepared statements, the SQL dialect
//! (what is parsed, what is refused), names to tables, planning, parameters, running and cancelling. Refuses to know:
//! gRPC, wire encodings, who a user is and what a user may do (a [`godwit_auth::Permit`] says so).

mod engine;
mod error;
mod metadata;
mod prepared;
mod query;
mod session;
mod statement;

pub use engine::Engine;
pub use error::{Error, Result};
pub use godwit_catalog::{TableEntry, TableKind};
pub use metadata::{FunctionNames, SchemaEntry, TableInfo};
pub use prepared::Prepared;
pub use query::QueryStream;
pub use session::{Session, SessionKey, Sessions};
pub use statement::{Outcome, Statement, StatementKind};
