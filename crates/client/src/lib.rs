//! The other end of the wire: an address, credentials and a certificate become calls of Flight.
//!
//! Owns what every client of ours needs, the conformance card like the shell: reading addresses, TLS, logging in, the
//! headers and cookies that go along. Refuses to know what is asked, what comes back, and which server answers.
//!
//! In reading order: [`Target`], [`Credentials`] and [`Trust`], what a person says; [`endpoint`] and [`connect`], the
//! connection; [`Login`], how credentials are sent; [`Client`], the calls.

mod client;
mod connect;
mod error;
mod login;
mod target;

pub use client::{Client, command, packed};
pub use connect::{connect, endpoint};
pub use error::{Error, Result};
pub use login::{Login, basic};
pub use target::{Credentials, Target, Trust};
