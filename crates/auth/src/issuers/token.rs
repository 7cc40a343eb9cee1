use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, DecodingKey, crypto};
use serde::Deserialize;
use serde_json::{Map, Value};

/// A signed token in its compact form (RFC 7515), taken apart. Nothing in it is proved before [`Self::is_signed`].
pub(super) struct Token<'a> {
    text: &'a str,
    /// What the signature is of.
    message: &'a str,
    signature: &'a str,
    header: Header,
    claims: Map<String, Value>,
}

/// What counts in a header. Keys, and places to fetch keys from, that a token brings along are not even read.
#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<Value>,
    enc: Option<Value>,
    zip: Option<Value>,
}

impl<'a> Token<'a> {
    /// Takes a token apart; `None` when it is none.
    pub(super) fn decode(text: &'a str) -> Option<Self> {
        let (message, signature) = text.rsplit_once('.')?;
        let (header, payload) = message.split_once('.')?;
        let json = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        Some(Self {
            text,
            message,
            signature,
            header: serde_json::from_slice(&json(header)?).ok()?,
            claims: serde_json::from_slice(&json(payload)?).ok()?,
        })
    }

    /// The token as it was sent.
    pub(super) fn text(&self) -> &str {
        self.text
    }

    /// Who is said to have issued it.
    pub(super) fn issuer(&self) -> Option<&str> {
        self.claims.get("iss")?.as_str()
    }

    /// What it says.
    pub(super) fn claims(&self) -> &Map<String, Value> {
        &self.claims
    }

    /// The id of the key that is said to have signed it.
    pub(super) fn key_id(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// The algorithm that it is said to be signed with, if that is one with a public key.
    pub(super) fn algorithm(&self) -> Option<Algorithm> {
        algorithm(&self.header.alg)
    }

    /// Refuses what is signed and is no token to call with, and what asks for processing that is not done here.
    pub(super) fn plain(&self) -> Result<(), &'static str> {
        let Header { crit, enc, zip, .. } = &self.header;
        if crit.is_some() || enc.is_some() || zip.is_some() {
            return Err("its header asks for what is not supported");
        }
        let kinds = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];
        let kind = self.header.typ.as_deref();
        if kind.is_some_and(|kind| !kinds.iter().any(|known| known.eq_ignore_ascii_case(kind))) {
            return Err("it is of another type than JWT or at+jwt");
        }
        if self.claims.contains_key("events") {
            return Err("it tells of an event, such as a logout");
        }
        if self.claims.contains_key("cnf") {
            return Err("it is bound to a key of its bearer, which is not supported");
        }
        Ok(())
    }

    /// Whether the key has signed it.
    pub(super) fn is_signed(&self, key: &DecodingKey, algorithm: Algorithm) -> bool {
        crypto::verify(self.signature, self.message.as_bytes(), key, algorithm).unwrap_or(false)
    }
}

/// The algorithm of a name, if it is one with a public key.
pub(super) fn algorithm(name: &str) -> Option<Algorithm> {
    Some(match name {
        "RS256" => Algorithm::RS256,
        "RS384" => Algorithm::RS384,
        "RS512" => Algorithm::RS512,
        "PS256" => Algorithm::PS256,
        "PS384" => Algorithm::PS384,
        "PS512" => Algorithm::PS512,
        "ES256" => Algorithm::ES256,
        "ES384" => Algorithm::ES384,
        "EdDSA" => Algorithm::EdDSA,
        _ => return None,
    })
}
