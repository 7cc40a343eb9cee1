//! Tokens of others: who is trusted to issue them, and what they say about their bearer.
//!
//! In reading order: `token` (a signed token taken apart), `claims` (for whom and when it is valid, and whose it is),
//! `keys` (a published set of keys), `source` and `fetch` (where the set comes from), `keyring` (the set that is held,
//! and when it is fetched again).

mod claims;
mod fetch;
mod keyring;
mod keys;
mod source;
mod token;

use std::{collections::HashMap, fmt, sync::Arc, time::SystemTime};

use godwit_config::{Config, Issuer};
use jsonwebtoken::Algorithm;
use ring::digest::{Context, SHA256};

use crate::error::{Error, Result};
use claims::Mapping;
use keyring::Keyring;
use keys::KeySet;
use token::Token;

/// The issuers whose tokens are trusted, by their claim `iss`.
pub(crate) struct Issuers {
    trusted: HashMap<String, Trusted>,
}

/// What a token of an issuer proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Foreign {
    /// The user's name, with the issuer's prefix.
    pub(crate) user: Arc<str>,
    /// Roles that the token carries, each once, in order.
    pub(crate) roles: Arc<[Arc<str>]>,
    /// The same for all tokens of one login.
    pub(crate) session: [u8; 16],
    /// When the token ends, the allowed difference of clocks included.
    pub(crate) expires: SystemTime,
}

/// One issuer.
struct Trusted {
    name: String,
    algorithms: Vec<Algorithm>,
    mapping: Mapping,
    keyring: Arc<Keyring>,
}

/// Checks what can be checked of the configured issuers without asking them: files of keys and certificates.
///
/// # Errors
/// [`Error::Issuer`] when a file cannot be read or used.
pub fn check_issuers(config: &Config) -> Result<()> {
    Issuers::open(config).map(|_| ())
}

impl Issuers {
    /// The configured issuers. Reads key files; fetches nothing.
    ///
    /// # Errors
    /// [`Error::Issuer`] when a file cannot be read or used.
    pub(crate) fn open(config: &Config) -> Result<Self> {
        let issuers = config.auth.issuers.iter();
        let trusted = issuers.map(|(name, issuer)| {
            Trusted::open(name, issuer).map(|trusted| (issuer.issuer.clone(), trusted))
        });
        Ok(Self {
            trusted: trusted.collect::<Result<_>>()?,
        })
    }

    /// Nobody: only our own tokens count.
    pub(crate) fn none() -> Self {
        Self {
            trusted: HashMap::new(),
        }
    }

    /// Fetches the keys of all issuers now and again at their intervals, in tasks of the current runtime that end with
    /// this value.
    pub(crate) fn keep_fresh(&self) {
        for trusted in self.trusted.values() {
            Keyring::keep_fresh(&trusted.keyring);
        }
    }

    /// Judges a token that names one of the issuers as its own; `None` when it names none of them.
    pub(crate) async fn verify(&self, token: &str, now: SystemTime) -> Option<Result<Foreign>> {
        if self.trusted.is_empty() {
            return None;
        }
        let decoded = Token::decode(token)?;
        let trusted = self.trusted.get(decoded.issuer()?)?;
        Some(trusted.verify(&decoded, now).await)
    }
}

impl fmt::Debug for Issuers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.trusted.keys()).finish()
    }
}

impl Trusted {
    fn open(name: &str, issuer: &Issuer) -> Result<Self> {
        let algorithms = issuer
            .algorithms
            .iter()
            .map(|algorithm| token::algorithm(algorithm));
        let algorithms = algorithms.collect::<Option<Vec<_>>>();
        let key = |key: &str| format!("auth.issuers.{name}.{key}");
        Ok(Self {
            name: name.to_owned(),
            algorithms: algorithms
                .ok_or_else(|| Error::issuer(key("algorithms"), "holds none that can be used"))?,
            mapping: Mapping::new(name, issuer),
            keyring: Keyring::open(name, issuer)?,
        })
    }

    async fn verify(&self, token: &Token<'_>, now: SystemTime) -> Result<Foreign> {
        // What costs nothing is judged first, so that a token that is worthless anyway causes no fetch.
        let expires = self.algorithm(token).and_then(|_| {
            token.plain()?;
            self.mapping.valid(token.claims(), now)
        });
        let expires = expires.map_err(|why| self.refused(why))?;
        let keys = self.keyring.keys().await?;
        if !self.signed(token, &keys) {
            let newer = match keys.knows(token.key_id()) {
                true => None,
                false => self.keyring.newer(&keys, token.key_id()).await,
            };
            if !newer.is_some_and(|keys| self.signed(token, &keys)) {
                return Err(self.refused("no key of the issuer has signed it"));
            }
        }
        let user = self.mapping.user(token.claims());
        let user: Arc<str> = user.map_err(|why| self.refused(why))?.into();
        Ok(Foreign {
            session: session(token, &user),
            roles: self.mapping.roles(token.claims()),
            user,
            expires,
        })
    }

    fn algorithm(&self, token: &Token<'_>) -> Result<Algorithm, &'static str> {
        let algorithm = token
            .algorithm()
            .filter(|algorithm| self.algorithms.contains(algorithm));
        algorithm.ok_or("its algorithm is not allowed")
    }

    fn signed(&self, token: &Token<'_>, keys: &KeySet) -> bool {
        self.algorithm(token).is_ok_and(|algorithm| {
            let mut keys = keys.candidates(token.key_id(), algorithm);
            keys.any(|key| token.is_signed(key, algorithm))
        })
    }

    /// One answer for all reasons; the operator's log has the reason.
    fn refused(&self, why: &'static str) -> Error {
        tracing::info!(issuer = self.name, why, "token refused");
        Error::Unauthenticated
    }
}

/// The tokens of one login share their `sid`; without one a token is a login by itself.
fn session(token: &Token<'_>, user: &str) -> [u8; 16] {
    let text = |name: &str| token.claims().get(name)?.as_str();
    let (kind, login) = match (text("sid"), text("jti")) {
        (Some(sid), _) => ("sid", sid),
        (None, Some(jti)) => ("jti", jti),
        (None, None) => ("token", token.text()),
    };
    let issuer = token.issuer().unwrap_or_default();
    let subject = text("sub").unwrap_or_default();
    let mut hash = Context::new(&SHA256);
    for part in [issuer, subject, user, kind, login] {
        hash.update(&(part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let mut session = [0; 16];
    for (byte, hashed) in session.iter_mut().zip(hash.finish().as_ref()) {
        *byte = *hashed;
    }
    session
}
