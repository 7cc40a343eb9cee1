//! Poll handles: sealed names of queries that run in the background, for PollFlightInfo and CancelFlightInfo.

use std::time::SystemTime;

use bytes::Bytes;
use prost::Message;

use crate::{
    error::{Error, Result},
    expiry,
    format::WireFormat,
    id::StatementId,
    seal::{Purpose, Sealer},
    wire::godwit as wire,
};

const WHAT: &str = Purpose::Poll.what();

/// A poll handle as the server sees it. The bearer must be `user`; that check is the caller's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PollHandle {
    /// The user whose query it is.
    pub user: String,
    /// The statement whose result is kept.
    pub statement: StatementId,
    /// When it stops being valid; whole milliseconds on the wire.
    pub expires_at: SystemTime,
    /// The form in which its rows were described, and will be sent.
    pub format: WireFormat,
}

impl PollHandle {
    /// The bytes for the client. A time before 1970 becomes 1970: expired either way.
    #[must_use]
    pub fn seal(&self, sealer: &Sealer) -> Bytes {
        let message = wire::PollHandle {
            user: self.user.clone(),
            statement: Bytes::copy_from_slice(self.statement.as_bytes()),
            expires_at_ms: expiry::encode(self.expires_at),
            format: Some(self.format.encode()),
        };
        sealer.seal(Purpose::Poll, &message.encode_to_vec())
    }

    /// Reads a handle that came back.
    ///
    /// # Errors
    /// [`Error::Forged`] when this server did not issue it, [`Error::Expired`] when `now` is `expires_at` or later,
    /// [`Error::Malformed`] when an incompatible version of the server issued it.
    pub fn open(sealer: &Sealer, bytes: &[u8], now: SystemTime) -> Result<Self> {
        let payload = sealer.open(Purpose::Poll, bytes)?;
        let message = wire::PollHandle::decode(payload).map_err(|e| Error::malformed(WHAT, e))?;
        let expires_at = expiry::decode(WHAT, message.expires_at_ms, now)?;
        Ok(Self {
            user: message.user,
            statement: StatementId::decode(&message.statement)?,
            expires_at,
            format: WireFormat::decode(WHAT, message.format.unwrap_or_default())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    const EXPIRY: Duration = Duration::from_millis(1_800_000_000_123);

    fn sealer() -> Sealer {
        Sealer::new(&[7; 32])
    }

    fn handle() -> PollHandle {
        PollHandle {
            user: "ann".to_owned(),
            statement: StatementId::random(),
            expires_at: UNIX_EPOCH + EXPIRY,
            format: WireFormat::default(),
        }
    }

    #[test]
    fn a_handle_survives_the_wire_until_it_expires() {
        let handle = handle();
        let sealed = handle.seal(&sealer());
        let open_at = |since| PollHandle::open(&sealer(), &sealed, UNIX_EPOCH + since);
        assert_eq!(open_at(EXPIRY - Duration::from_millis(1)), Ok(handle));
        assert_eq!(
            open_at(EXPIRY),
            Err(Error::Expired {
                what: "poll handle"
            })
        );
    }

    #[test]
    fn nothing_else_passes() {
        let opened = |bytes: &[u8]| PollHandle::open(&sealer(), bytes, UNIX_EPOCH);
        assert!(matches!(opened(b""), Err(Error::Forged { .. })));
        let ticket = sealer().seal(Purpose::Ticket, b"payload");
        assert!(matches!(opened(&ticket), Err(Error::Forged { .. })));
        let nameless = wire::PollHandle {
            expires_at_ms: 1,
            ..wire::PollHandle::default()
        };
        for payload in [b"\xff".as_slice(), &nameless.encode_to_vec()] {
            let sealed = sealer().seal(Purpose::Poll, payload);
            let opened = opened(&sealed);
            assert!(matches!(opened, Err(Error::Malformed { .. })), "{opened:?}");
        }
    }
}
