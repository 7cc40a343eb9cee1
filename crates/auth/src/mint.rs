use std::path::Path;
use std::time::{Duration, SystemTime};

use godwit_config::{AuthMode, Config, USER_NAME, is_user_name};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::storage::Storage;
use crate::time::seconds;
use crate::token::keys::Keys;
use crate::token::{BearerToken, Tokens, unverified};
use crate::users::DEFAULT_ADMIN;

/// Makes tokens for services with the signing key of a data directory, whether a server runs on it or not.
#[derive(Debug)]
pub struct Mint {
    tokens: Tokens,
    storage: Storage,
    users: Vec<String>,
}

/// What a token says, and whether it is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The header and the claims, whoever made them.
    pub says: Option<Value>,
    /// Why a server on the data directory refuses it, as far as its keys and the time tell; users, and what was
    /// revoked, only the server knows.
    pub refused: Option<&'static str>,
}

impl Mint {
    /// Opens the keys of a data directory; makes the first one.
    ///
    /// # Errors
    /// [`Error::Storage`] when they cannot be read, made or trusted; [`Error::Token`] when nobody asks for tokens.
    pub fn open(config: &Config, data_dir: &Path) -> Result<Self> {
        if config.auth.mode == AuthMode::Off {
            let why = "auth.mode is \"off\": everyone may enter, and no token is looked at";
            return Err(Error::token(why));
        }
        if !data_dir.is_dir() {
            let why = "no such directory; it must be that of a server, which makes it";
            return Err(Error::storage(data_dir, why));
        }
        let admin = config.admin.user.as_deref().unwrap_or(DEFAULT_ADMIN);
        let users = config.users.keys().cloned();
        Ok(Self {
            tokens: Tokens::open(Storage::open(data_dir)?, &config.auth)?,
            storage: Storage::open(data_dir)?,
            users: users.chain([admin.to_owned()]).collect(),
        })
    }

    /// A token for a service, with the id that it is revoked by: that given, or a random one. It is not renewed.
    ///
    /// # Errors
    /// [`Error::Token`] for a name, id or life that cannot be.
    pub fn create(
        &self,
        user: &str,
        id: Option<&str>,
        ttl: Duration,
    ) -> Result<(BearerToken, String)> {
        if !is_user_name(user) {
            return Err(Error::token(format!("a user's name is {USER_NAME}")));
        }
        let now = SystemTime::now();
        self.tokens.issue_for_service(user, id, ttl, now)
    }

    /// Whether the configuration has a user of that name. Others may be stored where only the server looks.
    #[must_use]
    pub fn is_configured(&self, user: &str) -> bool {
        self.users.iter().any(|known| known == user)
    }

    /// Reads a token.
    #[must_use]
    pub fn inspect(&self, token: &str, now: SystemTime) -> Inspection {
        let refused = match self.tokens.claims(token) {
            None => Some(
                "it is not signed by a key of this data directory for this issuer and audience",
            ),
            Some(claims) if claims.exp <= seconds(now) => Some("it has expired"),
            Some(_) if self.tokens.verify(token, now).is_none() => {
                Some("it is not valid yet, or lives longer than tokens may")
            }
            Some(_) => None,
        };
        Inspection {
            says: unverified(token),
            refused,
        }
    }

    /// Makes another signing key, and tells its id. A running server signs with it after `auth.refresh_interval`. With
    /// `forget_old`, all others are removed, and every token so far is worthless.
    ///
    /// # Errors
    /// [`Error::Storage`].
    pub fn rotate_key(&self, forget_old: bool) -> Result<String> {
        Keys::rotate(&self.storage, forget_old, SystemTime::now())
    }
}
