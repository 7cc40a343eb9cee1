//! `system.settings`: what the caller's session has set, and to an admin every key of the configuration.

use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{DataType, Field};
use godwit_config::Listed;

use crate::session::Caller;
use crate::settings::SETTINGS;

/// What a setting belongs to.
pub(crate) const SESSION: &str = "session";
const SERVER: &str = "server";

pub(super) fn fields() -> Vec<Field> {
    let text = |name| Field::new(name, DataType::Utf8, false);
    vec![
        text("name"),
        text("value"),
        text("default"),
        Field::new("engine_option", DataType::Utf8, true),
        text("description"),
        text("scope"),
    ]
}

/// Secrets are hidden in `keys` already. A key that has no value shows an empty one.
pub(super) fn columns(caller: &Caller, keys: &[Listed]) -> Vec<ArrayRef> {
    let mut rows: Vec<[Option<String>; 6]> = SETTINGS
        .iter()
        .map(|setting| {
            [
                Some(setting.name().to_owned()),
                Some(caller.settings.get(setting)),
                Some(caller.settings.default_of(setting)),
                setting.engine_key().map(str::to_owned),
                Some(setting.description().to_owned()),
                Some(SESSION.to_owned()),
            ]
        })
        .collect();
    let shown = keys.iter().filter(|_| caller.authority.is_admin());
    rows.extend(shown.map(|listed| {
        [
            Some(listed.key.clone()),
            Some(listed.value.clone().unwrap_or_default()),
            Some(listed.default.clone().unwrap_or_default()),
            None,
            Some(listed.description.clone()),
            Some(SERVER.to_owned()),
        ]
    }));
    let column = |at: usize| {
        let cells = rows.iter().map(|row| row[at].as_deref());
        Arc::new(cells.collect::<StringArray>()) as ArrayRef
    };
    (0..6).map(column).collect()
}
