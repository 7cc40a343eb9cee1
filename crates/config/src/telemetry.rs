use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Section `telemetry`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Telemetry {
    /// Where traces are sent, by OTLP over gRPC: scheme, host and port of a collector.
    /// Spans hold the call, its code, the ids of statements, and names and counters of their operators; no statement, no
    /// value and no name of a user.
    /// Default: none, which means that nothing is traced.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"http://127.0.0.1:4317")]
    pub otlp_endpoint: Option<String>,

    /// Certificates, in PEM form, of those who sign that of the collector. `https` needs it.
    /// Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/etc/godwit/collector-ca.pem")]
    pub otlp_ca_file: Option<PathBuf>,

    /// The name under which the server's spans are found.
    /// Default: `godwit`.
    pub service_name: String,

    /// One of how many calls is traced whose client does not say whether it is to be; where it says so, in the header
    /// `traceparent`, that is followed.
    /// Default: `1`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub sample_one_in: u32,

    /// How many spans may wait to be sent. What comes beyond them is lost, and counted in the log when the server ends.
    /// Default: `8192`.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max_queued_spans: usize,
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            otlp_endpoint: None,
            otlp_ca_file: None,
            service_name: "godwit".to_owned(),
            sample_one_in: 1,
            max_queued_spans: 8192,
        }
    }
}
