//! `CREATE USER`, `ALTER USER`, `DROP USER`, and their tokens.

use std::collections::BTreeSet;

use datafusion::sql::sqlparser::ast::{Expr, Value};
use godwit_auth::Change;
use godwit_auth::access::{Access, Grantee, Record, RecordKey, Revocation, Revoked, StoredUser};
use godwit_config::{Auth, Secret};

use super::grantees::{check_new_name, has_user, user};
use super::{Asking, Decide, now, roles};
use crate::check::{UserName, UserOptions};
use crate::{Error, Result, constants};

/// Most bytes of a password.
const PASSWORD_BYTES: usize = 1024;

/// What the configuration says about users whom SQL makes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UserRules {
    /// `auth.password_min_length`
    min_length: usize,
    /// `auth.password_overlap`, in seconds.
    overlap: u64,
    /// How long a token may be good for, in seconds: as long is a revocation kept.
    longest_token: u64,
}

impl UserRules {
    pub(crate) fn new(auth: &Auth) -> Self {
        Self {
            min_length: auth.password_min_length,
            overlap: auth.password_overlap.as_secs(),
            longest_token: auth.token_ttl.max(auth.service_token_max_ttl).as_secs(),
        }
    }

    /// Whether a password may be given to somebody.
    ///
    /// # Errors
    /// [`Error::InvalidInput`]; never a part of the password.
    pub(super) fn check(self, password: &Secret) -> Result<()> {
        let (password, least) = (password.expose(), self.min_length);
        let chars = password.chars().count();
        if chars < least || password.len() > PASSWORD_BYTES {
            return Err(Error::invalid(format!(
                "the password has {chars} characters; it is to have {least} at least, and {PASSWORD_BYTES} bytes at most"
            )));
        }
        Ok(())
    }

    /// Tokens issued in this second are meant too.
    fn revoke(self, revoked: Revoked) -> Change {
        let before = now() + 1;
        Change::Put(Record::Revocation(Revocation {
            revoked,
            before,
            until: before + self.longest_token,
        }))
    }
}

/// Revocations of tokens that are past their time by themselves.
fn forgotten(access: &Access) -> impl Iterator<Item = Change> {
    let now = now();
    let past = access.revocations().filter(move |known| known.until < now);
    past.map(|known| Change::Remove(RecordKey::revocation(&known.revoked)))
}

