use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DurationText, SizeText, duration, size};

/// Section `sessions`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    /// How many sessions the server keeps at the same time.
    /// Default: `1000`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max: usize,

    /// How many of them one user may have.
    /// Default: `100`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_per_user: usize,

    /// How long a session lives without a call, and with it what it set and prepared.
    /// Default: `30m`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1s", "x-maximum" = "30d"))]
    pub idle_timeout: Duration,

    /// How much memory the temporary tables of one session may take together. They count against `memory.limit` too.
    /// Default: `256MiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "1MiB"))]
    pub temp_bytes: u64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self {
            max: 1000,
            max_per_user: 100,
            idle_timeout: Duration::from_mins(30),
            temp_bytes: 256 << 20,
        }
    }
}
