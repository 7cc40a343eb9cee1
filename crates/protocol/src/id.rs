//! Random names for sessions and statements: 128 bits, unguessable.

use std::fmt;

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
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
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
    fn random_ids_differ() {
        assert_ne!(StatementId::random(), StatementId::random());
    }
}
