use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{CountText, DurationText, SizeText, count, optional_duration, size};

/// Section `query`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    /// How long a query may run before it is cancelled, the time that its client takes to read included.
    /// `0s` sets no limit.
    /// Default: `0s`.
    #[serde(with = "optional_duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "365d"))]
    pub timeout: Option<Duration>,

    /// How many rows the engine works on at a time, and what the session option `batch_rows` starts from. Results are
    /// sent in messages of `wire.message_bytes`, whatever rows these hold, until a session sets the option.
    /// Default: `8192`.
    #[schemars(range(min = 1, max = 1_048_576))]
    pub batch_rows: usize,

    /// How many parts of one query run in parallel.
    /// `auto` is the number of processor cores.
    /// Default: `auto`.
    #[serde(with = "count")]
    #[schemars(with = "CountText", extend("x-minimum" = "1", "x-maximum" = "1024"))]
    pub target_partitions: Option<usize>,

    /// How many threads run queries; connections have threads of their own.
    /// `auto` is the number of processor cores.
    /// Default: `auto`.
    #[serde(with = "count")]
    #[schemars(with = "CountText", extend("x-minimum" = "1", "x-maximum" = "1024"))]
    pub worker_threads: Option<usize>,

    /// How many plans of queries the server keeps by their texts, so that a query that is sent again need not be planned
    /// again. A plan is used again by the same user with the same settings, and only while all that it reads, and what the
    /// user may read of it, is as it was when the plan was made. One that nobody uses for `statements.idle_timeout` goes.
    /// `0` keeps none.
    /// Default: `512`.
    #[schemars(range(min = 0, max = 100_000))]
    pub plan_cache: usize,

    /// How long the text of a statement may be.
    /// Default: `1MB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "1KB", "x-maximum" = "64MB"))]
    pub max_sql_bytes: u64,

    /// How deep the expressions and subqueries of a statement may nest.
    /// Default: `200`.
    #[schemars(range(min = 10, max = 1000))]
    pub max_sql_depth: usize,
}

impl Default for Query {
    fn default() -> Self {
        Self {
            timeout: None,
            batch_rows: 8192,
            target_partitions: None,
            worker_threads: None,
            plan_cache: 512,
            max_sql_bytes: 1_000_000,
            max_sql_depth: 200,
        }
    }
}
