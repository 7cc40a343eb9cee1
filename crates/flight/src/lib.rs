//! The gRPC door: from a call on the wire to a permitted request of the engine, and from its rows to messages.
//!
//! Owns: the RPCs of Arrow Flight, the Flight SQL metadata commands, the form that values have on the wire, the layers
//! around every call, and the one translation of errors into gRPC codes. Refuses to know: how SQL is planned or run, how
//! credentials are checked, how tickets and commands are laid out in bytes.
//!
//! In reading order: [`serve()`], the one entrance, with `accept` (connections that could not be), `connection`, `tls`, `gather` (writes to a connection) and `pieces` (what it need not copy for that), `health`
//! and `reflection`; `audit` (what is noted of calls) and `figures` (what is counted); `service`
//! ([`Flight`], an RPC to its file in `rpc`); `call` (who
//! calls, in which session); `format` (in which form it wants its rows); `layers` (what happens before and after each
//! RPC); `rpc`, one file an RPC; `framed` (the answers of DoGet and the requests of DoPut, without a copy); `tickets` (what
//! a FlightInfo holds) and `kept` (results that are polled or read in parts); `metadata`, one file a command; `encode` (engine batches to messages); `incoming` and `upload` (messages from
//! clients to batches); `status` (errors to codes).

// That the future of an upload can be sent is shown through all that the engine and the lake are made of.
#![recursion_limit = "256"]

mod accept;
mod audit;
mod call;
mod connection;
mod encode;
mod error;
mod figures;
mod format;
mod framed;
mod gather;
mod health;
mod incoming;
mod kept;
mod layers;
mod metadata;
mod options;
mod pieces;
mod reflection;
mod rpc;
mod running;
mod serve;
mod service;
mod status;
mod tickets;
mod tls;
mod upload;

pub use error::{Error, Result};
pub use figures::{CLASSES, CODES, Calls, Figures};
pub use framed::answer_bytes;
pub use options::FlightOptions;
pub use serve::serve;
pub use service::Flight;
pub use tls::Tls;
