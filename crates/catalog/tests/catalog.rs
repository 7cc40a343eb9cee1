//! The catalog as the engine sees it: mounts on disk, SQL through DataFusion.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "catalog/broken.rs"]
mod broken;
#[path = "catalog/changes.rs"]
mod changes;
#[path = "catalog/formats.rs"]
mod formats;
#[path = "catalog/hive.rs"]
mod hive;
#[path = "catalog/kept.rs"]
mod kept;
#[path = "catalog/links.rs"]
mod links;
#[path = "catalog/names.rs"]
mod names;
#[path = "catalog/plans.rs"]
mod plans;
#[path = "catalog/remount.rs"]
mod remount;
#[path = "catalog/support.rs"]
mod support;
#[path = "catalog/union.rs"]
mod union;
