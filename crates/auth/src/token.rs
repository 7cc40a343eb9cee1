use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, SystemTime},
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use godwit_config::Auth;
use jsonwebtoken::{Algorithm, Header, Validation, decode, encode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    error::{Error, Result},
    storage::Storage,
    time::seconds,
};

pub(crate) mod keys;
mod seen;

use keys::Keys;
use seen::{Seen, Signed};

/// How far the clocks of two hosts that share a key may be apart, in seconds.
pub(crate) const LEEWAY: u64 = 5;
/// Longer than any token of ours.
const LONGEST: usize = 4096;
/// Longest id of a token.
const LONGEST_ID: usize = 128;

/// A signed token that proves who its bearer is. Only what must send it reads it.
#[derive(Clone, PartialEq, Eq)]
pub struct BearerToken(String);

/// Issues tokens and verifies them.
pub(crate) struct Tokens {
    storage: Storage,
    keys: RwLock<Arc<Keys>>,
    seen: Seen,
    validation: Validation,
    issuer: String,
    audience: String,
    /// The life of a token that a login returns.
    ttl: Duration,
    /// The longest life of one for a service.
    service_ttl: Duration,
}

/// What a verified token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    /// The user's name.
    pub(crate) user: String,
    /// What the token is revoked by. Renewed ones keep it.
    pub(crate) id: String,
    /// The session; `None` for a service, whose callers may be many.
    pub(crate) session: Option<[u8; 16]>,
    /// When it was issued, in seconds since 1970.
    pub(crate) issued: u64,
    /// Whether half of the token's life is over, and there is another to be had for it.
    pub(crate) due: bool,
}

/// Nothing else is ever in a header of ours, so nothing else is looked at: no key in it, no place of a key.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    #[serde(default)]
    kid: Option<String>,
}

