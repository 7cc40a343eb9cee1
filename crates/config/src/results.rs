use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DurationText, SizeText, duration, size};

/// Section `results`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Results {
    /// How long a result is kept that nobody reads, polls or renews, counted from the last time and from the end of its query.
    /// A query that still runs and that nobody has asked for in that time is stopped.
    /// Default: `10m`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1s", "x-maximum" = "7d"))]
    pub ttl: Duration,

    /// How much disk space all kept results together may take; a query that goes above it fails.
    /// They are written where queries spill, and count against memory.spill_limit too.
    /// Default: `10GiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "1MiB"))]
    pub max_bytes: u64,

    /// How many results are kept for one user, those of queries that still run included.
    /// Default: `16`.
    #[schemars(range(min = 1, max = 10_000))]
    pub max_per_user: usize,
}

impl Default for Results {
    fn default() -> Self {
        Self {
            ttl: Duration::from_mins(10),
            max_bytes: 10 << 30,
            max_per_user: 16,
        }
    }
}
