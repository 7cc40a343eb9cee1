//! Turns credentials into an [`Identity`], and an intention into a [`Permit`].
//!
//! Owns: the users, the check of their passwords, the tokens they get for them, and the secret keys in the directory
//! `auth` of the data directory. Refuses to know: gRPC, queries, and what a permitted intention leads to.
//!
//! In reading order: [`Authenticator`], the one entrance; `credentials` (what an authorization header says), `users`
//! (who may enter, and the first admin), `logins` and `cache` (checking passwords without being overrun by it),
//! `password` (Argon2id), `token` (signed tokens), `storage` (files that hold secrets), [`Identity`] and [`Permit`].

mod authenticator;
mod cache;
mod claim;
mod credentials;
mod error;
mod identity;
mod logins;
mod password;
mod storage;
mod token;
mod users;

pub use authenticator::{Authenticated, Authenticator, Login};
pub use claim::Claim;
pub use error::{Error, Result};
pub use identity::{ANONYMOUS, Identity, Intent, Permit, Via};
pub use password::{check_password_hash, hash_password};
pub use token::BearerToken;
pub use users::FirstStart;
