use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Issuer;
use crate::value::{DurationText, duration, optional_duration};

/// What tokens say of themselves by default.
const GODWIT: &str = "godwit";

/// Section `auth`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Auth {
    /// Whether callers must prove who they are.
    /// `off` lets everyone in as one anonymous user and is only possible on a loopback address.
    /// Default: `password`.
    pub mode: AuthMode,

    /// How long the token that a login returns stays valid.
    /// A token past half of its life is renewed by use.
    /// Default: `12h`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1s", "x-maximum" = "365d"))]
    pub token_ttl: Duration,

    /// The longest life that `godwit token create` gives a token.
    /// Such a token is never renewed. Keys that no longer sign are kept for as long, so that what they signed stays good.
    /// Default: `8760h`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1s", "x-maximum" = "3650d"))]
    pub service_token_max_ttl: Duration,

    /// Who signs the tokens of this server, as they say it themselves (claim `iss`).
    /// Tokens that say otherwise are refused.
    /// Default: `godwit`.
    pub issuer: String,

    /// Whom the tokens of this server are for, as they say it themselves (claim `aud`).
    /// Servers that share signing keys, and are not to take each other's tokens, need a name each.
    /// Default: `godwit`.
    pub audience: String,

    /// How old a signing key gets before the server makes a new one.
    /// Tokens that the old one signed stay good. `0s` leaves it to `godwit token rotate-key`.
    /// Default: `0s`.
    #[serde(with = "optional_duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "3650d"))]
    pub key_rotation: Option<Duration>,

    /// How often users, grants and signing keys are read again, which other servers or `godwit token` may have changed.
    /// Default: `5s`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "100ms", "x-maximum" = "1h"))]
    pub refresh_interval: Duration,

    /// The fewest characters that a password given in SQL must have.
    /// Default: `8`.
    #[schemars(range(min = 1, max = 128))]
    pub password_min_length: usize,

    /// How long the password before stays good when SQL gives a user another, so that clients can be changed one by one.
    /// Default: `0s`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "30d"))]
    pub password_overlap: Duration,

    /// How many passwords are checked at the same time.
    /// A check takes about 20 MB of memory and tens of milliseconds on purpose; more logins wait for their turn.
    /// Default: `2`.
    #[schemars(range(min = 1, max = 64))]
    pub login_concurrency: usize,

    /// How long a password that was right is remembered, so that callers who send it with every call stay fast.
    /// `0s` checks it every time.
    /// Default: `5m`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "1d"))]
    pub login_cache_ttl: Duration,

    /// Issuers of tokens that are trusted besides our own, each a table `[auth.issuers.NAME]`.
    /// Default: none.
    pub issuers: BTreeMap<String, Issuer>,
    /// How many wrong passwords for one user from one address are answered at once.
    /// More are refused until a delay is over, which is doubled each time. An address is an IPv4 address or an IPv6 /64.
    /// Default: `5`.
    #[schemars(range(min = 1, max = 1000000))]
    pub failed_logins: u32,

    /// How many wrong passwords from one address, for whatever users, are answered at once.
    /// More are refused in the same way, except for users who have logged in from there before.
    /// Behind a proxy, which all clients share as their address, raise it.
    /// Default: `100`.
    #[schemars(range(min = 1, max = 1000000))]
    pub failed_logins_per_address: u32,

    /// How many wrong passwords for one user, from whatever addresses, are checked at once.
    /// More wait before their check, for the delay but at most 5 s; nobody is locked out by others.
    /// Default: `50`.
    #[schemars(range(min = 1, max = 1000000))]
    pub failed_logins_per_user: u32,

    /// The first delay after too many wrong passwords. `0s` slows nobody.
    /// Default: `1s`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "1h"))]
    pub failed_login_delay: Duration,

    /// The longest delay after too many wrong passwords.
    /// Default: `1m`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1ms", "x-maximum" = "1d"))]
    pub failed_login_max_delay: Duration,

    /// How long it takes until as many wrong passwords as are answered at once are forgotten.
    /// Default: `15m`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1s", "x-maximum" = "7d"))]
    pub failed_login_window: Duration,
}

/// Whether callers must prove who they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuthMode {
    /// A user name and a password, or a token that was given for them.
    Password,
    /// No proof; everyone is the same anonymous user.
    Off,
}

impl Default for Auth {
    fn default() -> Self {
        Self {
            mode: AuthMode::Password,
            token_ttl: Duration::from_hours(12),
            service_token_max_ttl: Duration::from_hours(365 * 24),
            issuer: GODWIT.to_owned(),
            audience: GODWIT.to_owned(),
            key_rotation: None,
            refresh_interval: Duration::from_secs(5),
            password_min_length: 8,
            password_overlap: Duration::ZERO,
            login_concurrency: 2,
            login_cache_ttl: Duration::from_mins(5),
            issuers: BTreeMap::new(),
            failed_logins: 5,
            failed_logins_per_address: 100,
            failed_logins_per_user: 50,
            failed_login_delay: Duration::from_secs(1),
            failed_login_max_delay: Duration::from_mins(1),
            failed_login_window: Duration::from_mins(15),
        }
    }
}
