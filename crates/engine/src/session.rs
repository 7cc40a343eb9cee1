use std::collections::BTreeMap;
use std::sync::Arc;

use godwit_protocol::SessionId;
use godwit_protocol::session::OptionValue;

use crate::Result;

/// What a client's calls have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionKey {
    /// The id in a bearer token.
    Token(SessionId),
    /// The id in a cookie.
    Cookie(SessionId),
    /// Neither: one session for all such calls of a user. Its settings cannot be changed.
    Stateless,
}

/// All sessions of the server.
#[derive(Debug)]
pub struct Sessions {}

/// Settings and prepared statements of one client.
#[derive(Debug)]
pub struct Session {
    id: SessionId,
    user: String,
}

impl Sessions {
    /// The session of this user under this key; made when there is none.
    ///
    /// # Errors
    /// [`crate::Error::ResourcesExhausted`] at `sessions.max` or `sessions.max_per_user`.
    pub fn open(&self, user: &str, key: SessionKey) -> Result<Arc<Session>> {
        let _ = key;
        Ok(Arc::new(Session {
            id: SessionId::random(),
            user: user.to_owned(),
        }))
    }

    /// Forgets the session with its prepared statements. Queries that run go on. Nothing happens when there is none.
    pub fn close(&self, user: &str, key: SessionKey) {
        let _ = (user, key);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Session {
    /// Random, and not the key that the client knows.
    pub fn id(&self) -> SessionId {
        self.id
    }

    /// Whose it is.
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Every option with its value: `catalog`, `schema` and the settings that SQL `SET` takes.
    pub fn options(&self) -> BTreeMap<String, OptionValue> {
        BTreeMap::new()
    }

    /// Changes an option, as SQL `SET` does.
    ///
    /// # Errors
    /// [`crate::Error::NotFound`] when there is no such option, [`crate::Error::InvalidInput`] when it cannot have that
    /// value or when the session is stateless.
    pub fn set_option(&self, name: &str, value: &OptionValue) -> Result<()> {
        let _ = (name, value);
        Ok(())
    }

    /// Gives an option its default back, as SQL `RESET` does.
    ///
    /// # Errors
    /// As [`Self::set_option`].
    pub fn reset_option(&self, name: &str) -> Result<()> {
        let _ = name;
        Ok(())
    }
}
