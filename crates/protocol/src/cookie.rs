//! The session cookie, for clients that keep cookies instead of a token of their own.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use bytes::Bytes;
use prost::Message;

use crate::{
    error::{Error, Result, check_size},
    id::SessionId,
    seal::{Purpose, Sealer},
    wire::godwit as wire,
};

/// The cookie's name, the one that the Arrow reference servers use.
pub const NAME: &str = "arrow_flight_session_id";

/// Longest cookie value that is looked at, in bytes.
pub const MAX_BYTES: usize = 4096;

const WHAT: &str = Purpose::Cookie.what();

/// A session cookie as the server sees it. The bearer must be `user`; that check is the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionCookie {
    /// The user it was issued to.
    pub user: String,
    /// The session.
    pub session: SessionId,
}

impl SessionCookie {
    /// The cookie's value: base64url without padding.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> String {
        let message = wire::SessionCookie {
            user: self.user.clone(),
            session: Bytes::copy_from_slice(self.session.as_bytes()),
        };
        URL_SAFE_NO_PAD.encode(sealer.seal(Purpose::Cookie, &message.encode_to_vec()))
    }

    /// Reads a cookie's value.
    ///
    /// # Errors
    /// [`Error::TooLarge`] above [`MAX_BYTES`]; [`Error::Malformed`] when it is not base64url or an incompatible
    /// version of the server issued it; [`Error::Forged`] when this server did not.
    pub fn open(sealer: &Sealer, value: &str) -> Result<Self> {
        check_size(WHAT, value.len(), MAX_BYTES)?;
        let sealed = URL_SAFE_NO_PAD
            .decode(value)
            .map_err(|e| Error::malformed(WHAT, e))?;
        let payload = sealer.open(Purpose::Cookie, &sealed)?;
        let message =
            wire::SessionCookie::decode(payload).map_err(|e| Error::malformed(WHAT, e))?;
        Ok(Self {
            user: message.user,
            session: SessionId::decode(&message.session)?,
        })
    }
}

/// The value of the session cookie in a `cookie` header, without quotes; the first one if there are several.
#[must_use]
pub fn find(header: &str) -> Option<&str> {
    header.split(';').find_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        let value = value.trim();
        let unquoted = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        (name.trim() == NAME).then_some(unquoted.unwrap_or(value))
    })
}
