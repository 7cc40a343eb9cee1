//! The words on the wire: Flight SQL commands, actions, tickets, prepared handles and session messages, each with
//! its encoder beside its decoder.
//!
//! Every decoder is total: any bytes give a value or a typed [`Error`], with work and memory in proportion to the
//! input. What the server issues and wants to recognize later (tickets, handles, cookies) travels sealed with a
//! message authentication code, see [`seal`].
//!
//! This crate refuses to know what a command *means*: no runtime, no engine, no I/O, no clock (callers pass `now`).
//!
//! In reading order: [`command`] and [`descriptor`], what a client may ask; [`action`] and [`session`], the bodies of
//! DoAction and their answers; [`put`], the answers of DoPut; [`id`] and [`seal`], and what is built on them:
//! [`ticket`], [`handle`], [`poll`], [`cookie`]; [`schema_fingerprint`]; [`messages`], the generated types that the
//! `arrow-flight` crate lacks.

pub mod action;
pub mod command;
pub mod cookie;
pub mod descriptor;
mod error;
mod expiry;
mod fields;
mod fingerprint;
mod format;
pub mod handle;
pub mod id;
pub mod messages;
mod packed;
pub mod poll;
pub mod put;
pub mod seal;
pub mod session;
#[cfg(test)]
mod tests;
pub mod ticket;
mod wire;

pub use command::Command;
pub use descriptor::Descriptor;
pub use error::{Error, Result};
pub use fingerprint::schema_fingerprint;
pub use format::{Shape, Shapes, WireFormat};
pub use id::{SavepointId, SessionId, StatementId, TransactionId};
pub use seal::{Purpose, Sealer};

/// What the services of Arrow Flight and their messages are, as an encoded `FileDescriptorSet`: for those who ask.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
