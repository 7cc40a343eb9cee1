mod certificate;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime},
};

use godwit_config::{AuthMode, Config};

use crate::{
    access::{ADMIN, Access},
    certificates::Certificates,
    credentials::{Basic, Credentials},
    directory::Directory,
    error::{Error, Result},
    identity::{ANONYMOUS, Identity, Intent, Permit, Via},
    issuers::{Foreign, Issuers},
    logins::Logins,
    password::{Argon2id, Check},
    peer::Peer,
    storage::Storage,
    time::seconds,
    token::{BearerToken, LEEWAY, Tokens, Verified},
    turns::Turns,
    users::{DEFAULT_ADMIN, FirstStart, Users},
};

mod upkeep;

const MAC_KEY_FILE: &str = "mac.key";
/// The subject of anonymous tokens. No user can have that name, so they are worthless once users are asked for.
const NOBODY: &str = "";

/// Judges who calls and what they may do.
pub struct Authenticator {
    mode: AuthMode,
    users: Users,
    logins: Logins,
    tokens: Arc<Tokens>,
    issuers: Issuers,
    certificates: Certificates,
    mac_key: [u8; 32],
    directory: Arc<Directory>,
    upkeep: upkeep::Upkeep,
}

/// A login that succeeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// Who logged in.
    pub identity: Identity,
    /// The token to call with from now on. `None` only when nobody has to log in and the caller sent no credentials.
    pub token: Option<BearerToken>,
}

/// A call whose caller is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authenticated {
    /// Who calls.
    pub identity: Identity,
    /// A token to use instead of the caller's, because that is past half of its life. It names the same session.
    pub refreshed: Option<BearerToken>,
}

impl Authenticator {
    /// Reads the users and the secret keys; makes what is missing in the directory `auth` of `data_dir`. Blocks for
    /// file access and, with an admin's password in the configuration, for one password hash.
    ///
    /// # Errors
    /// [`Error::Storage`] when a file cannot be read, made or trusted; [`Error::Password`] when a configured password or
    /// hash cannot be used, [`Error::Issuer`] when an issuer of tokens cannot.
    pub fn start(config: &Config, data_dir: &Path) -> Result<(Self, FirstStart)> {
        Self::start_with(config, data_dir, Arc::new(Argon2id))
    }

    pub(crate) fn start_with(
        config: &Config,
        data_dir: &Path,
        check: Arc<dyn Check>,
    ) -> Result<(Self, FirstStart)> {
        let storage = Storage::open(data_dir)?;
        let mac_key = open_mac_key(&storage)?;
        let turns = Turns::new(config.auth.login_concurrency.max(1));
        let directory = Arc::new(Directory::new(configured_roles(config), turns.clone()));
        let (users, first_start) = match config.auth.mode {
            AuthMode::Password => Users::open(config, &storage, Arc::clone(&directory))?,
            AuthMode::Off => (Users::none(Arc::clone(&directory))?, FirstStart::None),
        };
        let issuers = match config.auth.mode {
            AuthMode::Password => Issuers::open(config)?,
            AuthMode::Off => Issuers::none(),
        };
        let tokens = Arc::new(Tokens::open(storage, &config.auth)?);
        let logins = Logins::new(&config.auth, check, turns);
        let authenticator = Self {
            mode: config.auth.mode,
            users,
            logins,
            tokens,
            issuers,
            certificates: Certificates::new(&config.tls),
            mac_key,
            directory,
            upkeep: upkeep::Upkeep::new(&config.auth),
        };
        Ok((authenticator, first_start))
    }

    /// Fetches the keys of trusted issuers now and keeps them fresh, in tasks of the current runtime that end with this
    /// value.
    pub fn keep_fresh(&self) {
        self.issuers.keep_fresh();
    }

    /// Takes the users of a new configuration with their roles. Whoever is gone is refused from the next call on; the admin
    /// stays as it was at start.
    ///
    /// # Errors
    /// [`Error::Password`] for a hash that cannot be used; then nothing has changed.
    pub async fn reconfigure(&self, config: &Config) -> Result<()> {
        if self.mode == AuthMode::Password {
            self.users.reconfigure(config)?;
        }
        self.directory.reconfigure(configured_roles(config)).await;
        Ok(())
    }

