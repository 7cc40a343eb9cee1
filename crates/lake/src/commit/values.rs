//! Parameters of statements.

use crate::database::Value;

/// A text or null.
pub(super) fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, |text| Value::Text(text.to_owned()))
}

/// A number or null, as a literal: its type needs no guessing then.
pub(super) fn number(number: Option<i64>) -> String {
    number.map_or_else(|| "NULL".to_owned(), |number| number.to_string())
}

/// A truth value or null, as a literal that both databases take.
pub(super) fn truth(truth: Option<bool>) -> &'static str {
    match truth {
        Some(true) => "true",
        Some(false) => "false",
        None => "NULL",
    }
}
