use serde_json::Value as Json;
use toml::Value;

use super::{duration, size};

/// What a key takes, read from its schema. It says in words what is allowed, turns the texts of environment and flags
/// into values, and checks bounds.
#[derive(Debug, Clone)]
pub(crate) enum Kind {
    Bool,
    Text,
    TextOrEmpty,
    Texts,
    Map,
    Character,
    Address,
    Choice(Vec<String>),
    Integer(Bounds),
    CountOrAuto(Bounds),
    Duration(Bounds),
    Size(Bounds),
    SizeOrAuto(Bounds),
}

/// Bounds in the unit that the kind counts in (numbers, nanoseconds, bytes), with the way they are written.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bounds {
    least: Option<(u128, String)>,
    most: Option<(u128, String)>,
}

impl Kind {
    pub(crate) fn of(schema: &Json) -> Self {
        if let Some(choices) = choices(schema) {
            return Self::Choice(choices);
        }
        let named = schema.get("x-kind").and_then(Json::as_str);
        match (named, schema.get("type").and_then(Json::as_str)) {
            (Some("address"), _) => Self::Address,
            (Some("duration"), _) => Self::Duration(Bounds::of(schema, nanoseconds)),
            (Some("size"), _) => Self::Size(Bounds::of(schema, bytes)),
            (Some("size-or-auto"), _) => Self::SizeOrAuto(Bounds::of(schema, bytes)),
            (Some("text-or-empty"), _) => Self::TextOrEmpty,
            (Some("count-or-auto"), _) => Self::CountOrAuto(Bounds::of(schema, number)),
            (_, Some("boolean")) => Self::Bool,
            (_, Some("array")) => Self::Texts,
            (_, Some("object")) => Self::Map,
            (_, Some("integer")) => Self::Integer(Bounds::of(schema, number)),
            _ if schema.get("maxLength") == Some(&Json::from(1)) => Self::Character,
            _ => Self::Text,
        }
    }

    /// What is allowed, as the end of a sentence that starts with "must be".
    pub(crate) fn allowed(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Text => "a text that is not empty".to_owned(),
            Self::TextOrEmpty => "a text".to_owned(),
            Self::Map => r#"a table of texts that are not empty, such as { a = "b" }"#.to_owned(),
            Self::Texts => "a list of texts that are not empty".to_owned(),
            Self::Character => "a single ASCII character".to_owned(),
            Self::Address => {
                r#"an IP address and a port, such as "127.0.0.1:8815" or "[::1]:0""#.to_owned()
            }
            Self::Choice(choices) => or(choices),
            Self::Integer(bounds) => format!("a whole number{}", bounds.words()),
            Self::CountOrAuto(bounds) => format!(r#""auto" or a whole number{}"#, bounds.words()),
            Self::Duration(bounds) => {
                format!(
                    r#"a duration such as "30s", "15m" or "12h"{}"#,
                    bounds.words()
                )
            }
            Self::Size(bounds) => {
                format!(r#"a size such as "64MiB" or "1MB"{}"#, bounds.words())
            }
            Self::SizeOrAuto(bounds) => {
                format!(
                    r#""auto" or a size such as "64MiB" or "1MB"{}"#,
                    bounds.words()
                )
            }
        }
    }

    /// The value that a text from the environment or a flag stands for.
    pub(crate) fn read(&self, text: &str) -> Value {
        let number = || text.parse::<i64>().ok().map(Value::Integer);
        match self {
            Self::Bool => text.parse().ok().map(Value::Boolean),
            Self::Integer(_) | Self::CountOrAuto(_) => number(),
            Self::Texts => {
                let texts = text
                    .split(',')
                    .map(str::trim)
                    .filter(|text| !text.is_empty());
                let texts = texts.map(|text| Value::String(text.to_owned()));
                Some(Value::Array(texts.collect()))
            }
            _ => None,
        }
        .unwrap_or_else(|| Value::String(text.to_owned()))
    }

    /// Whether a value of the right type is one that the key takes.
    pub(crate) fn admits(&self, value: &Value) -> bool {
        let text = value.as_str();
        let integer = || value.as_integer().and_then(|n| u128::try_from(n).ok());
        match self {
            Self::Bool | Self::Address | Self::Choice(_) => true,
            Self::Text => text.is_some_and(|text| !text.is_empty() && !text.contains('\0')),
            Self::TextOrEmpty => text.is_some_and(|text| !text.contains('\0')),
            Self::Map => value.as_table().is_some_and(|texts| {
                let filled = |text: &str| !text.is_empty() && !text.contains('\0');
                let mut texts = texts.iter();
                texts.all(|(key, value)| filled(key) && value.as_str().is_some_and(filled))
            }),
            Self::Texts => value.as_array().is_some_and(|texts| {
                let mut texts = texts.iter().map(Value::as_str);
                texts.all(|text| text.is_some_and(|text| !text.is_empty()))
            }),
            Self::Character => text.is_some_and(str::is_ascii),
            Self::CountOrAuto(_) | Self::SizeOrAuto(_) if text == Some("auto") => true,
            Self::Integer(bounds) | Self::CountOrAuto(bounds) => bounds.hold(integer()),
            Self::Duration(bounds) => bounds.hold(text.and_then(nanoseconds)),
            Self::Size(bounds) | Self::SizeOrAuto(bounds) => {
                bounds.hold(text.and_then(bytes).or_else(integer))
            }
        }
    }
}

impl Bounds {
    /// Numbers have the keywords that JSON Schema knows; for texts there are none, so they have our own.
    fn of(schema: &Json, read: fn(&str) -> Option<u128>) -> Self {
        let bound = |standard: &str, own: &str| {
            let written = match (schema.get(own), schema.get(standard)) {
                (Some(Json::String(text)), _) => text.clone(),
                (_, Some(number)) => number.to_string(),
                _ => return None,
            };
            Some((read(&written)?, written))
        };
        Self {
            least: bound("minimum", "x-minimum"),
            most: bound("maximum", "x-maximum"),
        }
    }

    fn hold(&self, value: Option<u128>) -> bool {
        value.is_some_and(|value| {
            self.least.as_ref().is_none_or(|(least, _)| value >= *least)
                && self.most.as_ref().is_none_or(|(most, _)| value <= *most)
        })
    }

    fn words(&self) -> String {
        match (&self.least, &self.most) {
            (Some((_, least)), Some((_, most))) => format!(", from {least} to {most}"),
            (Some((_, least)), None) => format!(", at least {least}"),
            (None, Some((_, most))) => format!(", at most {most}"),
            (None, None) => String::new(),
        }
    }
}

/// `"a", "b" or "c"`.
fn or(choices: &[String]) -> String {
    let quoted: Vec<String> = choices.iter().map(|choice| format!("{choice:?}")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

fn choices(schema: &Json) -> Option<Vec<String>> {
    let names: Vec<String> = match (schema.get("enum"), schema.get("oneOf")) {
        (Some(Json::Array(names)), _) => strings(names.iter()),
        (_, Some(Json::Array(variants))) => {
            strings(variants.iter().filter_map(|variant| variant.get("const")))
        }
        _ => return None,
    };
    Some(names)
}

fn strings<'a>(values: impl Iterator<Item = &'a Json>) -> Vec<String> {
    values.filter_map(Json::as_str).map(str::to_owned).collect()
}

fn number(text: &str) -> Option<u128> {
    text.parse().ok()
}

fn bytes(text: &str) -> Option<u128> {
    size::parse(text).map(u128::from)
}

fn nanoseconds(text: &str) -> Option<u128> {
    duration::parse(text).map(|duration| duration.as_nanos())
}