    /// Judges the authorization header of a handshake, and gives a token for it. A name and a password begin a new
    /// session; a token keeps its session.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Busy`], [`Error::Throttled`] or [`Error::IssuerAway`].
    pub async fn login(&self, authorization: Option<&str>, peer: Peer) -> Result<Login> {
        let credentials = authorization.and_then(Credentials::decode);
        let now = SystemTime::now();
        if self.mode == AuthMode::Off {
            return self.login_anonymous(authorization.is_some(), credentials.as_ref(), now);
        }
        match credentials.ok_or(Error::Unauthenticated)? {
            Credentials::Basic(basic) => {
                self.logins.verify(&self.users, &basic, peer).await?;
                self.new_session(basic.user(), Via::Basic, now)
            }
            Credentials::Bearer(token) => {
                let Authenticated {
                    identity,
                    refreshed,
                } = self.bearer(token, now).await?;
                let token = refreshed.unwrap_or_else(|| BearerToken::received(token));
                Ok(Login {
                    identity,
                    token: Some(token),
                })
            }
        }
    }

    /// Judges the authorization header of any other call.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`], [`Error::Busy`], [`Error::Throttled`] or [`Error::IssuerAway`].
    pub async fn authenticate(
        &self,
        authorization: Option<&str>,
        peer: Peer,
    ) -> Result<Authenticated> {
        let credentials = authorization.and_then(Credentials::decode);
        let now = SystemTime::now();
        if self.mode == AuthMode::Off {
            return self.anonymous(credentials.as_ref(), now);
        }
        match credentials.ok_or(Error::Unauthenticated)? {
            Credentials::Basic(basic) => self.basic(&basic, peer).await,
            Credentials::Bearer(token) => self.bearer(token, now).await,
        }
    }

    /// Decides whether a caller may do something.
    ///
    /// # Errors
    /// [`Error::Denied`] when the user no longer exists, is disabled or has expired, or the issuer's token has expired.
    pub fn authorize(&self, identity: &Identity, intent: Intent) -> Result<Permit> {
        let known = match self.mode {
            AuthMode::Off => identity.via() == Via::Anonymous,
            AuthMode::Password => match identity.via() {
                Via::Anonymous => false,
                Via::Issuer => identity.holds(SystemTime::now()),
                Via::Basic | Via::Bearer | Via::Certificate => {
                    self.users.is_active(identity.user(), SystemTime::now())
                }
            },
        };
        if !known {
            let user = identity.user().to_owned();
            return Err(Error::Denied { user });
        }
        let access = self.directory.current();
        let authority = match self.mode {
            AuthMode::Off => access.authority_of_admin(identity.user()),
            AuthMode::Password => access.authority(identity.user(), identity.roles()),
        };
        Ok(Permit::new(identity.clone(), intent, Arc::new(authority)))
    }

    /// Users, roles and grants.
    #[must_use]
    pub fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// The key for what the server seals: tickets, handles and cookies.
    #[must_use]
    pub fn mac_key(&self) -> [u8; 32] {
        self.mac_key
    }
}

impl Authenticator {
    fn new_session(&self, user: &str, via: Via, now: SystemTime) -> Result<Login> {
        let session = rand::random();
        let subject = if via == Via::Anonymous { NOBODY } else { user };
        let token = self.issue(subject, session, now)?;
        Ok(Login {
            identity: Identity::new(user, Some(session), via),
            token: Some(token),
        })
    }

    async fn basic(&self, basic: &Basic, peer: Peer) -> Result<Authenticated> {
        self.logins.verify(&self.users, basic, peer).await?;
        Ok(Authenticated {
            identity: Identity::new(basic.user(), None, Via::Basic),
            refreshed: None,
        })
    }

    async fn bearer(&self, token: &str, now: SystemTime) -> Result<Authenticated> {
        if let Some(foreign) = self.issuers.verify(token, now).await {
            return foreign.map(Authenticated::from);
        }
        let mut verified = self.tokens.verify(token, now);
        if verified.is_none() && self.tokens.is_of_unknown_key(token) {
            self.look_for_keys(now).await;
            verified = self.tokens.verify(token, now);
        }
        let access = self.directory.current();
        let verified = verified
            .filter(|v| self.users.is_active(&v.user, now) && !is_revoked(&access, v))
            .ok_or(Error::Unauthenticated)?;
        Ok(Authenticated {
            refreshed: self.refresh(&verified, now)?,
            identity: Identity::new(verified.user, verified.session, Via::Bearer),
        })
    }

