/// Why bytes were refused, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The bytes do not have the form that `what` must have.
    #[error("malformed {what}: {why}")]
    Malformed {
        /// The kind of thing that was expected.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A packed message of a type that is no Flight SQL command.
    #[error("unknown command \"{type_url}\"")]
    UnknownCommand {
        /// The type, escaped and shortened for display.
        type_url: String,
    },
    /// An action of an unknown type.
    #[error("unknown action \"{name}\"")]
    UnknownAction {
        /// The type, escaped and shortened for display.
        name: String,
    },
    /// Sealed bytes that this server did not issue, or not for this purpose.
    #[error("the {what} was not issued by this server")]
    Forged {
        /// The kind of thing that was expected.
        what: &'static str,
    },
    /// Sealed bytes that this server issued, but too long ago.
    #[error("the {what} has expired")]
    Expired {
        /// The kind of thing.
        what: &'static str,
    },
    /// More bytes than `what` may have.
    #[error("the {what} has {size} bytes; at most {limit} are allowed")]
    TooLarge {
        /// The kind of thing.
        what: &'static str,
        /// Its size in bytes.
        size: usize,
        /// The largest size allowed, in bytes.
        limit: usize,
    },
    /// A value that the wire format cannot express. The fault is the server's.
    #[error("cannot encode {what}: {why}")]
    Encode {
        /// The kind of thing.
        what: &'static str,
        /// The reason.
        why: String,
    },
}

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub(crate) fn malformed(what: &'static str, why: impl ToString) -> Self {
        Self::Malformed {
            what,
            why: why.to_string(),
        }
    }
}

/// Refuses more than `limit` bytes before anything is built from them.
pub(crate) fn check_size(what: &'static str, size: usize, limit: usize) -> Result<()> {
    if size > limit {
        return Err(Error::TooLarge { what, size, limit });
    }
    Ok(())
}

/// Makes a name that a client chose fit for a message: one line, at most 120 characters.
pub(crate) fn displayed(name: &str) -> String {
    const LONGEST: usize = 120;
    let mut shown: String = name
        .chars()
        .take(LONGEST)
        .flat_map(char::escape_debug)
        .collect();
    if name.chars().nth(LONGEST).is_some() {
        shown.push('…');
    }
    shown
}
