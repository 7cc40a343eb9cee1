use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DurationText, SizeText, duration, optional_duration, size};

/// Section `wire`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Wire {
    /// How large a single message from a client may be, also once it is decompressed.
    /// Default: `64MiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "64KiB", "x-maximum" = "1GiB"))]
    pub max_request_bytes: u64,

    /// How large the server makes a message of a result; a larger batch is split.
    /// Many clients refuse messages over 4 MiB.
    /// Default: `2MiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "16KiB", "x-maximum" = "3900KiB"))]
    pub message_bytes: u64,

    /// How long a client may leave a stream alone, reading nothing of a result or sending nothing of an upload, before the call is
    /// cancelled and its place is free.
    /// `0s` sets no limit.
    /// Default: `10m`.
    #[serde(with = "optional_duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "7d"))]
    pub idle_stream_timeout: Option<Duration>,

    /// How many connections are open at the same time; one more is closed at once.
    /// Default: `10000`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_connections: usize,

    /// How often the server asks whether the other end of a connection is still there, which also keeps load balancers from
    /// ending it.
    /// Default: `30s`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "100ms", "x-maximum" = "1d"))]
    pub keepalive_interval: Duration,

    /// How long the other end may take to answer; then the connection is closed, and its queries are cancelled.
    /// Default: `20s`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "100ms", "x-maximum" = "1d"))]
    pub keepalive_timeout: Duration,

    /// Which types results have, where neither the session nor the call says.
    /// `compat` has those that every client reads; `native` those of the engine: views, dictionaries, runs, half floats.
    /// `compact` sends what seems constant as runs and what has few values as a dictionary, for slow networks.
    /// Default: `compat`.
    pub profile: WireProfile,

    /// How the buffers of results are compressed, where neither the session nor the call says.
    /// Not every client can read compressed ones: those in Java need a library more.
    /// Default: `none`.
    pub compression: WireCompression,
}

/// Which types results have.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WireProfile {
    /// Those that every client reads.
    #[default]
    Compat,
    /// Those of the engine.
    Native,
    /// Those that take few bytes.
    Compact,
}

/// How the buffers of results are compressed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WireCompression {
    /// Not at all.
    #[default]
    None,
    /// As LZ4 frames: little work, moderate gain.
    Lz4,
    /// As Zstandard frames: more work, more gain.
    Zstd,
}

impl WireProfile {
    /// How profiles are written.
    pub const NAMES: &'static [&'static str] = &["compat", "native", "compact"];

    /// How this one is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Compat => "compat",
            Self::Native => "native",
            Self::Compact => "compact",
        }
    }

    /// The profile of a name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::Compat, Self::Native, Self::Compact];
        all.into_iter().find(|profile| profile.name() == name)
    }
}

impl WireCompression {
    /// How compressions are written.
    pub const NAMES: &'static [&'static str] = &["none", "lz4", "zstd"];

    /// How this one is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// The compression of a name.
    pub fn named(name: &str) -> Option<Self> {
        let all = [Self::None, Self::Lz4, Self::Zstd];
        all.into_iter().find(|codec| codec.name() == name)
    }
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            max_request_bytes: 64 << 20,
            message_bytes: 2 << 20,
            idle_stream_timeout: Some(Duration::from_mins(10)),
            max_connections: 10_000,
            keepalive_interval: Duration::from_secs(30),
            keepalive_timeout: Duration::from_secs(20),
            profile: WireProfile::default(),
            compression: WireCompression::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_file() {
        for name in WireProfile::NAMES {
            let profile = WireProfile::named(name).unwrap();
            assert_eq!(serde_json::to_value(profile).unwrap(), *name);
        }
        for name in WireCompression::NAMES {
            let codec = WireCompression::named(name).unwrap();
            assert_eq!(serde_json::to_value(codec).unwrap(), *name);
        }
        assert_eq!(WireProfile::named("Native"), None);
        assert_eq!(WireCompression::named("gzip"), None);
    }
}
