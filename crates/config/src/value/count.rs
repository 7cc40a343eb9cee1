use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Describes a number, or `auto`.
pub(crate) struct CountText;

impl JsonSchema for CountText {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Count".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "integer"], "x-kind": "count-or-auto", "pattern": "^auto$" })
    }
}

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(usize),
    Text(String),
}

/// `auto` stands for a number that the machine decides.
#[expect(clippy::ref_option, reason = "the form that serde asks for")]
pub(crate) fn serialize<S: Serializer>(
    count: &Option<usize>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match count {
        Some(number) => Written::Number(*number),
        None => Written::Text("auto".to_owned()),
    }
    .serialize(serializer)
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<usize>, D::Error> {
    match Written::deserialize(deserializer)? {
        Written::Number(number) => Ok(Some(number)),
        Written::Text(text) if text == "auto" => Ok(None),
        Written::Text(_) => Err(D::Error::custom("not a number")),
    }
}
