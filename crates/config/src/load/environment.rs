use toml::Value;

use crate::Secret;
use crate::keys::{self, Found};
use crate::problem::Origin;

use super::settings::PASSWORD;
use super::{Settings, flags};

const PREFIX: &str = "GODWIT_";
/// Variables that steer the project's own tests and benchmarks.
const OURS: [&str; 2] = ["GODWIT_TEST_", "GODWIT_BENCH_"];
/// Variables of the subcommands that are clients, and set no key.
const CLIENTS: [&str; 4] = [
    "GODWIT_CONFORMANCE_TOKEN",
    "GODWIT_PASSWORD",
    "GODWIT_TOKEN",
    "GODWIT_USER",
];
const PASSWORD_VARIABLE: &str = "GODWIT_ADMIN_PASSWORD";
const MOUNTS: &str = "GODWIT_MOUNTS";

/// Reads the `GODWIT_*` variables into the settings.
pub(crate) fn read(variables: &[(String, String)], settings: &mut Settings) {
    let mut variables: Vec<&(String, String)> = variables
        .iter()
        .filter(|(name, _)| name.starts_with(PREFIX))
        .filter(|(name, _)| !OURS.iter().any(|ours| name.starts_with(ours)))
        .filter(|(name, _)| !CLIENTS.contains(&name.as_str()))
        .collect();
    variables.sort();
    for (name, text) in variables {
        let origin = Origin::Environment(name.clone());
        if name == PASSWORD_VARIABLE {
            password(text, origin, settings);
        } else if text.contains('\u{fffd}') {
            settings.problem(&[], None, origin, "must be valid UTF-8");
        } else if name == MOUNTS {
            for mount in text.split(',') {
                flags::mount(mount, origin.clone(), settings);
            }
        } else if let Some((path, key)) =
            keys::fixed().find(|(path, _)| keys::variable(path) == *name)
        {
            let value = key.kind.read(text);
            settings.set(path, key, value, origin);
        } else {
            unknown(name, origin, settings);
        }
    }
}

fn password(text: &str, origin: Origin, settings: &mut Settings) {
    if text.is_empty() || text.contains('\u{fffd}') {
        let path = PASSWORD.map(str::to_owned);
        let value = Value::String(text.to_owned());
        let allowed = "must be a text that is not empty, in UTF-8";
        settings.problem(&path, Some(&value), origin, allowed);
    } else {
        settings.set_password(Secret::new(text), origin);
    }
}

fn unknown(name: &str, origin: Origin, settings: &mut Settings) {
    let section = name[PREFIX.len()..].split('_').next().unwrap_or_default();
    let entries = matches!(keys::find(&[section.to_lowercase()]), Found::Entries);
    let known: Vec<String> = keys::fixed()
        .map(|(path, _)| keys::variable(&path))
        .chain([PASSWORD_VARIABLE.to_owned(), MOUNTS.to_owned()])
        .collect();
    let allowed = if entries {
        format!(
            "unknown variable; the section {} is for the file",
            section.to_lowercase()
        )
    } else {
        match keys::nearest(name, known.iter().map(String::as_str)) {
            Some(meant) => format!("unknown variable; did you mean {meant}?"),
            None => "unknown variable".to_owned(),
        }
    };
    settings.problem(&[], None, origin, allowed);
}
