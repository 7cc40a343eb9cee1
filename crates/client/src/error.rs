/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// What the caller asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Nobody who speaks gRPC answers.
    #[error("cannot reach {url}: {why}")]
    Unreachable {
        /// Where.
        url: String,
        /// What the system, the TLS library or the server says.
        why: String,
    },
    /// The credentials are wrong, so every call would be refused.
    #[error("{url} refuses these credentials: {why}")]
    Refused {
        /// Who.
        url: String,
        /// What it says.
        why: String,
    },
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;
