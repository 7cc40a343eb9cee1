//! When a sealed message stops being valid, as it is written into it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};

/// Milliseconds since 1970. A time before that becomes 1970: expired either way.
pub(crate) fn encode(expires_at: SystemTime) -> u64 {
    let since_epoch = expires_at.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// The time that was encoded; `what` carries it, and an error names it.
///
/// # Errors
/// [`Error::Expired`] when `now` is that time or later, [`Error::Malformed`] when it is out of range.
pub(crate) fn decode(what: &'static str, milliseconds: u64, now: SystemTime) -> Result<SystemTime> {
    let expires_at = UNIX_EPOCH
        .checked_add(Duration::from_millis(milliseconds))
        .ok_or_else(|| Error::malformed(what, "expiry out of range"))?;
    if now >= expires_at {
        return Err(Error::Expired { what });
    }
    Ok(expires_at)
}
