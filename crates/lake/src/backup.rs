//! Backups: a copy of a lake, and of what lies beside it, that is whole and of one moment. It is made while the lake is
//! written to, by a process of its own, and is a directory of plain files with a manifest.
//!
//! The catalog is copied first, at one moment; what it says is what the backup is. Files of a lake never change, so they
//! are copied afterwards, in any order. One that was removed meanwhile belonged to a snapshot that is no more: then a newer
//! catalog is taken, and only what it has beside the files that are copied already.
//!
//! Reading order: `error`, `progress`, `manifest`, `draft` (a directory that is not whole yet), `digest` (copies that are
//! measured), `catalog` (the catalog's part), `listing` (the files that it names), `files`, `beside`, `make`, `verify`,
//! `vacant` and `put_back` (into an empty place).

mod beside;
mod catalog;
mod digest;
mod draft;
mod error;
mod files;
mod listing;
mod make;
mod manifest;
mod progress;
mod put_back;
mod rewrite;
mod vacant;
mod verify;

use std::path::PathBuf;

pub use error::{Error, Result};
pub use make::{Made, make};
pub use manifest::{CatalogKind, Entry, Manifest};
pub use progress::{Progress, Step};
pub use put_back::{Restored, restore};
pub use verify::{open, verify};

/// A directory beside the lake that goes into the backup: keys, logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Companion {
    /// What it is called in the backup: letters.
    pub name: &'static str,
    /// Where it is. It need not be there.
    pub path: PathBuf,
}

/// How many files are copied at the same time.
const AT_A_TIME: usize = 8;
