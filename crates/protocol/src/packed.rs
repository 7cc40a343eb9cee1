use arrow_flight::sql::{Any, ProstMessageExt};
use bytes::Bytes;
use prost::Message as _;

use crate::{
    command::MAX_COMMAND_BYTES,
    error::{Error, Result, check_size},
};

const PREFIX: &str = "type.googleapis.com/arrow.flight.protocol.sql.";

/// A message packed in an `Any`, not yet read.
pub(crate) struct Packed(Any);

/// Packs a Flight SQL message.
pub(crate) fn pack(message: &impl ProstMessageExt) -> Bytes {
    message.as_any().encode_to_vec().into()
}

impl Packed {
    /// Reads the envelope; `None` when the bytes are none.
    ///
    /// Text can pass for one: a line feed is the key of the field `type_url`, and a tab is a length. So the type must
    /// look like one too.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let any = Any::decode(bytes).ok()?;
        let (_, name) = any.type_url.rsplit_once('/')?;
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '/');
        (!name.is_empty() && any.type_url.chars().all(plain)).then_some(Self(any))
    }

    /// The name of the Flight SQL message; empty when it is of another protocol.
    pub(crate) fn name(&self) -> &str {
        self.0.type_url.strip_prefix(PREFIX).unwrap_or_default()
    }

    pub(crate) fn type_url(&self) -> &str {
        &self.0.type_url
    }

    /// Reads the message; its name must have been compared before.
    pub(crate) fn read<M: ProstMessageExt>(&self) -> Result<M> {
        M::decode(self.0.value.clone()).map_err(|e| Error::malformed(name_of::<M>(), e))
    }

    /// Reads a message that has no reason to be large.
    pub(crate) fn read_small<M: ProstMessageExt>(&self) -> Result<M> {
        check_size(name_of::<M>(), self.0.value.len(), MAX_COMMAND_BYTES)?;
        self.read()
    }
}

/// The message's name without its package.
pub(crate) fn name_of<M: ProstMessageExt>() -> &'static str {
    let url = M::type_url();
    url.strip_prefix(PREFIX).unwrap_or(url)
}
