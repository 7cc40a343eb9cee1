use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DurationText, duration};

/// Section `tickets`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tickets {
    /// How long a ticket can be used to fetch its result.
    /// Default: `1h`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1s", "x-maximum" = "7d"))]
    pub ttl: Duration,
}

impl Default for Tickets {
    fn default() -> Self {
        Self {
            ttl: Duration::from_hours(1),
        }
    }
}
