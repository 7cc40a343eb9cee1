use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{SizeText, size};

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
}

impl Default for Wire {
    fn default() -> Self {
        Self {
            max_request_bytes: 64 << 20,
            message_bytes: 2 << 20,
        }
    }
}
