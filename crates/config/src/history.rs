use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DurationText, SizeText, duration, optional_duration, size};

/// Section `history`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct History {
    /// How many statements that have ended `system.queries` shows, besides those that run. They are kept in the directory
    /// `history` of the data directory, so that they survive a restart; the files hold at most twice as many. `0` keeps
    /// none.
    /// Default: `10000`.
    #[schemars(range(max = 1_000_000))]
    pub max_rows: usize,

    /// How long a statement is shown after its end. The files hold nothing that is more than twice as old while
    /// statements run.
    /// Default: `168h`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1s", "x-maximum" = "3650d"))]
    pub max_age: Duration,

    /// What they may take in memory; the oldest are forgotten first. Each of the two files takes no more.
    /// Default: `32MiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "1KiB", "x-maximum" = "4GiB"))]
    pub max_bytes: u64,

    /// How long a query must have taken to leave its plan, with what each operator did, in the column `plan`. `0s` means
    /// that none does; the plans of running queries are shown in any case.
    /// Default: `1s`.
    #[serde(with = "optional_duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "1d"))]
    pub plan_after: Option<Duration>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            max_rows: 10_000,
            max_age: Duration::from_hours(7 * 24),
            max_bytes: 32 << 20,
            plan_after: Some(Duration::from_secs(1)),
        }
    }
}
