use std::fs;

use super::support::{output, output_of, text};

/// A published file, from where Cargo runs tests: a path that is compiled in would be that of another clone, where two
/// share their build directory.
fn published(name: &str) -> String {
    fs::read_to_string(format!("../../config/{name}")).unwrap()
}

#[test]
fn the_version_is_name_and_number() {
    let output = output(&["--version"]);
    assert_eq!(output.status.code(), Some(0));
    let line = format!("godwit {}\n", env!("CARGO_PKG_VERSION"));
    assert_eq!(text(&output.stdout), line);
}

#[test]
fn help_is_an_answer() {
    let output = output(&["serve", "--help"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("--mount <NAME=PATH>"));
}

#[test]
fn example_and_schema_are_the_published_files() {
    let example = output(&["config", "example"]);
    assert_eq!(text(&example.stdout), published("godwit.example.toml"));
    let schema = output(&["config", "schema"]);
    assert_eq!(text(&schema.stdout), published("godwit.schema.json"));
}

#[test]
fn a_right_configuration_is_said_to_be_right() {
    let path = "../../config/godwit.example.toml";
    let output = output(&["config", "check", "--config", path]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(text(&output.stdout), "the configuration is valid\n");
}

#[test]
fn passwords_become_hashes_that_the_configuration_takes() {
    let hash = |input| output_of(&["hash-password"], input);
    let first = hash("correct horse\n");
    assert_eq!(first.status.code(), Some(0), "{first:?}");
    let line = text(&first.stdout);
    assert!(line.starts_with("$argon2id$v=19$"), "{line}");
    assert_ne!(
        hash("correct horse").stdout,
        first.stdout,
        "the salt is random"
    );
    assert_eq!(hash("").status.code(), Some(64));
    assert_eq!(hash("\n").status.code(), Some(64));

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("godwit.toml");
    let toml = format!("[users.ada]\npassword_hash = \"{}\"\n", line.trim_end());
    fs::write(&file, toml).unwrap();
    let output = output(&["config", "check", "--config", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
}