    /// Nobody is turned away. A token of an anonymous login still tells which session is meant.
    fn anonymous(
        &self,
        credentials: Option<&Credentials<'_>>,
        now: SystemTime,
    ) -> Result<Authenticated> {
        let verified = match credentials {
            Some(Credentials::Bearer(token)) => {
                self.tokens.verify(token, now).filter(|v| v.user == NOBODY)
            }
            Some(Credentials::Basic(_)) | None => None,
        };
        let refreshed = match &verified {
            Some(verified) => self.refresh(verified, now)?,
            None => None,
        };
        Ok(Authenticated {
            identity: Identity::new(ANONYMOUS, verified.and_then(|v| v.session), Via::Anonymous),
            refreshed,
        })
    }

    /// Clients that sent credentials, whatever they are, expect a token for them.
    fn login_anonymous(
        &self,
        sent: bool,
        credentials: Option<&Credentials<'_>>,
        now: SystemTime,
    ) -> Result<Login> {
        let Authenticated {
            identity,
            refreshed,
        } = self.anonymous(credentials, now)?;
        match credentials {
            Some(Credentials::Bearer(token)) if identity.session().is_some() => {
                let token = refreshed.unwrap_or_else(|| BearerToken::received(token));
                Ok(Login {
                    identity,
                    token: Some(token),
                })
            }
            _ if sent => self.new_session(ANONYMOUS, Via::Anonymous, now),
            _ => Ok(Login {
                identity,
                token: None,
            }),
        }
    }

    fn refresh(&self, verified: &Verified, now: SystemTime) -> Result<Option<BearerToken>> {
        let session = verified.session.filter(|_| verified.due);
        session
            .map(|session| self.issue(&verified.user, session, now))
            .transpose()
    }

    /// A token that the last revocation of the user's tokens is not about.
    fn issue(&self, user: &str, session: [u8; 16], now: SystemTime) -> Result<BearerToken> {
        let revoked = self.directory.current().revoked_before(user);
        let ahead = revoked.saturating_sub(seconds(now)).min(LEEWAY);
        let from = now + Duration::from_secs(ahead);
        self.tokens.issue(user, session, from)
    }
}

impl From<Foreign> for Authenticated {
    fn from(foreign: Foreign) -> Self {
        let identity = Identity::new(foreign.user, Some(foreign.session), Via::Issuer);
        Self {
            identity: identity.with_roles(foreign.roles).until(foreign.expires),
            refreshed: None,
        }
    }
}

impl fmt::Debug for Authenticator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { mode, users, .. } = self;
        f.debug_struct("Authenticator")
            .field("mode", mode)
            .field("users", users)
            .finish_non_exhaustive()
    }
}

/// The roles that the configuration gives to its users. The admin has the role `admin`.
fn configured_roles(config: &Config) -> BTreeMap<String, BTreeSet<String>> {
    let users = config.users.iter();
    let mut roles: BTreeMap<_, BTreeSet<_>> = users
        .map(|(name, user)| (name.clone(), user.roles.iter().cloned().collect()))
        .collect();
    let admin = &config.admin;
    let has_password = admin.password.is_some() || admin.password_file.is_some();
    if has_password || admin.user.is_some() || config.users.is_empty() {
        let name = admin.user.as_deref().unwrap_or(DEFAULT_ADMIN).to_owned();
        roles.entry(name).or_default().insert(ADMIN.to_owned());
    }
    roles
}

fn is_revoked(access: &Access, token: &Verified) -> bool {
    access.is_revoked(&token.user, Some(&token.id), token.issued)
}

fn open_mac_key(storage: &Storage) -> Result<[u8; 32]> {
    if let Some(content) = storage.read(MAC_KEY_FILE)? {
        let key = content.as_slice().try_into();
        return key
            .map_err(|_| Error::storage(&storage.path(MAC_KEY_FILE), "not a key of 32 bytes"));
    }
    let key: [u8; 32] = rand::random();
    storage.create(MAC_KEY_FILE, &key)?;
    Ok(key)
}

#[cfg(test)]
mod tests;
