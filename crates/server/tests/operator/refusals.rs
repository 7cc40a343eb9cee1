use std::fs;
use std::net::TcpListener;

use super::support::{godwit, output, text};

#[test]
fn all_mistakes_are_reported_with_code_64() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("godwit.toml");
    fs::write(&file, "[log]\nformt = \"json\"\n[query]\nbatch_rows = 0\n").unwrap();
    for command in [&["config", "check"][..], &["serve"], &["demo"]] {
        let output = godwit(command)
            .args(["--config", file.to_str().unwrap()])
            .args(["--listen", "nowhere", "--log-filter", "info,x=loud"])
            .args(["--mount", "main=/x"])
            .env("GODWIT_TLS_MODE", "on")
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(64), "{output:?}");
        assert_eq!(text(&output.stdout), "");
        let lines = text(&output.stderr);
        for part in [
            "godwit.toml:2: log.formt = \"json\": unknown key; did you mean log.format?",
            "godwit.toml:4: query.batch_rows = 0: must be a whole number, from 1 to 1048576",
            "environment variable GODWIT_TLS_MODE: tls.mode = \"on\": must be \"off\", \"files\" or \"auto\"",
            "flag --listen: listen = \"nowhere\": must be an IP address and a port",
            "flag --log-filter: log.filter = \"info,x=loud\": must be a level",
            "flag --mount: mounts.main: the name must not be one of",
        ] {
            assert!(lines.contains(part), "{part:?} is missing: {lines}");
        }
        assert_eq!(lines.lines().count(), 6, "{lines}");
    }
}

#[test]
fn unknown_flags_and_commands_are_mistakes_too() {
    for arguments in [&["serve", "--colour"][..], &["dance"], &[]] {
        assert_eq!(output(arguments).status.code(), Some(64), "{arguments:?}");
    }
}

#[test]
fn certificates_are_checked_before_anything_else_happens() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("cert.pem"), "not a certificate").unwrap();
    let (cert, key, data) = (path("cert.pem"), path("key.pem"), path("data"));
    let tls = [
        "--tls-mode",
        "files",
        "--tls-cert-file",
        &cert,
        "--tls-key-file",
        &key,
    ];
    for command in [&["config", "check"][..], &["serve", "--data-dir", &data]] {
        fs::remove_file(&key).ok();
        let arguments = [command, &tls[..]].concat();
        let missing = output(&arguments);
        assert_eq!(missing.status.code(), Some(64), "{missing:?}");
        assert!(
            text(&missing.stderr).contains("tls.key_file"),
            "{missing:?}"
        );

        fs::write(&key, "not a key").unwrap();
        let broken = output(&arguments);
        assert_eq!(broken.status.code(), Some(64), "{broken:?}");
        let line = text(&broken.stderr);
        assert!(
            line.contains("cert.pem: holds no certificate in PEM form"),
            "{line}"
        );
    }
}

#[test]
fn an_address_that_is_taken_is_code_74() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().to_str().unwrap();
    let output = output(&["serve", "--listen", &address, "--data-dir", data]);
    assert_eq!(output.status.code(), Some(74), "{output:?}");
    let line = format!("cannot listen on {address}: ");
    assert!(text(&output.stderr).contains(&line), "{output:?}");
}

#[test]
fn a_data_directory_that_cannot_be_made_is_code_73() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    let data = file.join("data").to_str().unwrap().to_owned();
    let output = output(&["serve", "--listen", "127.0.0.1:0", "--data-dir", &data]);
    assert_eq!(output.status.code(), Some(73), "{output:?}");
    assert!(text(&output.stderr).contains(&data), "{output:?}");
}

#[test]
fn a_demo_refuses_a_wrong_scale() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data").to_str().unwrap().to_owned();
    let output = output(&["demo", "--data-dir", &data, "--scale", "huge"]);
    assert_eq!(output.status.code(), Some(64), "{output:?}");
    assert!(text(&output.stderr).contains("--scale"), "{output:?}");
    assert!(!dir.path().join("data").exists());
}
