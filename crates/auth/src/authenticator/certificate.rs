use std::time::SystemTime;

use godwit_config::AuthMode;

use super::{Authenticated, Authenticator, Login};
use crate::{
    error::{Error, Result},
    identity::{Identity, Via},
};

impl Authenticator {
    /// Who a client is by the certificate of its connection, in DER form, which the TLS library has found to be issued by
    /// a trusted authority; `None` where certificates name nobody, by `tls.client_name` or because nobody has to prove
    /// anything.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it names no user of ours.
    pub fn certified(&self, certificate: &[u8]) -> Result<Option<Identity>> {
        if self.mode == AuthMode::Off || !self.certificates.name_users() {
            return Ok(None);
        }
        let refused = |why: &'static str| {
            tracing::info!(why, "client certificate refused");
            Error::Unauthenticated
        };
        let user = self.certificates.user(certificate, SystemTime::now());
        let user = user.map_err(refused)?;
        if !self.users.is_active(&user, SystemTime::now()) {
            return Err(refused("its user does not exist"));
        }
        Ok(Some(Identity::new(user, None, Via::Certificate)))
    }

    /// A token and a new session for a client whose certificate said who it is.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub fn login_certified(&self, certified: &Identity) -> Result<Login> {
        self.new_session(certified.user(), Via::Certificate, SystemTime::now())
    }
}

impl Authenticated {
    /// The same, if the certificate of the connection names the same user or none.
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it names another.
    pub fn agreeing(self, certified: Option<&Identity>) -> Result<Self> {
        agree(&self.identity, certified).map(|()| self)
    }
}

impl Login {
    /// As [`Authenticated::agreeing`].
    ///
    /// # Errors
    /// [`Error::Unauthenticated`] when it names another.
    pub fn agreeing(self, certified: Option<&Identity>) -> Result<Self> {
        agree(&self.identity, certified).map(|()| self)
    }
}

impl From<Identity> for Authenticated {
    fn from(identity: Identity) -> Self {
        Self {
            identity,
            refreshed: None,
        }
    }
}

fn agree(identity: &Identity, certified: Option<&Identity>) -> Result<()> {
    if certified.is_none_or(|certified| certified.user() == identity.user()) {
        return Ok(());
    }
    tracing::info!("client certificate and credentials name different users");
    Err(Error::Unauthenticated)
}
