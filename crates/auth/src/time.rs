use std::time::{SystemTime, UNIX_EPOCH};

/// Seconds since 1970, as they stand in tokens and records.
pub(crate) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
