//! Every key that an operator can set: its type, default, meaning and validation.
//!
//! Owns: the [`Config`], the order of its layers (defaults, file, environment, flags), the report of everything that is
//! wrong with them, the JSON schema and the example file, both made from the doc comments of the keys.
//! Refuses to know: what the keys are used for; the runtime, Arrow and gRPC.
//!
//! Reading order: `config` (the sections, one file each), `value` (how durations, sizes and counts are written),
//! `keys` (the list of all keys, taken from the schema), [`load()`] (layers to a `Config`), `validate` (rules between keys),
//! [`Problems`] (what is reported), `schema` and `example` (what is printed).
//!
//! # How a key is described
//!
//! The doc comment of a key is a sentence, then notes, then a last line ``Default: `value`.``, or `Default: none` with
//! what that means. It is the key's documentation, its description in the JSON schema and its comment in the example file.

mod admin;
mod audit;
mod auth;
mod changes;
mod config;
mod copy;
mod example;
mod fields;
mod grpc;
mod history;
mod http;
mod issuers;
mod keys;
mod lake;
mod listing;
mod load;
mod log;
mod memory;
mod mounts;
mod problem;
mod query;
mod results;
mod s3;
mod schema;
mod secret;
mod sessions;
mod shutdown;
mod statements;
mod tickets;
mod tls;
mod users;
mod validate;
mod value;
mod web;
mod wire;

pub use admin::Admin;
pub use audit::{Audit, OnFailure};
pub use auth::{Auth, AuthMode};
pub use changes::changes;
pub use config::Config;
pub use copy::Copy;
pub use example::example_toml;
pub use grpc::{Grpc, Reflection};
pub use history::History;
pub use http::Http;
pub use issuers::Issuer;
pub use lake::{Lake, LakeCompression};
pub use listing::{Listed, listing};
pub use load::{Check, Sources, load, load_checked};
pub use log::{Log, LogFormat};
pub use memory::Memory;
pub use mounts::{Mount, MountFormat, MountKind};
pub use problem::{Origin, Problem, Problems};
pub use query::Query;
pub use results::Results;
pub use s3::S3;
pub use schema::json_schema;
pub use secret::Secret;
pub use sessions::Sessions;
pub use shutdown::Shutdown;
pub use statements::Statements;
pub use tickets::Tickets;
pub use tls::{ClientAuth, ClientName, Tls, TlsMode};
pub use users::{USER_NAME, User, is_user_name};
pub use value::duration::parse as parse_duration;
pub use web::Web;
pub use wire::{Wire, WireCompression, WireProfile};

/// The one error of this crate: everything that is wrong with a configuration.
pub type Error = Problems;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
