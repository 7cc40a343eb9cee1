use std::fs;
use std::path::Path;

use godwit_config::{example_toml, json_schema};
use serde_json::Value;

use super::support::{HASH, Layers};

#[test]
fn example_file_is_what_the_code_generates() {
    same("godwit.example.toml", &example_toml());
}

#[test]
fn schema_file_is_what_the_code_generates() {
    let schema = serde_json::to_string_pretty(&json_schema()).unwrap();
    same("godwit.schema.json", &format!("{schema}\n"));
}

#[test]
fn example_is_the_default_configuration() {
    let example = Layers::default().file(&example_toml()).config();
    let default = Layers::default().config();
    assert_eq!(format!("{example:?}"), format!("{default:?}"));
}

#[test]
fn every_line_of_the_example_is_a_key_that_loads() {
    let text = example_toml()
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(assignment) if !assignment.is_empty() && !assignment.starts_with(' ') => {
                assignment
            }
            _ => line,
        })
        .filter(|line| !line.starts_with("password_file") && !line.contains("_file = \"/etc"))
        .collect::<Vec<_>>()
        .join("\n");
    let config = Layers::default().file(&text).config();
    assert_eq!(config.admin.user.as_deref(), Some("admin"));
    assert_eq!(config.users["ada"].password_hash.expose(), HASH);
    assert_eq!(config.mounts["sales"].path, Path::new("/data/sales"));
}

/// Walks the schema: each key says its default in its last line, and says it as it is.
#[test]
fn every_description_ends_with_the_default() {
    let mut keys = 0;
    check_descriptions("", &json_schema(), &mut keys);
    assert!(keys > 30, "only {keys} keys were found");
}

fn check_descriptions(path: &str, schema: &Value, keys: &mut usize) {
    let Some(properties) = schema["properties"].as_object() else {
        return;
    };
    for (name, key) in properties {
        let path = format!("{path}.{name}");
        let about = key["description"].as_str().unwrap_or_default();
        assert!(
            about.ends_with('.') || about.ends_with('`'),
            "{path}: {about}"
        );
        if key.get("properties").is_some() {
            check_descriptions(&path, key, keys);
            continue;
        }
        *keys += 1;
        let last = about.lines().next_back().unwrap_or_default();
        let said = last.strip_prefix("Default: ");
        assert!(said.is_some(), "{path} does not say its default: {about}");
        let said = said.unwrap_or_default();
        match key.get("default") {
            Some(Value::String(default)) => assert_eq!(said, format!("`{default}`."), "{path}"),
            Some(default) if !default.is_object() => {
                assert_eq!(said, format!("`{default}`."), "{path}");
            }
            _ => assert!(said.starts_with("none"), "{path}: {said}"),
        }
        let entries = &key["additionalProperties"];
        check_descriptions(&path, entries, keys);
        for form in entries["anyOf"].as_array().into_iter().flatten() {
            check_descriptions(&path, form, keys);
        }
    }
}

/// Compares a published file with what the code says; `GODWIT_TEST_BLESS=1` writes it instead.
fn same(name: &str, generated: &str) {
    // From where Cargo runs tests: a path that is compiled in would be that of another clone, where two share their build
    // directory.
    let path = Path::new("../../config").join(name);
    if std::env::vars().any(|(name, value)| name == "GODWIT_TEST_BLESS" && value == "1") {
        fs::write(&path, generated).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        published, generated,
        "config/{name} is out of date: run GODWIT_TEST_BLESS=1 cargo test -p godwit-config and read the diff"
    );
}
