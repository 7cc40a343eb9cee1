use std::fs;
use std::path::Path;

use serde::Deserialize;
use toml::de::{DeTable, DeValue, ValueDeserializer};
use toml::{Spanned, Value};

use crate::keys::{self, Found};
use crate::problem::Origin;

use super::Settings;
use super::settings::one_line;

/// Reads the configuration file into the settings.
pub(crate) fn read(path: &Path, settings: &mut Settings) {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(why) => {
            let origin = Origin::File(path.to_owned(), None);
            settings.problem(&[], None, origin, format!("cannot be read: {why}"));
            settings.set_incomplete();
            return;
        }
    };
    let (table, errors) = DeTable::parse_recoverable(&text);
    let file = File { path, text: &text };
    for error in &errors {
        let start = error.span().map_or(0, |span| span.start);
        let why = format!("not TOML: {}", one_line(error.message()));
        settings.problem(&[], None, file.origin(start), why);
    }
    if errors.is_empty() {
        file.walk(&[], table.get_ref(), settings);
    } else {
        settings.set_incomplete();
    }
}

struct File<'a> {
    path: &'a Path,
    text: &'a str,
}

impl File<'_> {
    fn origin(&self, offset: usize) -> Origin {
        let before = self.text.get(..offset).unwrap_or_default();
        let line = before.bytes().filter(|byte| *byte == b'\n').count() + 1;
        Origin::File(self.path.to_owned(), Some(line))
    }

    fn walk(&self, above: &[String], table: &DeTable<'_>, settings: &mut Settings) {
        for (name, value) in table {
            let path = [above, &[name.get_ref().to_string()]].concat();
            let origin = self.origin(name.span().start);
            match (keys::find(&path), value.get_ref()) {
                (Found::Nothing, _) => {
                    settings.unknown(&path, own(value).filter(|v| !v.is_table()).as_ref(), origin);
                }
                (Found::Key(key), _) => match own(value) {
                    Some(value) => settings.set(path, key, value, origin),
                    None => settings.problem(
                        &path,
                        None,
                        origin,
                        format!("must be {}", key.kind.allowed()),
                    ),
                },
                (found, DeValue::Table(below)) => {
                    if let Found::Entry(_) = found {
                        settings.mention(&path, &origin);
                    }
                    self.walk(&path, below, settings);
                }
                // A mount is its path when it is nothing more.
                (Found::Entry(_), DeValue::String(_)) if path[0] == "mounts" => {
                    let path = [path.as_slice(), &["path".to_owned()]].concat();
                    if let (Found::Key(key), Some(value)) = (keys::find(&path), own(value)) {
                        settings.set(path, key, value, origin);
                    }
                }
                (_, _) => {
                    let allowed = format!("must be a section, [{}]", keys::dotted(&path));
                    settings.problem(&path, own(value).as_ref(), origin, allowed);
                }
            }
        }
    }
}

/// The value without its place in the text; none for numbers that do not fit.
fn own(value: &Spanned<DeValue<'_>>) -> Option<Value> {
    Value::deserialize(ValueDeserializer::from(value.clone())).ok()
}
