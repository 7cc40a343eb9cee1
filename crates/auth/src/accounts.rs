//! How users are made, changed and removed, and how tokens are revoked: as [`Change`]s of a
//! [`Directory`](crate::Directory).
//!
//! Who may ask for that is not judged here.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use godwit_config::{Auth, USER_NAME, is_user_name};
use zeroize::Zeroizing;

use crate::access::{Access, Grantee, Record, RecordKey, Revocation, Revoked, StoredUser};
use crate::directory::Change;
use crate::error::{Error, Result};
use crate::identity::ANONYMOUS;
use crate::logins::Logins;
use crate::password::check_password_hash;
use crate::time::seconds;
use crate::token::{LEEWAY, is_id};

/// Longest password, in bytes.
const LONGEST_PASSWORD: usize = 1024;

/// Makes changes of users and tokens.
#[derive(Clone)]
pub struct Accounts {
    logins: Arc<Logins>,
    shortest: usize,
    overlap: Duration,
    /// The longest life of any token.
    tokens: Duration,
}

/// The hash of a password that may be a user's.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedPassword(String);

/// What is to be different about a user; what is `None` stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Alteration {
    /// Another password, or none any more.
    pub password: Option<Option<HashedPassword>>,
    /// Whether the user may enter.
    pub enabled: Option<bool>,
    /// When the user stops being able to enter, in seconds since 1970, or never.
    pub valid_until: Option<Option<u64>>,
}

impl Accounts {
    pub(crate) fn new(auth: &Auth, logins: Arc<Logins>, tokens: Duration) -> Self {
        Self {
            logins,
            shortest: auth.password_min_length,
            overlap: auth.password_overlap,
            tokens,
        }
    }

    /// The hash of a password, made off the threads that serve calls and with as few others at a time as logins. What
    /// is such a hash already, as `godwit hash-password` prints it, is taken as it is.
    ///
    /// # Errors
    /// [`Error::Account`] for a password that is too short or too long, or a hash that cannot be used; [`Error::Busy`]
    /// when too many wait.
    pub async fn hash(&self, password: Zeroizing<String>) -> Result<HashedPassword> {
        if password.starts_with("$argon2") {
            let usable = check_password_hash(&password);
            usable.map_err(|why| Error::account(format!("the hash of the password: {why}")))?;
            return Ok(HashedPassword(password.as_str().to_owned()));
        }
        let shortest = self.shortest;
        if password.chars().count() < shortest || password.len() > LONGEST_PASSWORD {
            return Err(Error::account(format!(
                "a password has at least {shortest} characters (auth.password_min_length) and at most \
                 {LONGEST_PASSWORD} bytes"
            )));
        }
        self.logins.hash(password).await.map(HashedPassword)
    }

    /// Makes a user. Without a password it cannot log in with one, but tokens can be made for it.
    ///
    /// # Errors
    /// [`Error::Account`] for a name that none can have, [`Error::UserExists`].
    pub fn create(
        &self,
        access: &Access,
        name: &str,
        alteration: Alteration,
        now: SystemTime,
    ) -> Result<Vec<Change>> {
        if !is_user_name(name) || name == ANONYMOUS {
            return Err(Error::account(format!(
                "the name of a user must be {USER_NAME}, and not \"{ANONYMOUS}\""
            )));
        }
        if access.user(name).is_some() || access.is_configured(name) {
            let user = name.to_owned();
            return Err(Error::UserExists { user });
        }
        let fresh = StoredUser {
            name: name.to_owned(),
            password_hash: None,
            previous_hash: None,
            previous_until: None,
            enabled: true,
            valid_until: None,
            roles: Default::default(),
        };
        let user = altered(fresh, alteration, Duration::ZERO, now);
        Ok(vec![Change::Put(Record::User(user))])
    }

    /// Changes a user. With `auth.password_overlap`, the password before stays good for that long.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`]; [`Error::Account`] for a user of the configuration.
    pub fn alter(
        &self,
        access: &Access,
        name: &str,
        alteration: Alteration,
        now: SystemTime,
    ) -> Result<Vec<Change>> {
        let user = stored(access, name)?.clone();
        let user = altered(user, alteration, self.overlap, now);
        Ok(vec![Change::Put(Record::User(user))])
    }

