//! What a name means: mounted files and the server's own tables, under one catalog named [`CATALOG`].
//!
//! Owns: the mounts (a file, a directory, a glob or a hive tree becomes a table or a schema), the listing that
//! decides which files a query sees, the snapshot ids that tell one listing from another, and `system.mounts`.
//! Refuses to know: sessions, SQL text, permissions, gRPC.
//!
//! Reading order: [`catalog`](Catalog) (names to tables), `provider` (the same for `information_schema`).

mod catalog;
mod error;
mod provider;

pub use catalog::{Catalog, ResolvedTable, TableEntry, TableKind};
pub use error::{Error, Result};

/// The one catalog of a server.
pub const CATALOG: &str = "godwit";
/// Schema of durable tables, and the one a session starts in.
pub const DEFAULT_SCHEMA: &str = "main";
/// Schema of the mounts that are one table each.
pub const FILES: &str = "files";
/// Schema of temporary tables.
pub const TEMP: &str = "temp";
/// Schema of the server's own tables.
pub const SYSTEM: &str = "system";
