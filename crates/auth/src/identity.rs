use std::{sync::Arc, time::SystemTime};

use crate::access::Authority;

/// The user that everyone is when `auth.mode` is `off`.
pub const ANONYMOUS: &str = "anonymous";

/// Who calls, proved. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    user: Arc<str>,
    session: Option<[u8; 16]>,
    via: Via,
    roles: Arc<[Arc<str>]>,
    expires: Option<SystemTime>,
}

/// How the caller proved it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Via {
    /// A token that this server signed.
    Bearer,
    /// A token of a trusted issuer. The user need not be one of ours.
    Issuer,
    /// The certificate of the connection.
    Certificate,
    /// A user name and a password.
    Basic,
    /// Not at all: `auth.mode` is `off`.
    Anonymous,
}

/// What a caller wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Intent {
    /// Read rows.
    Query,
    /// Change rows or definitions.
    Update,
    /// Prepare, bind or close a statement.
    Prepare,
    /// Ask what exists.
    Metadata,
    /// Read or change the session.
    Session,
    /// Append a stream of rows.
    Ingest,
}

/// Proof that [`Authenticator::authorize`](crate::Authenticator::authorize) allowed an intent. Nothing else makes one.
#[derive(Debug, Clone)]
pub struct Permit {
    identity: Identity,
    intent: Intent,
    authority: Arc<Authority>,
}

impl Identity {
    pub(crate) fn new(user: impl Into<Arc<str>>, session: Option<[u8; 16]>, via: Via) -> Self {
        Self {
            user: user.into(),
            session,
            via,
            roles: Arc::default(),
            expires: None,
        }
    }

    /// The same caller with roles that the proof carries.
    pub(crate) fn with_roles(mut self, roles: Arc<[Arc<str>]>) -> Self {
        self.roles = roles;
        self
    }

    /// The same caller, known until then.
    pub(crate) fn until(mut self, expires: SystemTime) -> Self {
        self.expires = Some(expires);
        self
    }

    /// Whether the proof still holds.
    pub(crate) fn holds(&self, now: SystemTime) -> bool {
        self.expires.is_none_or(|expires| now < expires)
    }

    /// The user's name.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// The session that the caller's token names: a login makes one, and renewed tokens keep it. `None` without a
    /// token; such callers are told apart by a cookie, if at all.
    #[must_use]
    pub fn session(&self) -> Option<[u8; 16]> {
        self.session
    }

    /// Roles that the proof itself carries, besides those that the user has here: of a token of a trusted issuer.
    #[must_use]
    pub fn roles(&self) -> &[Arc<str>] {
        &self.roles
    }

    /// How the caller proved it.
    #[must_use]
    pub fn via(&self) -> Via {
        self.via
    }
}

impl Permit {
    pub(crate) fn new(identity: Identity, intent: Intent, authority: Arc<Authority>) -> Self {
        Self {
            identity,
            intent,
            authority,
        }
    }

    /// What the caller may do with what there is.
    #[must_use]
    pub fn authority(&self) -> &Arc<Authority> {
        &self.authority
    }

    /// Who is allowed.
    #[must_use]
    pub fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The name of who is allowed.
    #[must_use]
    pub fn user(&self) -> &str {
        self.identity.user()
    }

    /// What is allowed.
    #[must_use]
    pub fn intent(&self) -> Intent {
        self.intent
    }
}
