use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{CountText, DurationText, SizeText, count, duration, optional_duration, size};

/// Section `query`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Query {
    /// How long a query may run before it is cancelled, the time that its client takes to read included, but not the time
    /// that it waits for its turn.
    /// `0s` sets no limit.
    /// Default: `0s`.
    #[serde(with = "optional_duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "365d"))]
    pub timeout: Option<Duration>,

    /// The same for users who have a role, as `{ ROLE = "30s" }`. The shortest counts of those that a caller has, and only if
    /// it is shorter than query.timeout and the session's own.
    /// Default: none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(example = &BTreeMap::from([("analyst", "5m")]))]
    pub role_timeouts: BTreeMap<String, String>,

    /// How many rows a query may give; one that gives more fails when it does.
    /// `0` sets no limit.
    /// Default: `0`.
    pub max_result_rows: u64,

    /// How large the rows may be together that a query gives, as they are in memory, before they are compressed.
    /// `0B` sets no limit.
    /// Default: `0B`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText")]
    pub max_result_bytes: u64,

    /// How many queries and changes run at the same time; those that come then wait for their turn.
    /// `auto` is eight for each processor core, but no more than one for each 64 MiB of memory.limit, and at least four:
    /// half of memory.limit is divided among so many, and certain to each of them.
    /// Default: `auto`.
    #[serde(with = "count")]
    #[schemars(with = "CountText", extend("x-minimum" = "1", "x-maximum" = "100000"))]
    pub max_running: Option<usize>,

    /// How many of them one user may run.
    /// `auto` sets no bound of its own. Either way it is the turn of the user who runs the fewest when several wait.
    /// Default: `auto`.
    #[serde(with = "count")]
    #[schemars(with = "CountText", extend("x-minimum" = "1", "x-maximum" = "100000"))]
    pub max_running_per_user: Option<usize>,

    /// How many queries and changes may wait for their turn. One more is refused at once; if its user has fewer waiting
    /// than another, the last one of that other user is refused in its place.
    /// Default: `1000`.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub max_queued: usize,

    /// How long one waits for its turn before it is refused.
    /// Default: `30s`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "1ms", "x-maximum" = "1d"))]
    pub queue_timeout: Duration,

    /// How many statements are planned, lists of schemas and tables made, and queries of nothing but `system` and
    /// `information_schema` run, at the same time. They have places and threads of their own, so that tools can look around while queries wait; the rest is as for max_running.
    /// `auto` is four for each processor core, and at least eight.
    /// Default: `auto`.
    #[serde(with = "count")]
    #[schemars(with = "CountText", extend("x-minimum" = "1", "x-maximum" = "100000"))]
    pub max_planning: Option<usize>,

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
            role_timeouts: BTreeMap::new(),
            max_result_rows: 0,
            max_result_bytes: 0,
            max_running: None,
            max_running_per_user: None,
            max_queued: 1000,
            queue_timeout: Duration::from_secs(30),
            max_planning: None,
            batch_rows: 8192,
            target_partitions: None,
            worker_threads: None,
            plan_cache: 512,
            max_sql_bytes: 1_000_000,
            max_sql_depth: 200,
        }
    }
}
