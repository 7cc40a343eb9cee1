//! What a setting may be.

use std::time::Duration;

use arrow::array::timezone::Tz;
use godwit_catalog::CATALOG;

use super::Bounds;
use super::list::{Kind, Setting};
use crate::{Error, Result};

const MAX_BATCH_ROWS: usize = 1 << 20;
const MAX_ENDPOINTS: usize = 64;
const MAX_TIMEOUT: Duration = Duration::from_hours(365 * 24);

/// The value as it is kept, or what is allowed instead.
pub(super) fn check(setting: &Setting, text: &str, bounds: &Bounds) -> Result<String> {
    let text = text.trim();
    match setting.kind() {
        Kind::Catalog if text == CATALOG => Ok(text.to_owned()),
        Kind::Catalog => Err(Error::invalid(format!(
            "catalog '{text}' does not exist; the only one is {CATALOG}"
        ))),
        // Whether a schema exists is asked of the catalog.
        Kind::Schema => Ok(text.to_owned()),
        Kind::Timeout => timeout(setting, text, bounds.timeout()),
        Kind::TimeZone => match text.parse::<Tz>() {
            Ok(_) => Ok(text.to_owned()),
            Err(_) => Err(refused(
                setting,
                text,
                "a name such as Europe/Berlin or an offset such as +02:00",
            )),
        },
        Kind::BatchRows => number(setting, text, MAX_BATCH_ROWS),
        Kind::Partitions => number(setting, text, bounds.target_partitions),
        Kind::Endpoints => number(setting, text, MAX_ENDPOINTS),
        Kind::Flag => flag(setting, text),
        Kind::OneOf(values) => {
            let text = text.to_lowercase();
            if values.contains(&text.as_str()) {
                Ok(text)
            } else {
                Err(refused(setting, &text, &values.join(", ")))
            }
        }
    }
}

/// Whole units: `90s`, `0s`, `1500ms`.
pub(super) fn duration_text(duration: Duration) -> String {
    if duration.subsec_millis() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}ms", duration.as_millis())
    }
}

fn timeout(setting: &Setting, text: &str, allowed: Option<Duration>) -> Result<String> {
    let parsed = if text == "0" {
        Some(Duration::ZERO)
    } else {
        humantime::parse_duration(text).ok()
    };
    match (parsed, allowed) {
        (Some(timeout), Some(allowed)) if timeout.is_zero() || timeout > allowed => Err(refused(
            setting,
            text,
            &format!("at most {} (query.timeout)", duration_text(allowed)),
        )),
        (Some(timeout), _) if timeout <= MAX_TIMEOUT => Ok(duration_text(timeout)),
        _ => Err(refused(setting, text, "a duration such as 30s, 5m or 0s")),
    }
}

fn number(setting: &Setting, text: &str, max: usize) -> Result<String> {
    match text.parse::<usize>() {
        Ok(number) if (1..=max).contains(&number) => Ok(number.to_string()),
        _ => Err(refused(
            setting,
            text,
            &format!("a whole number from 1 to {max}"),
        )),
    }
}

fn flag(setting: &Setting, text: &str) -> Result<String> {
    match text.to_lowercase().as_str() {
        "true" | "on" | "1" | "yes" => Ok("true".to_owned()),
        "false" | "off" | "0" | "no" => Ok("false".to_owned()),
        _ => Err(refused(setting, text, "true or false")),
    }
}

fn refused(setting: &Setting, text: &str, allowed: &str) -> Error {
    Error::invalid(format!(
        "'{text}' is no value for {}: {allowed}",
        setting.name()
    ))
}
