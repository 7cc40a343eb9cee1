//! The form in which a call wants its rows: what its headers say, else its session.

use godwit_config::{WireCompression, WireProfile};
use godwit_engine::Session;
use godwit_protocol::{Shapes, WireFormat};
use tonic::metadata::MetadataMap;

use crate::{Error, Result};

/// Chooses the profile for one call. Drivers turn options that they do not know into headers, so that every client can
/// set it.
pub(crate) const PROFILE_HEADER: &str = "x-godwit-wire-profile";
/// Chooses the compression for one call.
pub(crate) const COMPRESSION_HEADER: &str = "x-godwit-compression";

/// What the headers of a call say about the form of its rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct WantedFormat {
    profile: Option<WireProfile>,
    compression: Option<WireCompression>,
}

impl WantedFormat {
    /// # Errors
    /// When a header has a value that is not one of those that are allowed.
    pub(crate) fn read(headers: &MetadataMap) -> Result<Self> {
        Ok(Self {
            profile: read(
                headers,
                PROFILE_HEADER,
                WireProfile::NAMES,
                WireProfile::named,
            )?,
            compression: read(
                headers,
                COMPRESSION_HEADER,
                WireCompression::NAMES,
                WireCompression::named,
            )?,
        })
    }

    /// The form of the rows of this call, before anybody has looked at them.
    pub(crate) fn or(self, session: &Session) -> WireFormat {
        WireFormat {
            profile: self.profile.unwrap_or_else(|| session.wire_profile()),
            compression: self.compression.unwrap_or_else(|| session.compression()),
            shapes: Shapes::default(),
        }
    }
}

fn read<T>(
    headers: &MetadataMap,
    header: &'static str,
    names: &[&str],
    named: fn(&str) -> Option<T>,
) -> Result<Option<T>> {
    let Some(value) = headers.get(header) else {
        return Ok(None);
    };
    let value = String::from_utf8_lossy(value.as_bytes())
        .trim()
        .to_lowercase();
    let known = named(&value).ok_or_else(|| {
        let text = format!(
            "'{value}' is no value for the header {header}: {}",
            names.join(", ")
        );
        Error::Invalid(text)
    });
    known.map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(header: &'static str, value: &'static str) -> Result<WantedFormat> {
        let mut headers = MetadataMap::new();
        headers.insert(header, value.parse().unwrap());
        WantedFormat::read(&headers)
    }

    #[test]
    fn headers_choose_the_format() {
        let none = WantedFormat::read(&MetadataMap::new()).unwrap();
        assert_eq!(none, WantedFormat::default());
        let native = wanted(PROFILE_HEADER, "Native ").unwrap();
        assert_eq!(native.profile, Some(WireProfile::Native));
        assert_eq!(native.compression, None);
        let zstd = wanted(COMPRESSION_HEADER, "zstd").unwrap();
        assert_eq!(zstd.compression, Some(WireCompression::Zstd));
    }

    #[test]
    fn another_value_is_refused_with_those_that_are_allowed() {
        for (header, value, allowed) in [
            (PROFILE_HEADER, "arrow", "compat, native, compact"),
            (PROFILE_HEADER, "", "compat, native, compact"),
            (COMPRESSION_HEADER, "gzip", "none, lz4, zstd"),
        ] {
            let Err(Error::Invalid(text)) = wanted(header, value) else {
                panic!("{header}: {value}");
            };
            assert!(text.contains(header) && text.ends_with(allowed), "{text}");
        }
    }
}
