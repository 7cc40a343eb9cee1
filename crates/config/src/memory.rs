use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{MemoryText, SizeText, memory_size, optional_size, size};

/// Section `memory`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Memory {
    /// How much memory all queries together may take; what needs more spills to disk or fails with a clear error.
    /// `auto` is 60 % of the machine's memory, or of the container's limit where that is lower.
    /// Default: `auto`.
    #[serde(with = "memory_size")]
    #[schemars(with = "MemoryText", extend("x-minimum" = "16MiB"))]
    pub limit: u64,

    /// How much memory one query may take. Half of memory.limit is divided evenly among the queries that may run
    /// (query.max_running) and certain to each; the other half goes to those that need more, up to this limit.
    /// `auto` is half of memory.limit.
    /// Default: `auto`.
    #[serde(with = "optional_size")]
    #[schemars(with = "MemoryText", extend("x-minimum" = "1MiB"))]
    pub query_limit: Option<u64>,

    /// How much decoded data of mounted Parquet files is kept, beside memory.limit and up to an eighth of it: columns in which
    /// rows are looked up for the fourth time stay in memory, until the files change, if they take no more than a quarter of
    /// this. 0 keeps none.
    /// Default: `64MiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText")]
    pub kept_columns: u64,

    /// Directory for what queries spill; it is emptied at every start.
    /// Default: none, which means `spill` in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/var/tmp/godwit-spill")]
    pub spill_dir: Option<PathBuf>,

    /// How much disk space all queries together may take for spilling.
    /// Default: `20GiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "1MiB"))]
    pub spill_limit: u64,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            limit: memory_size::auto(),
            query_limit: None,
            kept_columns: 64 << 20,
            spill_dir: None,
            spill_limit: 20 << 30,
        }
    }
}
