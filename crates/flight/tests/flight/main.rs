//! The door from outside: a server on a port of its own for each test, and clients from the `arrow-flight` crate.
#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod actions;
mod bad_input;
mod cancel;
mod exchange;
mod identity;
mod ingest;
mod poll;
mod put;
mod rust_client;
mod schemas;
mod sessions;
mod shutdown;
mod support;
mod tables;
mod tickets;
mod transactions;
mod web;
