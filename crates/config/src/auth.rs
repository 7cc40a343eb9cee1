use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Issuer;
use crate::value::{DurationText, duration};

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
            login_concurrency: 2,
            login_cache_ttl: Duration::from_mins(5),
            issuers: BTreeMap::new(),
        }
    }
}
