//! Random names for sessions, statements and transactions: 128 bits, unguessable.

use std::fmt;

use bytes::Bytes;

use crate::error::{Error, Result};

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// A new one from the thread's cryptographically secure generator.
            #[must_use]
            pub fn random() -> Self {
                Self(rand::random())
            }

            /// The one with these bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 16] {
                &self.0
            }

            /// Reads one that came over the wire.
            ///
            /// # Errors
            /// [`Error::Malformed`] unless there are exactly 16 bytes.
            pub fn decode(bytes: &[u8]) -> Result<Self> {
                bytes
                    .try_into()
                    .map(Self)
                    .map_err(|_| Error::malformed($what, format_args!("{} bytes instead of 16", bytes.len())))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:032x}", u128::from_be_bytes(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }
    };
}

id!(
    /// Names a session. `Display` is 32 hexadecimal digits.
    SessionId,
    "session id"
);
id!(
    /// Names a statement, planned or prepared. `Display` is 32 hexadecimal digits.
    StatementId,
    "statement id"
);
id!(
    /// Names a transaction. `Display` is 32 hexadecimal digits.
    TransactionId,
    "transaction id"
);

/// Names a savepoint of a transaction. On the wire it is the transaction's 16 bytes and the number in 8, big-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SavepointId {
    /// The transaction.
    pub transaction: TransactionId,
    /// Counted in the transaction, never used twice.
    pub number: u64,
}

impl SavepointId {
    /// The bytes for the client.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = self.transaction.as_bytes().to_vec();
        bytes.extend_from_slice(&self.number.to_be_bytes());
        bytes.into()
    }

    /// Reads one that came over the wire.
    ///
    /// # Errors
    /// [`Error::Malformed`] unless there are exactly 24 bytes.
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        const WHAT: &str = "savepoint id";
        let without =
            || Error::malformed(WHAT, format_args!("{} bytes instead of 24", bytes.len()));
        let (transaction, number) = bytes.split_last_chunk().ok_or_else(without)?;
        Ok(Self {
            transaction: TransactionId::decode(transaction).map_err(|_| without())?,
            number: u64::from_be_bytes(*number),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_shown_as_hexadecimal() {
        let mut bytes = [0; 16];
        bytes[1] = 0xab;
        let id = SessionId::from_bytes(bytes);
        assert_eq!(id.to_string(), "00ab0000000000000000000000000000");
        assert_eq!(
            format!("{id:?}"),
            "SessionId(00ab0000000000000000000000000000)"
        );
        assert_eq!(SessionId::decode(id.as_bytes()), Ok(id));
        assert!(SessionId::decode(&bytes[1..]).is_err());
    }

    #[test]
    fn a_savepoint_survives_the_wire() {
        let savepoint = SavepointId {
            transaction: TransactionId::random(),
            number: u64::MAX - 1,
        };
        let bytes = savepoint.encode();
        assert_eq!(SavepointId::decode(&bytes), Ok(savepoint));
        for wrong in [&bytes[..0], &bytes[..7], &bytes[1..], &[0; 25]] {
            let decoded = SavepointId::decode(wrong);
            assert!(matches!(decoded, Err(Error::Malformed { .. })), "{wrong:?}");
        }
    }

    #[test]
    fn random_ids_differ() {
        assert_ne!(StatementId::random(), StatementId::random());
    }
}
