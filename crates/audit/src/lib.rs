//! Who logged in, what was run, what was refused and who was given what: one event each, in files that are only appended to.
//!
//! Owns: the events and their form in a file, the one thread that writes them, rotation, and reading them back, newest first.
//! Refuses to know: SQL (texts arrive as they may be shown), gRPC, and who may read what.
//!
//! In reading order: [`Event`], what happened; [`Entry`], a line of a file; [`Auditor`], the one entrance; `queue`, what
//! waits to be written; `writer`, the thread that writes it; `files`, the directory with its rotation; [`Lines`], one
//! file, which the history of statements has too; [`Reader`], the way back.

mod auditor;
mod entry;
mod error;
mod event;
mod files;
mod lines;
mod queue;
mod read;
mod writer;

pub use auditor::Auditor;
pub use entry::Entry;
pub use error::{Error, Result};
pub use event::{Ended, Event, Login, Outcome, Statement};
pub use lines::Lines;
pub use read::Reader;
