use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DurationText, optional_duration};

/// Section `log`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Log {
    /// How log lines are written.
    /// Default: `text`.
    pub format: LogFormat,

    /// Which log lines are written: a level (error, warn, info, debug, trace), or levels by module as in
    /// `info,godwit_flight=debug`.
    /// Default: `info`.
    pub filter: String,

    /// How long a statement must have taken to be logged as a slow one, with its times and its text as audit.redact_literals
    /// lets it be shown. `0s` means that none is.
    /// Default: `10s`.
    #[serde(with = "optional_duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "1d"))]
    pub slow_query: Option<Duration>,

    /// Whether that line has the plan too, with what each operator did.
    /// Default: `false`.
    pub slow_query_plan: bool,
}

/// How log lines are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for collectors.
    Json,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            filter: "info".to_owned(),
            slow_query: Some(Duration::from_secs(10)),
            slow_query_plan: false,
        }
    }
}
