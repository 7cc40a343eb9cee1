use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DurationText, duration};

/// Section `statements`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Statements {
    /// How many prepared statements a session may hold.
    /// Default: `200`.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_per_session: usize,

    /// How long a prepared statement lives without being used.
    /// Default: `30m`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1s", "x-maximum" = "30d"))]
    pub idle_timeout: Duration,

    /// How many plans the server keeps between a query's description and its execution.
    /// A plan that was dropped costs planning again, nothing else.
    /// Default: `500`.
    #[schemars(range(min = 0, max = 100_000))]
    pub cached_plans: usize,
}

impl Default for Statements {
    fn default() -> Self {
        Self {
            max_per_session: 200,
            idle_timeout: Duration::from_mins(30),
            cached_plans: 500,
        }
    }
}
