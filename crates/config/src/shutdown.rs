use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DurationText, duration};

/// Section `shutdown`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Shutdown {
    /// How long the server goes on as before after the signal to stop, while `/readyz` and the gRPC health service say that
    /// it stops: for load balancers to send new work elsewhere. The grace begins afterwards.
    /// Default: `0s`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "1h"))]
    pub notice: Duration,

    /// How long running queries may go on after the signal to stop; then they are cancelled.
    /// A second signal ends the server at once.
    /// Default: `10s`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "1d"))]
    pub grace: Duration,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self {
            notice: Duration::ZERO,
            grace: Duration::from_secs(10),
        }
    }
}
