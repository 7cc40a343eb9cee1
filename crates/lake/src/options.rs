use std::time::Duration;

use godwit_config::LakeCompression;

/// What the configuration says about how a lake is written and looked after.
#[derive(Debug, Clone)]
pub(crate) struct Options {
    /// Inserts of at most so many rows stay in the catalog.
    pub(crate) inline_rows: u64,
    /// How large a file becomes before the next one is begun.
    pub(crate) target_file_bytes: u64,
    pub(crate) compression: LakeCompression,
    /// How long snapshots are kept; `None` for ever.
    pub(crate) snapshot_retention: Option<Duration>,
    /// How many snapshots are kept, the newest ones; `None` all.
    pub(crate) max_snapshots: Option<u64>,
    /// How old a file must be that no snapshot knows before it is removed.
    pub(crate) orphan_grace: Duration,
    /// How often maintenance runs by itself; `None` never.
    pub(crate) maintenance_interval: Option<Duration>,
    /// From how many small files of a table on they are joined without being asked.
    pub(crate) compact_files: usize,
    /// From how many rows of a table on they leave the catalog without being asked.
    pub(crate) flush_rows: u64,
    /// How many commits a change feed may look at.
    pub(crate) max_feed_commits: usize,
}

impl From<&godwit_config::Lake> for Options {
    fn from(config: &godwit_config::Lake) -> Self {
        Self {
            inline_rows: config.inline_rows,
            target_file_bytes: config.target_file_bytes,
            compression: config.compression,
            snapshot_retention: config.snapshot_retention,
            max_snapshots: (config.max_snapshots > 0).then_some(config.max_snapshots),
            orphan_grace: config.orphan_grace,
            maintenance_interval: config.maintenance_interval,
            compact_files: config.compact_files,
            flush_rows: config.flush_rows,
            max_feed_commits: config.max_feed_commits,
        }
    }
}
