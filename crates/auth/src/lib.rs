//! Turns credentials into an [`Identity`], and an intention into a [`Permit`].
//!
//! Owns: the users, the check of their passwords, the tokens they get for them, and the secret keys in the directory
//! `auth` of the data directory. Refuses to know: gRPC, queries, and what a permitted intention leads to.
//!
//! In reading order: [`Authenticator`], the one entrance; `credentials` (what an authorization header says), `users`
//! (who may enter, and the first admin), `logins`, `turns`, `throttle` and `cache` (checking passwords without being
//! overrun by it), `password` (Argon2id), `token` (signed tokens and their keys), [`Mint`] (tokens for services),
//! `issuers` (signed tokens of others), `certificates` (whose a client's certificate is), `storage` (files that hold
//! secrets), [`Identity`] and [`Permit`]; [`access`] (roles, grants, row policies, column masks) and [`Directory`] (where
//! they are kept, and who hashes passwords for them).

pub mod access;
mod authenticator;
mod cache;
mod certificates;
mod claim;
mod credentials;
mod directory;
mod error;
mod identity;
mod issuers;
mod logins;
mod mint;
mod password;
mod peer;
mod storage;
mod throttle;
mod time;
mod token;
mod turns;
mod users;

pub use authenticator::{Authenticated, Authenticator, Login};
pub use claim::Claim;
pub use directory::{Change, Directory, Store, Stored};
pub use error::{Error, Result};
pub use identity::{ANONYMOUS, Identity, Intent, Permit, Via};
pub use issuers::check_issuers;
pub use mint::{Inspection, Mint};
pub use password::{check_password_hash, hash_password};
pub use peer::Peer;
pub use token::BearerToken;
pub use users::FirstStart;
