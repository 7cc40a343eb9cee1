//! Durable tables: a DuckLake, that is a SQL catalog and Parquet files, in the standard 1.0 layout, which DuckDB reads and
//! writes too.
//!
//! Owns: the catalog's tables, their commit protocol, the files and when they are safe on disk, snapshots, transactions,
//! maintenance. Refuses to know: SQL of users, sessions, the wire.
//!
//! Reading order: `id`, `state` (what there is at a snapshot), `content` (the rows of a table, as a list of parts), `types`
//! (Arrow to the catalog's types and back), `database` and `storage` (the two places where bytes go), `layout` (the catalog's
//! tables), `snapshot` (the lake at one moment), `scan` (a content as a table provider), `guard`
//! (between a scan and its files, those of mounts too), `transaction`, `commit`,
//! `maintenance`, `changes`, `records`, `backup`, `figures` (what was done).
//!
//! Source of the layout: the DuckLake specification 1.0, and what DuckDB 1.5.5 makes of it.

pub mod backup;
mod changes;
mod commit;
mod content;
mod database;
mod error;
mod figures;
pub mod guard;
mod id;
mod lake;
mod layout;
mod maintenance;
mod options;
mod records;
mod restore;
mod scan;
mod snapshot;
mod state;
mod stats;
mod storage;
mod text;
mod transaction;
mod types;
mod writer;

pub use changes::FEED_COLUMNS;
pub use content::{ColumnStats, Content, DataFile, Deleted, Inlined, Part, RowNumber, Rows};
pub use error::{Error, Result};
pub use figures::Figures;
pub use id::{ColumnId, FileId, SchemaId, SnapshotId, TableId, ViewId};
pub use lake::{At, Lake};
pub use maintenance::{Budget, Cleaned, Compacted, Expired, Expiry, Maintained, Scope};
pub use restore::Restored;
pub use snapshot::{LakeTable, Snapshot};
pub use state::{Column, Key, Schema, SnapshotInfo, State, Table, View};
pub use storage::{chain, open_bucket};
pub use transaction::{
    Commented, Definition, Leftover, NewColumn, NewTable, Owned, Savepoint, Transaction,
};
pub use writer::{TableWriter, Written};
