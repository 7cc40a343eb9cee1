use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use godwit_config::Issuer;
use serde_json::{Map, Value};

/// Longest name of a user, in bytes, as for our own.
const MAX_USER: usize = 128;

/// What must be in an issuer's tokens, and what it means here.
pub(super) struct Mapping {
    audience: Vec<String>,
    user_claim: String,
    user_prefix: String,
    roles_claim: Option<String>,
    role_map: BTreeMap<String, Arc<str>>,
    clock_skew: Duration,
}

type Claims = Map<String, Value>;

impl Mapping {
    pub(super) fn new(name: &str, issuer: &Issuer) -> Self {
        let roles = issuer.role_map.iter();
        Self {
            audience: issuer.audience.clone(),
            user_claim: issuer.user_claim.clone(),
            user_prefix: match &issuer.user_prefix {
                Some(prefix) => prefix.clone(),
                None => format!("{name}:"),
            },
            roles_claim: issuer.roles_claim.clone(),
            role_map: roles
                .map(|(value, role)| (value.clone(), role.as_str().into()))
                .collect(),
            clock_skew: issuer.clock_skew,
        }
    }

    /// When a token ends that is for us and valid now.
    pub(super) fn valid(
        &self,
        claims: &Claims,
        now: SystemTime,
    ) -> Result<SystemTime, &'static str> {
        let audience = texts(claims.get("aud"), false);
        if !audience
            .iter()
            .any(|aud| self.audience.iter().any(|ours| ours == aud))
        {
            return Err("it is for another audience");
        }
        let late = now
            .checked_add(self.clock_skew)
            .ok_or("the clock is wrong")?;
        for name in ["nbf", "iat"] {
            match claims.get(name).map(time) {
                Some(None) => return Err("its times cannot be read"),
                Some(Some(from)) if from > late => return Err("it is not yet valid"),
                Some(Some(_)) | None => {}
            }
        }
        let expires = claims.get("exp").and_then(time);
        let expires = expires.and_then(|exp| exp.checked_add(self.clock_skew));
        let expires = expires.ok_or("it does not say when it expires")?;
        if expires <= now {
            return Err("it has expired");
        }
        Ok(expires)
    }

    /// Whose token it is.
    pub(super) fn user(&self, claims: &Claims) -> Result<String, &'static str> {
        let name = find(claims, &self.user_claim).and_then(Value::as_str);
        let name = name.ok_or("the claim of the user is missing or no text")?;
        let user = format!("{}{name}", self.user_prefix);
        let wrong = name.is_empty()
            || name.trim() != name
            || user.len() > MAX_USER
            || user.contains(char::is_control);
        if wrong {
            return Err("the claim of the user is no user name");
        }
        Ok(user)
    }

    /// The roles that it carries, each once, in order.
    pub(super) fn roles(&self, claims: &Claims) -> Arc<[Arc<str>]> {
        let claim = self.roles_claim.as_deref();
        let values = texts(claim.and_then(|path| find(claims, path)), true);
        let roles = values.iter().filter_map(|value| self.role_map.get(*value));
        let roles: BTreeSet<Arc<str>> = roles.map(Arc::clone).collect();
        roles.into_iter().collect()
    }
}

/// The claim of that name; if there is none, the value at the end of the path through objects.
fn find<'a>(claims: &'a Claims, path: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(path) {
        return Some(value);
    }
    let mut names = path.split('.');
    let first = claims.get(names.next()?)?;
    names.try_fold(first, |value, name| value.as_object()?.get(name))
}

/// The texts of a list, or the one text; where asked for, the words of it.
fn texts(value: Option<&Value>, words: bool) -> Vec<&str> {
    match value {
        Some(Value::String(text)) if words => {
            text.split_whitespace().chain([text.as_str()]).collect()
        }
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

/// Seconds since 1970, perhaps with a fraction.
fn time(value: &Value) -> Option<SystemTime> {
    let since = Duration::try_from_secs_f64(value.as_f64()?).ok()?;
    UNIX_EPOCH.checked_add(since)
}
