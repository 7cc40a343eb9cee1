use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};

/// Describes a number of bytes.
pub(crate) struct SizeText;

impl JsonSchema for SizeText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "x-kind": "size", "pattern": "^[0-9]+ *([KMGTkmgt]?[Bb]|[KMGTkmgt][Ii][Bb])?$" })
    }
}

/// Units by falling size, so that the first one that divides a number is the one to write it in.
const UNITS: [(&str, u64); 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// A size as it may stand in a file: a text, or a bare number of bytes.
#[derive(Deserialize)]
#[serde(untagged)]
pub(crate) enum Written {
    Text(String),
    Bytes(u64),
}

impl Written {
    pub(crate) fn bytes(&self) -> Option<u64> {
        match self {
            Self::Text(text) => parse(text),
            Self::Bytes(bytes) => Some(*bytes),
        }
    }
}

pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = unit.trim_start();
    let factor = match unit {
        "" => 1,
        _ => {
            UNITS
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(unit))?
                .1
        }
    };
    number.parse::<u64>().ok()?.checked_mul(factor)
}

pub(crate) fn format(bytes: u64) -> String {
    UNITS
        .iter()
        .find(|(_, factor)| bytes != 0 && bytes.is_multiple_of(*factor))
        .map_or_else(
            || format!("{bytes}B"),
            |(name, factor)| format!("{}{name}", bytes / factor),
        )
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "the form that serde asks for"
)]
pub(crate) fn serialize<S: Serializer>(bytes: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&format(*bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    Written::deserialize(deserializer)?
        .bytes()
        .ok_or_else(|| D::Error::custom("not a size"))
}

#[cfg(test)]
mod tests {
    use super::{format, parse};

    #[test]
    fn reads_binary_and_decimal_units() {
        assert_eq!(parse("64MiB").unwrap(), 64 << 20);
        assert_eq!(parse("1MB").unwrap(), 1_000_000);
        assert_eq!(parse("2 gib").unwrap(), 2 << 30);
        assert_eq!(parse("0").unwrap(), 0);
        assert_eq!(parse("17B").unwrap(), 17);
    }

    #[test]
    fn refuses_what_could_be_meant_in_two_ways() {
        for text in [
            "",
            "MiB",
            "64M",
            "1.5GiB",
            "-1MB",
            "auto",
            "1MiBs",
            "99999999TiB",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["64MiB", "1MB", "20GiB", "3900KiB", "17B", "0B", "1TB"] {
            assert_eq!(format(parse(text).unwrap()), text);
        }
    }
}
