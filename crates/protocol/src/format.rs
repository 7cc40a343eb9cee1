//! The form of rows on the wire, as tickets and poll handles carry it.

use bytes::Bytes;
use godwit_config::{WireCompression, WireProfile};

use crate::error::{Error, Result};
use crate::wire::godwit::{
    self as wire,
    wire_format::{Compression, Profile},
};

/// How rows are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WireFormat {
    /// Which types they have.
    pub profile: WireProfile,
    /// How their buffers are compressed.
    pub compression: WireCompression,
    /// What `compact` makes of their columns; nothing in the other profiles.
    pub shapes: Shapes,
}

/// What becomes of one column in the profile `compact`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Shape {
    /// Nothing: a value for every row.
    #[default]
    Plain,
    /// Runs of equal rows.
    Runs,
    /// A dictionary that grows while rows are sent.
    Dictionary,
}

/// The shapes of the columns of a result, in their order. A clone is cheap.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shapes(Bytes);

impl Shapes {
    /// The shape of the column with this number, from 0.
    pub fn of(&self, column: usize) -> Shape {
        match self.0.get(column) {
            Some(1) => Shape::Runs,
            Some(2) => Shape::Dictionary,
            _ => Shape::Plain,
        }
    }

    /// Whether no column becomes another.
    pub fn is_plain(&self) -> bool {
        self.0.is_empty()
    }

    fn decode(what: &'static str, bytes: Bytes) -> Result<Self> {
        match bytes.iter().find(|shape| **shape > 2) {
            Some(shape) => Err(Error::malformed(what, format!("unknown shape {shape}"))),
            None => Ok(Self(bytes)),
        }
    }
}

impl FromIterator<Shape> for Shapes {
    fn from_iter<I: IntoIterator<Item = Shape>>(shapes: I) -> Self {
        let mut bytes: Vec<u8> = shapes.into_iter().map(|shape| shape as u8).collect();
        let last = bytes.iter().rposition(|shape| *shape != Shape::Plain as u8);
        bytes.truncate(last.map_or(0, |last| last + 1));
        Self(bytes.into())
    }
}

impl WireFormat {
    pub(crate) fn encode(&self) -> wire::WireFormat {
        let profile = match self.profile {
            WireProfile::Compat => Profile::Compat,
            WireProfile::Native => Profile::Native,
            WireProfile::Compact => Profile::Compact,
        };
        let compression = match self.compression {
            WireCompression::None => Compression::None,
            WireCompression::Lz4 => Compression::Lz4,
            WireCompression::Zstd => Compression::Zstd,
        };
        wire::WireFormat {
            profile: profile.into(),
            compression: compression.into(),
            shapes: self.shapes.0.clone(),
        }
    }

    /// `what` carries the format; an error names it.
    pub(crate) fn decode(what: &'static str, format: wire::WireFormat) -> Result<Self> {
        let unknown = |e| Error::malformed(what, e);
        let profile = match Profile::try_from(format.profile).map_err(unknown)? {
            Profile::Compat => WireProfile::Compat,
            Profile::Native => WireProfile::Native,
            Profile::Compact => WireProfile::Compact,
        };
        let compression = match Compression::try_from(format.compression).map_err(unknown)? {
            Compression::None => WireCompression::None,
            Compression::Lz4 => WireCompression::Lz4,
            Compression::Zstd => WireCompression::Zstd,
        };
        Ok(Self {
            profile,
            compression,
            shapes: Shapes::decode(what, format.shapes)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [Shape; 4] = [Shape::Runs, Shape::Plain, Shape::Dictionary, Shape::Plain];

    #[test]
    fn shapes_survive_the_wire() {
        let format = WireFormat {
            profile: WireProfile::Compact,
            shapes: SHAPES.into_iter().collect(),
            ..WireFormat::default()
        };
        let sent = format.encode();
        assert_eq!(sent.shapes.as_ref(), [1, 0, 2]);
        let arrived = WireFormat::decode("ticket", sent).unwrap();
        assert_eq!(arrived, format);
        let shapes: Vec<_> = (0..4).map(|at| arrived.shapes.of(at)).collect();
        assert_eq!(shapes, SHAPES);
    }

    #[test]
    fn plain_shapes_are_none() {
        let plain: Shapes = [Shape::Plain; 3].into_iter().collect();
        assert!(plain.is_plain() && plain == Shapes::default());
        assert_eq!(plain.of(2), Shape::Plain);
    }

    #[test]
    fn a_shape_of_a_later_version_is_malformed() {
        let format = wire::WireFormat {
            shapes: Bytes::from_static(&[1, 3]),
            ..wire::WireFormat::default()
        };
        let decoded = WireFormat::decode("ticket", format);
        assert!(matches!(decoded, Err(Error::Malformed { .. })));
    }
}