/// Times are seconds since 1970.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    pub(crate) aud: String,
    pub(crate) sub: String,
    /// The id; tokens of earlier versions have none but their session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) jti: Option<String>,
    /// The session: 32 hexadecimal digits. A token for a service has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sid: Option<String>,
    pub(crate) iat: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) nbf: Option<u64>,
    pub(crate) exp: u64,
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
    /// Tokens signed with the newest key in `storage`, where the first is made.
    ///
    /// # Errors
    /// [`Error::Storage`] when a key cannot be read, made or trusted.
    pub(crate) fn open(storage: Storage, auth: &Auth) -> Result<Self> {
        let keys = Keys::open(&storage, SystemTime::now())?;
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.set_issuer(&[&auth.issuer]);
        validation.set_audience(&[&auth.audience]);
        validation.set_required_spec_claims(&["iss", "aud", "sub", "exp"]);
        // Times are compared in `verify`, against the time that the caller passes.
        validation.validate_exp = false;
        Ok(Self {
            storage,
            keys: RwLock::new(Arc::new(keys)),
            seen: Seen::default(),
            validation,
            issuer: auth.issuer.clone(),
            audience: auth.audience.clone(),
            ttl: auth.token_ttl,
            service_ttl: auth.service_token_max_ttl,
        })
    }

    /// The keys as they were read last.
    pub(crate) fn keys(&self) -> Arc<Keys> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&keys)
    }

    /// Reads the keys again, after making another when the newest is older than `rotation`, and removes those that
    /// nothing needs any more.
    ///
    /// # Errors
    /// [`Error::Storage`]; the keys stay as they are then.
    pub(crate) fn reload(&self, rotation: Option<Duration>, now: SystemTime) -> Result<()> {
        let mut keys = Keys::open(&self.storage, now)?;
        let newest = keys.signing(now).map_or(0, |key| key.made);
        if rotation.is_some_and(|age| newest.saturating_add(age.as_secs()) <= seconds(now)) {
            let id = Keys::rotate(&self.storage, false, now)?;
            tracing::info!(key = id, "made a new signing key");
            keys = Keys::open(&self.storage, now)?;
        }
        keys.remove_old(&self.storage, self.longest(), now)?;
        let mut current = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(keys);
        Ok(())
    }

    /// The longest life of any token, with what clocks may be apart.
    pub(crate) fn longest(&self) -> Duration {
        self.ttl.max(self.service_ttl) + Duration::from_secs(LEEWAY)
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
        let sid = format!("{:032x}", u128::from_be_bytes(session));
        self.sign(user, sid.clone(), Some(sid), self.ttl, now)
    }

    /// A token for a service of a user, which is not renewed, with the id that it is revoked by.
    ///
    /// # Errors
    /// [`Error::Token`] for an id or a life that cannot be.
    pub(crate) fn issue_for_service(
        &self,
        user: &str,
        id: Option<&str>,
        ttl: Duration,
        now: SystemTime,
    ) -> Result<(BearerToken, String)> {
        if ttl < Duration::from_secs(1) || ttl > self.service_ttl {
            let longest = self.service_ttl.as_secs();
            return Err(Error::token(format!(
                "a token lives for 1 s to {longest} s (auth.service_token_max_ttl)"
            )));
        }
        let id = match id {
            Some(id) if is_id(id) => id.to_owned(),
            Some(_) => {
                let why = format!("an id is 1 to {LONGEST_ID} letters, digits and -_.");
                return Err(Error::token(why));
            }
            None => URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>()),
        };
        let token = self.sign(user, id.clone(), None, ttl, now)?;
        Ok((token, id))
    }

    /// What a token says, if this server signed it and it is valid at `now`. A token never lives longer than the
    /// configured time, even if that was longer when it was issued.
    pub(crate) fn verify(&self, token: &str, now: SystemTime) -> Option<Verified> {
        let claims = self.claims(token)?;
        let now = seconds(now);
        let is_login = claims.sid.is_some();
        let longest = if is_login { self.ttl } else { self.service_ttl };
        let life = claims.exp.checked_sub(claims.iat)?.min(longest.as_secs());
        let begins = claims.nbf.unwrap_or(0).max(claims.iat);
        if begins > now.saturating_add(LEEWAY) || now >= claims.iat.saturating_add(life) {
            return None;
        }
        let session = match &claims.sid {
            Some(sid) => Some(session_in(sid)?),
            None => None,
        };
        Some(Verified {
            user: claims.sub,
            id: claims.jti.or(claims.sid)?,
            session,
            issued: claims.iat,
            due: is_login && now.saturating_sub(claims.iat) >= life.div_ceil(2),
        })
    }

    /// Whether a token names a key that was not there when the keys were read.
    pub(crate) fn is_of_unknown_key(&self, token: &str) -> bool {
        let head = head(token);
        head.is_some_and(|head| {
            head.kid.is_some() && self.keys().find(head.kid.as_deref()).is_none()
        })
    }

    /// The claims of a token of one of our keys, whatever its times.
    pub(crate) fn claims(&self, token: &str) -> Option<Claims> {
        let keys = self.keys();
        let is_ours = |head: &Head| keys.find(head.kid.as_deref()).is_some();
        if let Some(signed) = self.seen.get(token).filter(|signed| is_ours(&signed.head)) {
            return Some(signed.claims.clone());
        }
        let head = head(token)?;
        let key = keys.find(head.kid.as_deref())?;
        let decoded = decode::<Claims>(token, &key.verifying, &self.validation);
        let claims = decoded.ok()?.claims;
        let signed = Arc::new(Signed { head, claims });
        self.seen.put(token, &signed);
        Some(signed.claims.clone())
    }

    fn sign(
        &self,
        user: &str,
        id: String,
        sid: Option<String>,
        ttl: Duration,
        now: SystemTime,
    ) -> Result<BearerToken> {
        let iat = seconds(now);
        let claims = Claims {
            iss: self.issuer.clone(),
            aud: self.audience.clone(),
            sub: user.to_owned(),
            jti: Some(id),
            sid,
            iat,
            nbf: Some(iat),
            exp: iat.saturating_add(ttl.as_secs()),
        };
        let keys = self.keys();
        let key = keys
            .signing(now)
            .ok_or_else(|| Error::internal("there is no signing key"))?;
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(key.id.clone());
        encode(&header, &claims, &key.signing)
            .map(BearerToken)
            .map_err(Error::internal)
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(…)")
    }
}

/// The header of a token that could be ours.
fn head(token: &str) -> Option<Head> {
    if token.len() > LONGEST {
        return None;
    }
    let head = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    let head: Head = serde_json::from_slice(&head).ok()?;
    let is_jwt = head.typ.as_deref().is_none_or(|typ| typ == "JWT");
    (head.alg == "EdDSA" && is_jwt).then_some(head)
}

/// The header and the claims of a token, whoever made them.
pub(crate) fn unverified(token: &str) -> Option<Value> {
    let mut parts = token.split('.').take(2).map(|part| {
        let json = URL_SAFE_NO_PAD.decode(part).ok()?;
        serde_json::from_slice::<Value>(&json).ok()
    });
    Some(json!({"header": parts.next()??, "claims": parts.next()??}))
}

/// Whether a text can be the id of a token.
pub(crate) fn is_id(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(allowed)
}

fn session_in(sid: &str) -> Option<[u8; 16]> {
    let digits = sid.len() == 32 && sid.bytes().all(|byte| byte.is_ascii_hexdigit());
    let number = digits.then(|| u128::from_str_radix(sid, 16).ok())??;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod attacks;
#[cfg(test)]
mod tests;
