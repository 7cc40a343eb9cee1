use std::collections::BTreeSet;

use toml::Value;

use crate::keys::{self, Found};
use crate::problem::Origin;

use super::Settings;

/// Reads flags into the settings.
pub(crate) fn read(flags: &[(String, String, String)], settings: &mut Settings) {
    let mut seen = BTreeSet::new();
    for (key, text, spelling) in flags {
        let origin = Origin::Flag(spelling.clone());
        let path: Vec<String> = key.split('.').map(str::to_owned).collect();
        let value = Value::String(text.clone());
        let subject = match text.split_once('=') {
            Some((name, _)) if key == "mounts" => format!("mounts.{name}"),
            _ => key.clone(),
        };
        if !seen.insert(subject) {
            settings.problem(&path, Some(&value), origin, "given twice");
        } else if key == "mounts" {
            mount(text, origin, settings);
        } else if let Found::Key(key) = keys::find(&path) {
            let value = key.kind.read(text);
            settings.set(path, key, value, origin);
        } else {
            settings.unknown(&path, Some(&value), origin);
        }
    }
}

/// Reads `NAME=PATH`.
pub(crate) fn mount(text: &str, origin: Origin, settings: &mut Settings) {
    let section = "mounts".to_owned();
    match text.split_once('=') {
        Some((name, place)) => {
            let path = vec![section, name.trim().to_owned(), "path".to_owned()];
            if let Found::Key(key) = keys::find(&path) {
                settings.set(path, key, Value::String(place.to_owned()), origin);
            }
        }
        None => {
            let value = Value::String(text.to_owned());
            settings.problem(&[section], Some(&value), origin, "must be NAME=PATH");
        }
    }
}
