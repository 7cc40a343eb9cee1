use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    error::{Error, Result},
    storage::Storage,
};

const FILE: &str = "signing-key.pem";
/// Issuer and audience.
const GODWIT: &str = "godwit";
/// How far the clocks of two hosts that share a key may be apart, in seconds.
const LEEWAY: u64 = 5;
/// What stands in front of the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410).
const PKCS8_HEAD: [u8; 16] = [
    0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
];

/// A signed token that proves who its bearer is. Only what must send it reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(String);

/// Issues tokens and verifies them.
pub(crate) struct Tokens {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    ttl: Duration,
}

/// What a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    /// The user's name.
    pub(crate) user: String,
    /// The session.
    pub(crate) session: [u8; 16],
    /// Whether half of the token's life is over.
    pub(crate) due: bool,
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    /// The session: 32 hexadecimal digits.
    sid: String,
    /// Seconds since 1970, as all times in tokens.
    iat: u64,
    exp: u64,
}

impl BearerToken {
    /// The token as it stands in an authorization header, after the scheme and a space.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The value of an authorization header with this token.
    #[must_use]
    pub fn header_value(&self) -> String {
        format!("Bearer {}", self.0)
    }

    pub(crate) fn received(token: &str) -> Self {
        Self(token.to_owned())
    }
}

impl fmt::Debug for BearerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("BearerToken(…)")
    }
}

impl Tokens {
    /// Tokens signed with the key in `storage`, which is made when it is missing.
    ///
    /// # Errors
    /// [`Error::Storage`] when the key cannot be read, made or trusted.
    pub(crate) fn open(storage: &Storage, ttl: Duration) -> Result<Self> {
        let pem = match storage.read(FILE)? {
            Some(pem) => pem,
            None => {
                let pem = pem_of(&Zeroizing::new(rand::random()));
                storage.create(FILE, &pem)?;
                pem
            }
        };
        let key = key_in(&pem).ok_or_else(|| {
            Error::storage(
                &storage.path(FILE),
                "not an Ed25519 private key in PEM form",
            )
        })?;
        Self::with_key(&key, ttl)
    }

    fn with_key(key: &[u8; 32], ttl: Duration) -> Result<Self> {
        let pair = Ed25519KeyPair::from_seed_unchecked(key).map_err(Error::internal)?;
        let der = Zeroizing::new([PKCS8_HEAD.as_slice(), key].concat());
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[GODWIT]);
        validation.set_audience(&[GODWIT]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // Times are compared in `verify`, against the time that the caller passes.
        validation.validate_exp = false;
        Ok(Self {
            signing: EncodingKey::from_ed_der(&der),
            verifying: DecodingKey::from_ed_der(pair.public_key().as_ref()),
            validation,
            ttl,
        })
    }

    /// A token for a user and a session, valid from `now` on.
    ///
    /// # Errors
    /// [`Error::Internal`].
    pub(crate) fn issue(
        &self,
        user: &str,
        session: [u8; 16],
        now: SystemTime,
    ) -> Result<BearerToken> {
        let iat = seconds(now);
        let claims = Claims {
            iss: GODWIT.to_owned(),
            aud: GODWIT.to_owned(),
            sub: user.to_owned(),
            sid: session.iter().map(|byte| format!("{byte:02x}")).collect(),
            iat,
            exp: iat.saturating_add(self.ttl.as_secs()),
        };
        encode(&Header::new(Algorithm::EdDSA), &claims, &self.signing)
            .map(BearerToken)
            .map_err(Error::internal)
    }

    /// What a token says, if this server signed it and it is valid at `now`. A token never lives longer than the
    /// configured time, even if that was longer when it was issued.
    pub(crate) fn verify(&self, token: &str, now: SystemTime) -> Option<Verified> {
        let claims = decode::<Claims>(token, &self.verifying, &self.validation)
            .ok()?
            .claims;
        let now = seconds(now);
        let life = claims.exp.checked_sub(claims.iat)?.min(self.ttl.as_secs());
        if claims.iat > now.saturating_add(LEEWAY) || now >= claims.iat.saturating_add(life) {
            return None;
        }
        Some(Verified {
            user: claims.sub,
            session: session_in(&claims.sid)?,
            due: now.saturating_sub(claims.iat) >= life.div_ceil(2),
        })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}

fn session_in(sid: &str) -> Option<[u8; 16]> {
    let number = (sid.len() == 32).then(|| u128::from_str_radix(sid, 16).ok())??;
    Some(number.to_be_bytes())
}

fn pem_of(key: &[u8; 32]) -> Zeroizing<Vec<u8>> {
    let der = Zeroizing::new([PKCS8_HEAD.as_slice(), key].concat());
    let text = Zeroizing::new(STANDARD.encode(&der));
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        *text
    );
    Zeroizing::new(pem.into_bytes())
}

fn key_in(pem: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let text = std::str::from_utf8(pem).ok()?.trim();
    let text = text.strip_prefix("-----BEGIN PRIVATE KEY-----")?;
    let text = text.strip_suffix("-----END PRIVATE KEY-----")?.trim();
    let der = Zeroizing::new(STANDARD.decode(text).ok()?);
    let key = der.strip_prefix(&PKCS8_HEAD)?;
    key.try_into().ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests;
