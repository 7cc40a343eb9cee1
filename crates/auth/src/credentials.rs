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
