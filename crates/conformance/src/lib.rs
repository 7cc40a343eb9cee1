//! The conformance card: what a Flight SQL server does, measured from outside.
//!
//! Owns the probes: one small conversation with the server for every RPC, action, command and property that clients
//! depend on, each with a time limit and a connection of its own, so that a server that hangs or breaks in one of them is
//! still asked all others. Refuses to know which server it talks to, and everything of our own server behind its port:
//! it is a client, and treats ours like any other.
//!
//! In reading order: [`Options`], what to talk to; [`Card`], [`Row`] and [`Mark`], what comes out; `probes`, the table of
//! all probes, and one module for each group; `lab`, what a probe is given; `statements`, the SQL that probes run; `run`,
//! the order of things; `client` and `rows`, the conversation itself, over `godwit_client`; `schemas`, what the specification wants;
//! `render`, the card as text.

mod card;
mod client;
mod finding;
mod lab;
mod options;
mod probes;
mod render;
mod rows;
mod run;
mod schemas;
mod statements;

pub use card::{Card, Row};
pub use finding::Mark;
pub use godwit_client::{Credentials, Error, Result, Target, Trust};
pub use options::Options;
pub use render::Format;
pub use run::run;