    /// Removes a user, what was granted to it, and the worth of all its tokens, for those who get its name later.
    ///
    /// # Errors
    /// [`Error::NoSuchUser`]; [`Error::Account`] for a user of the configuration, and for one whom policies or masks
    /// name: without them others would see more.
    pub fn remove(&self, access: &Access, name: &str, now: SystemTime) -> Result<Vec<Change>> {
        stored(access, name)?;
        let grantee = Grantee::User(name.to_owned());
        let is_named = access.policies().any(|policy| policy.to == grantee)
            || access.masks().any(|mask| mask.to == grantee);
        if is_named {
            return Err(Error::account(format!(
                "user \"{name}\" is named by row policies or column masks; drop those first"
            )));
        }
        let grants = access.grants().filter(|grant| grant.grantee == grantee);
        let grants = grants.map(|grant| RecordKey::grant(&grantee, &grant.scope));
        let mut changes: Vec<_> = grants.map(Change::Remove).collect();
        changes.push(Change::Remove(RecordKey::user(name)));
        changes.extend(self.revoke(access, Revoked::User(name.to_owned()), now));
        Ok(changes)
    }

    /// Makes all tokens of a user worthless that were issued until now; logins are left alone. The user need not exist.
    #[must_use]
    pub fn revoke_tokens_of(&self, access: &Access, user: &str, now: SystemTime) -> Vec<Change> {
        self.revoke(access, Revoked::User(user.to_owned()), now)
    }

    /// Makes the tokens worthless that have an id and were issued until now: one for a service, or a login's with those
    /// that it was renewed by.
    ///
    /// # Errors
    /// [`Error::Account`] for what cannot be an id.
    pub fn revoke_token(&self, access: &Access, id: &str, now: SystemTime) -> Result<Vec<Change>> {
        if !is_id(id) {
            return Err(Error::account(
                "the id of a token is 1 to 128 letters, digits and -_. (`godwit token inspect` shows it)",
            ));
        }
        Ok(self.revoke(access, Revoked::Token(id.to_owned()), now))
    }

    /// Revocations of what has long expired go with it.
    fn revoke(&self, access: &Access, revoked: Revoked, now: SystemTime) -> Vec<Change> {
        let now = seconds(now);
        let over = access.revocations().filter(|known| known.until < now);
        let over = over.map(|known| RecordKey::revocation(&known.revoked));
        let mut changes: Vec<_> = over.map(Change::Remove).collect();
        // Other hosts may be ahead; a user's next login must not be, so its token is dated after this.
        let ahead = match revoked {
            Revoked::User(_) => 1,
            Revoked::Token(_) => LEEWAY + 1,
        };
        let record = Revocation {
            revoked,
            before: now + ahead,
            until: now + ahead + self.tokens.as_secs(),
        };
        let key = RecordKey::revocation(&record.revoked);
        changes.retain(|change| *change != Change::Remove(key.clone()));
        changes.push(Change::Put(Record::Revocation(record)));
        changes
    }
}

impl fmt::Debug for Accounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Accounts(…)")
    }
}

impl fmt::Debug for HashedPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedPassword(…)")
    }
}

fn stored<'a>(access: &'a Access, name: &str) -> Result<&'a StoredUser> {
    if access.is_configured(name) {
        return Err(Error::account(format!(
            "user \"{name}\" is one of the configuration, and is changed there"
        )));
    }
    access.user(name).ok_or_else(|| Error::NoSuchUser {
        user: name.to_owned(),
    })
}

fn altered(
    mut user: StoredUser,
    alteration: Alteration,
    overlap: Duration,
    now: SystemTime,
) -> StoredUser {
    if let Some(password) = alteration.password {
        // Who has no password any more has none before either.
        let keeps = password.is_some() && !overlap.is_zero();
        user.previous_hash = user.password_hash.take().filter(|_| keeps);
        user.previous_until = user
            .previous_hash
            .is_some()
            .then(|| seconds(now) + overlap.as_secs());
        user.password_hash = password.map(|hash| hash.0);
    }
    user.enabled = alteration.enabled.unwrap_or(user.enabled);
    user.valid_until = alteration.valid_until.unwrap_or(user.valid_until);
    user
}

#[cfg(test)]
mod tests;