impl Asking<'_> {
    pub(super) fn create_user(
        &self,
        name: &str,
        if_not_exists: bool,
        options: &UserOptions,
    ) -> Result<Decide> {
        self.need_admin("make a user")?;
        let created = StoredUser {
            name: name.to_owned(),
            password_hash: self.hash.clone(),
            previous_hash: None,
            previous_until: None,
            enabled: options.enabled.unwrap_or(true),
            valid_until: self.valid_until(options)?.flatten(),
            roles: BTreeSet::new(),
        };
        Ok(Box::new(move |access| {
            if if_not_exists && has_user(access, &created.name) {
                return Ok(Vec::new());
            }
            check_new_name(access, "user", &created.name)?;
            Ok(vec![Change::Put(Record::User(created.clone()))])
        }))
    }

    pub(super) fn alter_user(&self, name: &UserName, options: &UserOptions) -> Result<Decide> {
        let name = self.named(name);
        let is_own = name == self.authority.user();
        let only_password = options.valid_until.is_none() && options.enabled.is_none();
        if !(is_own && only_password) {
            self.need_admin("change a user, but for the own password")?;
        }
        if is_own && options.enabled == Some(false) {
            return Err(Error::invalid(
                "you would lock yourself out; let another member of 'admin' disable you",
            ));
        }
        let rules = self.inner.user_rules;
        let (hash, has_password) = (self.hash.clone(), options.password.is_some());
        let (valid_until, enabled) = (self.valid_until(options)?, options.enabled);
        Ok(Box::new(move |access| {
            let mut changed = stored(access, &name)?.clone();
            if has_password {
                let before = std::mem::replace(&mut changed.password_hash, hash.clone());
                changed.previous_hash = before.filter(|_| rules.overlap > 0);
                let until = changed
                    .previous_hash
                    .is_some()
                    .then(|| now() + rules.overlap);
                changed.previous_until = until;
            }
            if let Some(valid_until) = valid_until {
                changed.valid_until = valid_until;
            }
            changed.enabled = enabled.unwrap_or(changed.enabled);
            Ok(vec![Change::Put(Record::User(changed))])
        }))
    }

    pub(super) async fn drop_user(&self, name: &str, if_exists: bool) -> Result<Decide> {
        self.need_admin("drop a user")?;
        if name == self.authority.user() {
            return Err(Error::invalid(
                "you would drop yourself; let another member of 'admin' do it",
            ));
        }
        let (name, owned, rules) = (name.to_owned(), self.owned_by(name), self.inner.user_rules);
        let gone = self.gone().await?;
        Ok(Box::new(move |access| {
            if if_exists && !has_user(access, &name) {
                return Ok(Vec::new());
            }
            let name = &stored(access, &name)?.name;
            if let Some(first) = owned.first() {
                return Err(Error::invalid(format!(
                    "user '{name}' owns {first}{}; drop it, or give it to another user (ALTER … OWNER TO)",
                    more(owned.len() - 1)
                )));
            }
            let mut changes = vec![
                Change::Remove(RecordKey::user(name)),
                rules.revoke(Revoked::User(name.clone())),
            ];
            changes.extend(roles::without(access, &Grantee::User(name.clone()), &gone)?);
            Ok(changes)
        }))
    }

    pub(super) fn revoke_token(&self, id: &str) -> Result<Decide> {
        self.need_admin("revoke a token by its id")?;
        if id.is_empty() || id.len() > 256 || id.contains(char::is_control) {
            return Err(Error::invalid(
                "the id of a token has 1 to 256 bytes without control characters",
            ));
        }
        let (id, rules) = (id.to_owned(), self.inner.user_rules);
        Ok(Box::new(move |access| {
            let revoked = rules.revoke(Revoked::Token(id.clone()));
            Ok(forgotten(access).chain([revoked]).collect())
        }))
    }

    pub(super) fn revoke_tokens(&self, of: &UserName) -> Result<Decide> {
        let name = self.named(of);
        if name != self.authority.user() {
            self.need_admin("revoke the tokens of another user")?;
        }
        let rules = self.inner.user_rules;
        Ok(Box::new(move |access| {
            // Nobody need know the user here: tokens of others name users that no record has.
            let revoked = rules.revoke(Revoked::User(name.clone()));
            Ok(forgotten(access).chain([revoked]).collect())
        }))
    }

    pub(super) fn named(&self, user: &UserName) -> String {
        match user {
            UserName::Named(name) => name.clone(),
            UserName::Caller => self.authority.user().to_owned(),
        }
    }

    /// What the statement says about the end, in seconds since 1970; `Some(None)` is never.
    fn valid_until(&self, options: &UserOptions) -> Result<Option<Option<u64>>> {
        let Some(text) = &options.valid_until else {
            return Ok(None);
        };
        if text.eq_ignore_ascii_case("infinity") {
            return Ok(Some(None));
        }
        let expr = Expr::value(Value::SingleQuotedString(text.clone()));
        let time = constants::time(self.state.session(), &expr)?.timestamp();
        let time = u64::try_from(time)
            .map_err(|_| Error::invalid("VALID UNTIL takes a time after 1970, or 'infinity'"))?;
        Ok(Some(Some(time)))
    }
}

/// A user that SQL made.
fn stored<'a>(access: &'a Access, name: &str) -> Result<&'a StoredUser> {
    if access.is_configured(name) {
        return Err(Error::invalid(format!(
            "user '{name}' is one of the configuration (users.{name}, or admin.user), where the password is too; change it there"
        )));
    }
    let name = user(access, name)?;
    access
        .user(&name)
        .ok_or_else(|| Error::not_found(format!("user '{name}' does not exist")))
}

fn more(count: usize) -> String {
    match count {
        0 => String::new(),
        count => format!(" and {count} more"),
    }
}
