//! What differs between two configurations, by the names of the keys.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{Config, Secret, keys};

/// The keys whose values differ, sorted; an entry that only one of them has is named by each of its keys.
#[must_use]
pub fn changes(before: &Config, after: &Config) -> Vec<String> {
    let mut changed = BTreeSet::new();
    let values = |config| serde_json::to_value(config).unwrap_or_default();
    compare(
        &mut Vec::new(),
        &values(before),
        &values(after),
        &mut changed,
    );
    // Secrets look the same wherever they are shown.
    let (before, after) = (secrets(before), secrets(after));
    for (key, secret) in &after {
        let same = before
            .iter()
            .any(|(name, old)| name == key && old == secret);
        if !same {
            changed.insert(key.clone());
        }
    }
    changed.into_iter().collect()
}

fn compare(path: &mut Vec<String>, before: &Value, after: &Value, changed: &mut BTreeSet<String>) {
    let (Value::Object(old), Value::Object(new)) = (before, after) else {
        if before != after {
            leaves(path, if after.is_null() { before } else { after }, changed);
        }
        return;
    };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for name in names {
        path.push(name.clone());
        let of = |values: &serde_json::Map<String, Value>| values.get(name).cloned();
        let (old, new) = (of(old).unwrap_or_default(), of(new).unwrap_or_default());
        compare(path, &old, &new, changed);
        path.pop();
    }
}

/// The names of all values below a path.
fn leaves(path: &mut Vec<String>, value: &Value, changed: &mut BTreeSet<String>) {
    match value {
        Value::Object(values) if !values.is_empty() => {
            for (name, value) in values {
                path.push(name.clone());
                leaves(path, value, changed);
                path.pop();
            }
        }
        _ => {
            changed.insert(keys::dotted(path));
        }
    }
}

/// All secrets by their keys.
fn secrets(config: &Config) -> Vec<(String, &Secret)> {
    let users = config.users.iter().map(|(name, user)| {
        let path = ["users", name, "password_hash"].map(str::to_owned);
        (keys::dotted(&path), &user.password_hash)
    });
    let single = [
        ("admin.password", &config.admin.password),
        ("lake.catalog", &config.lake.catalog),
        (
            "lake.s3_secret_access_key",
            &config.lake.s3_secret_access_key,
        ),
        (
            "copy.s3_secret_access_key",
            &config.copy.s3_secret_access_key,
        ),
    ];
    let single = single
        .into_iter()
        .filter_map(|(key, secret)| Some((key.to_owned(), secret.as_ref()?)));
    users.chain(single).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::User;

    #[test]
    fn what_differs_is_named() {
        let before = Config::default();
        assert!(changes(&before, &before).is_empty());
        let mut after = before.clone();
        after.query.max_queued += 1;
        after.log.filter = "debug".to_owned();
        let user = |hash: &str| User {
            password_hash: Secret::new(hash),
            roles: Vec::new(),
        };
        after.users.insert("ada".to_owned(), user("one"));
        assert_eq!(
            changes(&before, &after),
            [
                "log.filter",
                "query.max_queued",
                "users.ada.password_hash",
                "users.ada.roles"
            ]
        );
        let mut other = after.clone();
        other.users.insert("ada".to_owned(), user("two"));
        assert_eq!(changes(&after, &other), ["users.ada.password_hash"]);
        assert_eq!(
            changes(&after, &before),
            [
                "log.filter",
                "query.max_queued",
                "users.ada.password_hash",
                "users.ada.roles"
            ]
        );
        let mut keyed = before.clone();
        keyed.lake.catalog = Some(Secret::new("postgres://a"));
        let mut rekeyed = before;
        rekeyed.lake.catalog = Some(Secret::new("postgres://b"));
        assert_eq!(changes(&keyed, &rekeyed), ["lake.catalog"]);
    }
}
