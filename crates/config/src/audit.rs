use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::value::{DurationText, SizeText, duration, optional_duration, size};

/// Section `audit`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Audit {
    /// Whether logins, statements, refusals and changes of rights are noted, in files and in the table `system.audit`.
    /// Default: `true`.
    pub enabled: bool,

    /// Directory for the files: `audit.jsonl`, one JSON object a line, and those before it, `audit-TIME.jsonl`.
    /// It is created with mode 0700, its files with 0600, and belongs to one server at a time.
    /// Default: none, which means `audit` in the data directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(example = &"/var/log/godwit")]
    pub path: Option<PathBuf>,

    /// What happens while events cannot be written, because the disk is full or too slow. `continue` goes on without them
    /// once audit.queue_events wait: that is logged, and the files say how many are missing. `refuse` answers logins and
    /// statements with UNAVAILABLE until it works again.
    /// Default: `continue`.
    pub on_failure: OnFailure,

    /// Whether numbers and texts within statements are replaced by `?`, and comments dropped, wherever a statement is
    /// shown: in the audit log, the log and `system.queries`. Messages of errors, which may quote them, are left out
    /// of both logs then. Statements that hold a password are always shown so.
    /// Default: `false`.
    pub redact_literals: bool,

    /// How much of a statement is shown there; the rest is cut off.
    /// Default: `16KiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "100", "x-maximum" = "16MiB"))]
    pub max_sql_bytes: u64,

    /// How large a file becomes before the next one is begun.
    /// Default: `64MiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "1KiB", "x-maximum" = "1TiB"))]
    pub max_file_bytes: u64,

    /// How old a file becomes before the next one is begun, counted from its first event. `0s` means never.
    /// Default: `24h`.
    #[serde(with = "optional_duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "3650d"))]
    pub max_file_age: Option<Duration>,

    /// How many files are kept besides the one that is written; the oldest is removed first.
    /// Default: `30`.
    #[schemars(range(min = 1, max = 100_000))]
    pub keep_files: usize,

    /// How often what was written is brought to the disk, so that it survives a power failure. A crash of the server
    /// alone loses no more than what was not yet written, which is done within a few milliseconds.
    /// Default: `1s`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-minimum" = "10ms", "x-maximum" = "1h"))]
    pub flush_interval: Duration,

    /// How many events may wait to be written.
    /// Default: `10000`.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub queue_events: usize,

    /// How much of the newest files `system.audit` reads.
    /// Default: `64MiB`.
    #[serde(with = "size")]
    #[schemars(with = "SizeText", extend("x-minimum" = "1KiB", "x-maximum" = "1TiB"))]
    pub table_bytes: u64,

    /// How long the calls of one connection that succeed with the same proof of identity count as one login.
    /// Handshakes that succeed are noted each. Of the failed logins of one user from one address, the first is noted at
    /// once, and how many more there were when this time is over. `0s` notes every call.
    /// Default: `10m`.
    #[serde(with = "duration")]
    #[schemars(with = "DurationText", extend("x-maximum" = "1d"))]
    pub repeat_logins_after: Duration,
}

/// What happens while events cannot be written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// The server goes on without them.
    #[default]
    Continue,
    /// The server refuses logins and statements.
    Refuse,
}

impl Default for Audit {
    fn default() -> Self {
        Self {
            enabled: true,
            path: None,
            on_failure: OnFailure::Continue,
            redact_literals: false,
            max_sql_bytes: 16 << 10,
            max_file_bytes: 64 << 20,
            max_file_age: Some(Duration::from_hours(24)),
            keep_files: 30,
            flush_interval: Duration::from_secs(1),
            queue_events: 10_000,
            table_bytes: 64 << 20,
            repeat_logins_after: Duration::from_mins(10),
        }
    }
}
