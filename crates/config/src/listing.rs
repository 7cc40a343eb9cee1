//! Every key with its value, for those who want to know what a server runs with.

use serde_json::Value;

use crate::{Config, keys};

/// A key, in text throughout.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// As it is written in TOML: `log.format`.
    pub key: String,
    /// Its value, `(hidden)` for a secret; `None` where it has none.
    pub value: Option<String>,
    /// The value that it has where nothing is said.
    pub default: Option<String>,
    /// What it means.
    pub description: String,
}

/// Every key of a configuration: first those that have a fixed name, then those of what the operator named.
#[must_use]
pub fn listing(config: &Config) -> Vec<Listed> {
    let values = serde_json::to_value(config).unwrap_or_default();
    let mut left = Vec::new();
    leaves(&mut Vec::new(), &values, &mut left);
    let mut listed = Vec::new();
    for (path, key) in keys::fixed() {
        let at = left.iter().position(|(found, _)| *found == path);
        let value = at.map(|at| left.swap_remove(at).1);
        listed.push(Listed {
            key: keys::dotted(&path),
            value,
            default: key.default.as_ref().map(toml_text),
            description: key.about.clone(),
        });
    }
    left.sort();
    listed.extend(left.into_iter().map(|(path, value)| {
        let key = match keys::find(&path) {
            keys::Found::Key(key) => Some(key),
            _ => None,
        };
        Listed {
            key: keys::dotted(&path),
            value: Some(value),
            default: key.and_then(|key| key.default.as_ref()).map(toml_text),
            description: key.map(|key| key.about.clone()).unwrap_or_default(),
        }
    }));
    listed
}

fn leaves(path: &mut Vec<String>, value: &Value, found: &mut Vec<(Vec<String>, String)>) {
    match value {
        Value::Null => {}
        Value::Object(members) if !members.is_empty() || path.is_empty() => {
            for (name, value) in members {
                path.push(name.clone());
                leaves(path, value, found);
                path.pop();
            }
        }
        Value::String(text) => found.push((path.clone(), text.clone())),
        // A section without entries has no value of its own.
        Value::Object(_) => {}
        value => found.push((path.clone(), value.to_string())),
    }
}

fn toml_text(value: &toml::Value) -> String {
    match value {
        toml::Value::String(text) => text.clone(),
        value => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Secret, User};

    #[test]
    fn every_key_is_there_and_no_secret() {
        let mut config = Config::default();
        let password_hash = Secret::new("$argon2id$very-secret");
        let ada = User {
            password_hash,
            roles: vec!["admin".to_owned()],
        };
        config.users.insert("ada".to_owned(), ada);
        let listed = listing(&config);
        let find = |key: &str| listed.iter().find(|listed| listed.key == key);
        let listen = find("listen").unwrap();
        assert_eq!(listen.value.as_deref(), Some("127.0.0.1:8815"));
        let rows = find("history.max_rows").unwrap();
        let values = (rows.value.as_deref(), rows.default.as_deref());
        assert_eq!(values, (Some("10000"), Some("10000")));
        assert!(rows.description.starts_with("How many statements"));
        assert_eq!(find("lake.catalog").unwrap().value, None);
        let hash = find("users.ada.password_hash").unwrap();
        assert_eq!(hash.value.as_deref(), Some("(hidden)"));
        assert!(!format!("{listed:?}").contains("very-secret"));
        let keys: std::collections::BTreeSet<_> = listed.iter().map(|listed| &listed.key).collect();
        assert_eq!(keys.len(), listed.len());
    }
}
