//! The lake as the engine sees it, and what is left of it on disk.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking"
)]

#[path = "lake/by_hand.rs"]
mod by_hand;
#[path = "lake/changes.rs"]
mod changes;
#[path = "lake/conflicts.rs"]
mod conflicts;
#[path = "lake/definitions.rs"]
mod definitions;
#[path = "lake/flush.rs"]
mod flush;
#[path = "lake/history.rs"]
mod history;
#[path = "lake/maintenance.rs"]
mod maintenance;
#[path = "lake/model.rs"]
mod model;
#[path = "lake/postgres.rs"]
mod postgres;
#[path = "lake/read.rs"]
mod read;
#[path = "lake/rows.rs"]
mod rows;
#[path = "lake/store.rs"]
mod store;
#[path = "lake/support.rs"]
mod support;
#[path = "lake/types.rs"]
mod types;
#[path = "lake/write.rs"]
mod write;
