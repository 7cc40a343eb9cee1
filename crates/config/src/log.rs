use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
        }
    }
}
