//! A column's default as an SQL expression.

use crate::{Error, Result};

/// What the catalog says about a default.
pub(super) struct Stored<'a> {
    pub(super) value: Option<&'a str>,
    /// `literal` or `expression`.
    pub(super) kind: Option<&'a str>,
    /// The catalog's name of the column's type.
    pub(super) data_type: &'a str,
}

impl Stored<'_> {
    /// The expression; `None` is null.
    ///
    /// # Errors
    /// [`Error::Broken`] for a literal that is none of its type.
    pub(super) fn expression(&self) -> Result<Option<String>> {
        let Some(value) = self.value else {
            return Ok(None);
        };
        if self.kind == Some("expression") {
            return Ok(Some(translated(value)));
        }
        if value == "NULL" {
            return Ok(None);
        }
        self.literal(value).map(Some).ok_or_else(|| {
            Error::broken(format!(
                "the catalog's default {value:?} is no value of the type {}",
                self.data_type
            ))
        })
    }

    fn literal(&self, value: &str) -> Option<String> {
        let cast = |name: &str| Some(format!("CAST({} AS {name})", quoted(value)));
        match self.data_type {
            "varchar" | "json" | "uuid" | "timetz" => Some(quoted(value)),
            "boolean" => match value.to_lowercase().as_str() {
                "true" | "t" | "1" => Some("true".to_owned()),
                "false" | "f" | "0" => Some("false".to_owned()),
                _ => None,
            },
            "int8" | "int16" | "int32" | "int64" => {
                value.parse::<i64>().ok().map(|value| value.to_string())
            }
            "uint8" | "uint16" | "uint32" | "uint64" => {
                value.parse::<u64>().ok().map(|value| value.to_string())
            }
            "float32" => cast("REAL"),
            "float64" => cast("DOUBLE"),
            "date" => cast("DATE"),
            "time" | "time_ns" => cast("TIME"),
            "timestamp" | "timestamp_s" | "timestamp_ms" | "timestamp_ns" => cast("TIMESTAMP"),
            "timestamptz" => cast("TIMESTAMP WITH TIME ZONE"),
            "interval" => Some(format!("INTERVAL {}", quoted(value))),
            "int128" | "uint128" => cast("DECIMAL(38,0)"),
            "blob" => Some(bytes(value)),
            decimal if decimal.starts_with("decimal(") => cast(decimal),
            _ => None,
        }
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// DuckDB's text for bytes, in which `\xAB` is one byte.
fn bytes(text: &str) -> String {
    let mut hex = String::from("X'");
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let coded = rest.strip_prefix("\\x").and_then(|coded| coded.get(..2));
        match coded.filter(|coded| coded.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            Some(coded) => {
                hex.push_str(&coded.to_uppercase());
                rest = &rest[4..];
            }
            None => {
                let mut buffer = [0; 4];
                for byte in next.encode_utf8(&mut buffer).bytes() {
                    hex.push_str(&format!("{byte:02X}"));
                }
                rest = &rest[next.len_utf8()..];
            }
        }
    }
    hex.push('\'');
    hex
}

/// Bytes are the one literal that DuckDB writes as an expression of its own: `CAST('\xAA' AS "BLOB")`.
fn translated(expression: &str) -> String {
    let inner = expression
        .strip_prefix("CAST('")
        .and_then(|rest| rest.strip_suffix("' AS \"BLOB\")"));
    match inner {
        Some(inner) if !inner.replace("''", "").contains('\'') => bytes(&inner.replace("''", "'")),
        _ => expression.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(data_type: &str, value: &str) -> Option<String> {
        let stored = Stored {
            value: Some(value),
            kind: Some("literal"),
            data_type,
        };
        stored.expression().unwrap()
    }

    #[test]
    fn literals_are_written_as_their_type() {
        assert_eq!(literal("varchar", "it's").unwrap(), "'it''s'");
        assert_eq!(literal("int32", "-5").unwrap(), "-5");
        assert_eq!(literal("int32", "NULL"), None);
        assert_eq!(literal("blob", "a\\xFF").unwrap(), "X'61FF'");
        assert_eq!(
            literal("decimal(4,1)", "1.5").unwrap(),
            "CAST('1.5' AS decimal(4,1))"
        );
    }

    #[test]
    fn bytes_of_duckdb_are_translated() {
        assert_eq!(translated("CAST('\\xAAb' AS \"BLOB\")"), "X'AA62'");
        assert_eq!(translated("now()"), "now()");
    }
}
