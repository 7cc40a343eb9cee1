//! The form of rows on the wire, as tickets and poll handles carry it.

use godwit_config::{WireCompression, WireProfile};

use crate::error::{Error, Result};
use crate::wire::godwit::{
    self as wire,
    wire_format::{Compression, Profile},
};

/// How rows are sent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct WireFormat {
    /// Which types they have.
    pub profile: WireProfile,
    /// How their buffers are compressed.
    pub compression: WireCompression,
}

impl WireFormat {
    pub(crate) fn encode(self) -> wire::WireFormat {
        let profile = match self.profile {
            WireProfile::Compat => Profile::Compat,
            WireProfile::Native => Profile::Native,
        };
        let compression = match self.compression {
            WireCompression::None => Compression::None,
            WireCompression::Lz4 => Compression::Lz4,
            WireCompression::Zstd => Compression::Zstd,
        };
        wire::WireFormat {
            profile: profile.into(),
            compression: compression.into(),
        }
    }

    /// `what` carries the format; an error names it.
    pub(crate) fn decode(what: &'static str, format: wire::WireFormat) -> Result<Self> {
        let unknown = |e| Error::malformed(what, e);
        let profile = match Profile::try_from(format.profile).map_err(unknown)? {
            Profile::Compat => WireProfile::Compat,
            Profile::Native => WireProfile::Native,
        };
        let compression = match Compression::try_from(format.compression).map_err(unknown)? {
            Compression::None => WireCompression::None,
            Compression::Lz4 => WireCompression::Lz4,
            Compression::Zstd => WireCompression::Zstd,
        };
        Ok(Self {
            profile,
            compression,
        })
    }
}
