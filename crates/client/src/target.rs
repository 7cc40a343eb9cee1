use std::fmt;

use crate::error::{Error, Result};

#[cfg(test)]
mod tests;

/// The address of a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    tls: bool,
    authority: String,
}

/// How we log in.
#[derive(Clone)]
pub enum Credentials {
    /// Not at all.
    None,
    /// With a name and a password, by the handshake where the server has one, else on every call.
    Password {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// With a bearer token on every call.
    Token(String),
}

/// Which certificates we take.
#[derive(Debug, Clone)]
pub enum Trust {
    /// Those of the authorities that the system trusts.
    System,
    /// Those of these authorities, in PEM form.
    Authorities(Vec<u8>),
    /// Any.
    Anyone,
}

impl Target {
    /// Reads `grpc://HOST:PORT` (also `grpc+tcp://` and `http://`) or `grpc+tls://HOST:PORT` (also `https://`).
    ///
    /// # Errors
    /// [`Error::Usage`] for anything else.
    pub fn parse(url: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::Usage(format!(
                "{url:?} {why}; it must be grpc://HOST:PORT or grpc+tls://HOST:PORT"
            ))
        };
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| wrong("has no scheme"))?;
        let tls = match scheme {
            "grpc" | "grpc+tcp" | "http" => false,
            "grpc+tls" | "https" => true,
            _ => return Err(wrong("has an unknown scheme")),
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = authority
            .rsplit_once(':')
            .ok_or_else(|| wrong("has no port"))?;
        if host.is_empty() || host.contains(['/', '@', '?', '#']) {
            return Err(wrong("has no plain host name"));
        }
        if !matches!(port.parse::<u16>(), Ok(1..)) {
            return Err(wrong("has no valid port"));
        }
        Ok(Self {
            tls,
            authority: authority.to_owned(),
        })
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.tls
    }

    pub(crate) fn http(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "grpc+tls" } else { "grpc" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// Without the secrets.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Password { user, .. } => f
                .debug_struct("Password")
                .field("user", user)
                .finish_non_exhaustive(),
            Self::Token(_) => f.write_str("Token"),
        }
    }
}
