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

#[cfg(test)]
mod tests {
    use super::*;

    fn sealer() -> Sealer {
        Sealer::new(&[7; 32])
    }

    #[test]
    fn a_cookie_survives_the_wire_and_is_plain_text() {
        let cookie = SessionCookie {
            user: "ann".to_owned(),
            session: SessionId::random(),
        };
        let value = cookie.seal(&sealer());
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        assert!(value.chars().all(plain), "{value}");
        assert_eq!(SessionCookie::open(&sealer(), &value), Ok(cookie));
    }

    #[test]
    fn other_values_are_refused() {
        let foreign = URL_SAFE_NO_PAD.encode(sealer().seal(Purpose::Ticket, b""));
        let forged = SessionCookie::open(&sealer(), &foreign);
        assert!(matches!(forged, Err(Error::Forged { .. })));
        let malformed = SessionCookie::open(&sealer(), "not base64!");
        assert!(matches!(malformed, Err(Error::Malformed { .. })));
        let large = SessionCookie::open(&sealer(), &"A".repeat(MAX_BYTES + 1));
        assert!(matches!(large, Err(Error::TooLarge { .. })));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        for (header, found) in [
            ("arrow_flight_session_id=abc", Some("abc")),
            ("a=b; arrow_flight_session_id=abc; c=d", Some("abc")),
            ("a=b;arrow_flight_session_id = \"abc\" ", Some("abc")),
            ("arrow_flight_session_id=x=y", Some("x=y")),
            ("arrow_flight_session_id=", Some("")),
            ("xarrow_flight_session_id=abc", None),
            ("arrow_flight_session_id", None),
            ("", None),
        ] {
            assert_eq!(find(header), found, "{header}");
        }
    }
}
