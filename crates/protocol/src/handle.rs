//! Prepared statement handles: sealed names, valid as long as the session holds the statement.

use bytes::Bytes;
use prost::Message;

use crate::{
    error::{Error, Result},
    id::{SessionId, StatementId},
    seal::{Purpose, Sealer},
    wire::godwit as wire,
};

/// A handle as the server sees it. The bearer must be `user`; that check is the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreparedHandle {
    /// The user who prepared the statement.
    pub user: String,
    /// The session that holds it.
    pub session: SessionId,
    /// Its name in that session.
    pub statement: StatementId,
}

impl PreparedHandle {
    /// The bytes for the client.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> Bytes {
        let message = wire::PreparedHandle {
            user: self.user.clone(),
            session: Bytes::copy_from_slice(self.session.as_bytes()),
            statement: Bytes::copy_from_slice(self.statement.as_bytes()),
        };
        sealer.seal(Purpose::Handle, &message.encode_to_vec())
    }

    /// Reads a handle that came back.
    ///
    /// # Errors
    /// [`Error::Forged`] when this server did not issue it, [`Error::Malformed`] when an incompatible version of the
    /// server did.
    pub fn open(sealer: &Sealer, bytes: &[u8]) -> Result<Self> {
        let payload = sealer.open(Purpose::Handle, bytes)?;
        let message = wire::PreparedHandle::decode(payload)
            .map_err(|e| Error::malformed(Purpose::Handle.what(), e))?;
        Ok(Self {
            user: message.user,
            session: SessionId::decode(&message.session)?,
            statement: StatementId::decode(&message.statement)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_survives_the_wire_and_nothing_else_passes() {
        let sealer = Sealer::new(&[7; 32]);
        let handle = PreparedHandle {
            user: "ann".to_owned(),
            session: SessionId::random(),
            statement: StatementId::random(),
        };
        let sealed = handle.seal(&sealer);
        assert_eq!(PreparedHandle::open(&sealer, &sealed), Ok(handle));
        assert!(matches!(
            PreparedHandle::open(&sealer, b""),
            Err(Error::Forged { .. })
        ));
        for payload in [b"".as_slice(), b"\xff"] {
            let sealed = sealer.seal(Purpose::Handle, payload);
            let opened = PreparedHandle::open(&sealer, &sealed);
            assert!(matches!(opened, Err(Error::Malformed { .. })));
        }
    }
}
