use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

use super::size::{self, Written};

/// `auto` stands for a size that follows from other keys.
#[expect(clippy::ref_option, reason = "the form that serde asks for")]
pub(crate) fn serialize<S: Serializer>(
    bytes: &Option<u64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => size::serialize(bytes, serializer),
        None => serializer.serialize_str("auto"),
    }
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    match Written::deserialize(deserializer)? {
        Written::Text(text) if text == "auto" => Ok(None),
        written => match written.bytes() {
            Some(bytes) => Ok(Some(bytes)),
            None => Err(D::Error::custom("not a size")),
        },
    }
}
