//! What a name means: mounted files, temporary tables and the server's own tables, under one catalog named [`CATALOG`].
//!
//! Owns: the mounts (a file, a directory, a glob or a hive tree becomes a table or a schema), the listing that
//! decides which files a query sees, the snapshot ids that tell one listing from another, and `system.mounts`.
//! Refuses to know: sessions, SQL text, permissions, gRPC.
//!
//! Reading order, from names down to bytes:
//! - `catalog`: names to tables; `provider`: the same for `information_schema`; `system`: `system.mounts`.
//! - `mounts`: those of one configuration; `mount`: a mount through time; `listing` and `pattern`: what its path holds; `format`: what names tell;
//!   `shape`: table or schema; `partition`: what folders spell.
//! - `object`: an object of a store in the place of a file.
//! - `infer`: what is in a file; `merge`: one column out of two; `table`: files as a table that the engine scans;
//!   `shelf`: columns that are kept decoded.
//! - `temporary`: tables in memory, of one session; `seen`: those and the lake, as one statement sees them.
//! - `blame`: errors that name the file.

mod arrow_lengths;
mod blame;
mod catalog;
mod error;
mod format;
mod infer;
mod listing;
mod merge;
mod mount;
mod mounts;
mod object;
mod partition;
mod pattern;
mod provider;
mod seen;
mod shape;
mod shelf;
mod system;
mod table;
mod temporary;

pub use catalog::{Catalog, ResolvedTable, TableEntry, TableKind};
pub use error::{Error, Result};
pub use mounts::Mounts;
pub use object::{Object, Refusal};
pub use provider::Shown;
pub use seen::Seen;
pub use table::{Lookup, hold};
pub use temporary::{
    Chunk, ColumnDefault, Staging, TempJournal, TempTable, TempTables, TempWriter, plain_schema,
    plain_type,
};

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
