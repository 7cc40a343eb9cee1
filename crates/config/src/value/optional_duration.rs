use std::time::Duration;

use serde::{Deserializer, Serializer};

use super::duration;

/// `0s` stands for no limit.
#[expect(clippy::ref_option, reason = "the form that serde asks for")]
pub(crate) fn serialize<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration::serialize(&duration.unwrap_or(Duration::ZERO), serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let duration = duration::deserialize(deserializer)?;
    Ok((!duration.is_zero()).then_some(duration))
}
