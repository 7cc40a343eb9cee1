use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DurationText, SizeText, duration, size};

/// One entry of the section `auth.issuers`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Issuer {
    /// Who issues the tokens: their claim `iss`, to the letter.
    /// Default: none, the key is required.
    #[schemars(example = &"https://login.example.com/realms/main")]
    pub issuer: String,

    /// Whom the tokens are for: one of these must be in their claim `aud`.
    /// Default: none, the key is required.
    #[schemars(example = &["godwit"])]
    pub audience: Vec<String>,

    /// URL of the issuer's JSON Web Key Set.
    /// It begins with https://; http:// is only for loopback addresses. Redirects are not followed.
    /// Default: none, which means the one that `ISSUER/.well-known/openid-configuration` names, unless key_file is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"https://login.example.com/realms/main/certs")]
    pub jwks_url: Option<String>,

    /// File with the issuer's public keys: a JSON Web Key Set, or keys in PEM form.
    /// It is read again at every refresh. It cannot be set together with jwks_url.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/godwit/sso-keys.json")]
    pub key_file: Option<PathBuf>,

    /// File with certificates in PEM form that are trusted for the issuer's https besides those of the system.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/godwit/sso-ca.pem")]
    pub ca_file: Option<PathBuf>,

    /// Algorithms that its tokens may be signed with, out of RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384 and
    /// EdDSA. Algorithms with a shared secret and `none` cannot be allowed.
    /// Default: `["RS256","RS384","RS512","PS256","PS384","PS512","ES256","ES384","EdDSA"]`.
    #[serde(default = "algorithms")]
    pub algorithms: Vec<String>,

    /// Claim that holds the user's name, a text: the name of a claim, or a path through objects such as `user.name`.
    /// Default: `sub`.
    #[serde(default = "user_claim")]
    pub user_claim: String,

    /// What stands in front of the names of this issuer's users. Without a colon in it, and so also where it is empty, a
    /// user of the issuer can be one of ours; with one that is impossible, because our users' names have none.
    /// Default: none, which means the NAME of the section and a colon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text-or-empty"), example = &"sso:")]
    pub user_prefix: Option<String>,

    /// Claim that holds what role_map turns into roles: a list of texts, or one text with blanks between. A path as in
    /// user_claim.
    /// Default: none, which means no roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"realm_access.roles")]
    pub roles_claim: Option<String>,

    /// From values of that claim to names of roles, `{ VALUE = "ROLE" }`. Other values mean nothing.
    /// Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = &BTreeMap::from([("data-analyst", "analyst")]))]
    pub role_map: BTreeMap<String, String>,

    /// How far the issuer's clock and ours may be apart.
    /// Default: `30s`.
    #[serde(default = "clock_skew", with = "duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "10m"))]
    pub clock_skew: Duration,

    /// How often the keys are fetched again. Keys that are no longer published stop working then; keys that cannot be
    /// fetched keep working.
    /// Default: `15m`.
    #[serde(default = "refresh_interval", with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1s", "x-maximum" = "7d"))]
    pub refresh_interval: Duration,

    /// Least time between two fetches that tokens with unknown key ids cause, or that follow a failed one.
    /// Default: `10s`.
    #[serde(default = "refresh_pause", with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "100ms", "x-maximum" = "1h"))]
    pub refresh_pause: Duration,

    /// How long one fetch may take.
    /// Default: `5s`.
    #[serde(default = "fetch_timeout", with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "100ms", "x-maximum" = "1m"))]
    pub fetch_timeout: Duration,

    /// Largest answer or file with keys that is read.
    /// Default: `256KiB`.
    #[serde(default = "max_fetch_bytes", with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "1KiB", "x-maximum" = "16MiB"))]
    pub max_fetch_bytes: u64,
}

impl Issuer {
    /// An issuer of tokens for one audience, all else as by default.
    pub fn new(issuer: impl Into<String>, audience: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            audience: vec![audience.into()],
            jwks_url: None,
            key_file: None,
            ca_file: None,
            algorithms: algorithms(),
            user_claim: user_claim(),
            user_prefix: None,
            roles_claim: None,
            role_map: BTreeMap::new(),
            clock_skew: clock_skew(),
            refresh_interval: refresh_interval(),
            refresh_pause: refresh_pause(),
            fetch_timeout: fetch_timeout(),
            max_fetch_bytes: max_fetch_bytes(),
        }
    }
}

/// Every algorithm that can be allowed.
pub(crate) const ALGORITHMS: [&str; 9] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
];

/// The issuer of our own tokens.
pub(crate) const OURS: &str = "godwit";

/// Whether a text can be an issuer's name: it stands in front of the names of its users.
pub(crate) fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 32
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-')
}

/// Whether keys may be fetched from a URL: over https, or from this machine.
pub(crate) fn is_url(url: &str) -> bool {
    if url.contains(|c: char| c.is_control() || c.is_whitespace() || c == '\\' || c == '#') {
        return false;
    }
    if let Some(rest) = url.strip_prefix("https://") {
        return rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
    }
    let Some(rest) = url.strip_prefix("http://") else {
        return false;
    };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => authority,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']');
    let address = address.parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|ip| ip.to_canonical().is_loopback())
}

fn algorithms() -> Vec<String> {
    ALGORITHMS.map(str::to_owned).to_vec()
}

fn user_claim() -> String {
    "sub".to_owned()
}

fn clock_skew() -> Duration {
    Duration::from_secs(30)
}

fn refresh_interval() -> Duration {
    Duration::from_mins(15)
}

fn refresh_pause() -> Duration {
    Duration::from_secs(10)
}

fn fetch_timeout() -> Duration {
    Duration::from_secs(5)
}

fn max_fetch_bytes() -> u64 {
    256 << 10
}
