use std::fmt;

use base64::{
    Engine,
    alphabet::{STANDARD, URL_SAFE},
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use zeroize::Zeroizing;

/// Longest authorization header that is looked at, in bytes.
pub(crate) const MAX_HEADER: usize = 16 * 1024;

// Some clients pad and some do not; some use the URL alphabet.
const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD_ANY: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
const URL_SAFE_ANY: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, CONFIG);

/// What an authorization header says.
pub(crate) enum Credentials<'a> {
    /// A user name and a password.
    Basic(Basic),
    /// A token.
    Bearer(&'a str),
}

/// A user name and a password, wiped from memory when dropped.
pub(crate) struct Basic {
    pair: Zeroizing<String>,
    colon: usize,
}

impl<'a> Credentials<'a> {
    /// Reads the value of an authorization header; `None` when it makes no sense.
    pub(crate) fn decode(header: &'a str) -> Option<Self> {
        if header.len() > MAX_HEADER {
            return None;
        }
        let (scheme, value) = header.trim().split_once(' ')?;
        let value = value.trim_start();
        if scheme.eq_ignore_ascii_case("basic") {
            Basic::decode(value).map(Self::Basic)
        } else if scheme.eq_ignore_ascii_case("bearer") {
            Some(Self::Bearer(value))
        } else {
            None
        }
    }
}

impl Basic {
    fn decode(value: &str) -> Option<Self> {
        let engine = if value.contains(['-', '_']) {
            &URL_SAFE_ANY
        } else {
            &STANDARD_ANY
        };
        let mut bytes = Zeroizing::new(engine.decode(value).ok()?);
        let pair = match String::from_utf8(std::mem::take(&mut *bytes)) {
            Ok(pair) => Zeroizing::new(pair),
            Err(error) => {
                drop(Zeroizing::new(error.into_bytes()));
                return None;
            }
        };
        let colon = pair.find(':')?;
        Some(Self { pair, colon })
    }

    /// Everything before the first colon.
    pub(crate) fn user(&self) -> &str {
        &self.pair[..self.colon]
    }

    /// Everything after the first colon.
    pub(crate) fn password(&self) -> &str {
        &self.pair[self.colon + 1..]
    }
}

impl fmt::Debug for Credentials<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Basic(basic) => write!(f, "Basic({:?}, …)", basic.user()),
            Self::Bearer(_) => f.write_str("Bearer(…)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(header: &str) -> Option<(String, String)> {
        match Credentials::decode(header)? {
            Credentials::Basic(basic) => {
                Some((basic.user().to_owned(), basic.password().to_owned()))
            }
            Credentials::Bearer(_) => None,
        }
    }

    #[test]
    fn basic_is_read_in_every_spelling() {
        for (header, user, password) in [
            ("Basic dXNlcjpwdw==", "user", "pw"),
            ("Basic dXNlcjpwdw", "user", "pw"),
            ("basic dXNlcjpwdw=", "user", "pw"),
            ("BASIC   dXNlcjpwdw  ", "user", "pw"),
            ("Basic dXNlcjpwOnc6", "user", "p:w:"),
            ("Basic dXNlcjo=", "user", ""),
            ("Basic OnB3", "", "pw"),
            ("Basic w7xzZXI6cMOk", "üser", "pä"),
            // The same bytes in both alphabets.
            ("Basic dTo+Pj8/", "u", ">>??"),
            ("Basic dTo-Pj8_", "u", ">>??"),
        ] {
            let expected = (user.to_owned(), password.to_owned());
            assert_eq!(basic(header), Some(expected), "{header}");
        }
    }

    #[test]
    fn bearer_is_read_in_every_spelling() {
        for header in ["Bearer a.b.c", "bearer a.b.c", "BEARER  a.b.c "] {
            let credentials = Credentials::decode(header);
            assert!(
                matches!(credentials, Some(Credentials::Bearer("a.b.c"))),
                "{header}"
            );
        }
    }

    #[test]
    fn everything_else_makes_no_sense() {
        let long = format!("Basic {}", "A".repeat(MAX_HEADER));
        for header in [
            "",
            " ",
            "Basic",
            "Bearer",
            "Basic ",
            "Basic ====",
            "Basic !!!!",
            "Basic dXNlcg==",
            "Basic /////w==",
            "Basic dTo+Pj8_",
            "Basic dTo=x",
            "Digest dXNlcjpwdw==",
            "dXNlcjpwdw==",
            &long,
        ] {
            assert!(Credentials::decode(header).is_none(), "{header}");
        }
    }

    #[test]
    fn debug_shows_no_secret() {
        let shown = format!("{:?}", Credentials::decode("Basic dXNlcjpzZWNyZXQ="));
        assert_eq!(shown, "Some(Basic(\"user\", …))");
        let shown = format!("{:?}", Credentials::decode("Bearer secret"));
        assert_eq!(shown, "Some(Bearer(…))");
    }
}
