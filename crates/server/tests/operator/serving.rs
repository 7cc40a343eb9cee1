use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::support::{Server, output, text};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn a_server_says_where_it_is_and_stops_at_a_signal() {
    let root = tempfile::tempdir().unwrap();
    let data_dir = root.path().join("data");
    for signal in ["TERM", "INT"] {
        let mut server = Server::start(&data_dir, &[]);
        let line = server.ready();
        let address = line.strip_prefix("godwit ready flight=grpc://").unwrap();
        TcpStream::connect(address).unwrap();
        assert_eq!(mode(&data_dir), 0o700);
        let (code, stdout, _) = server.end(signal);
        assert_eq!(code, Some(0));
        assert_eq!(stdout, "", "one line on standard output, not more");
    }
}

#[test]
fn the_first_password_is_shown_once() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Server::start(root.path(), &["--log-format", "json"]);
    server.ready();
    let (_, _, first) = server.end("TERM");
    let shown = "first start: created user \"admin\" with password \"";
    assert_eq!(first.matches(shown).count(), 1, "{first}");
    assert!(first.contains("\" (shown only this once)\n"), "{first}");
    let mut server = Server::start(root.path(), &["--log-format", "json"]);
    server.ready();
    let (_, _, second) = server.end("TERM");
    assert!(!second.contains("password"), "{second}");
    for line in second.lines() {
        assert!(line.starts_with('{') && line.ends_with('}'), "{line}");
    }
}

#[test]
fn a_data_directory_has_one_server() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Server::start(root.path(), &[]);
    server.ready();
    let data_dir = root.path().to_str().unwrap();
    let second = output(&["serve", "--listen", "127.0.0.1:0", "--data-dir", data_dir]);
    assert_eq!(second.status.code(), Some(73), "{second:?}");
    assert!(
        text(&second.stderr).contains("another godwit is running"),
        "{second:?}"
    );
    assert_eq!(server.end("TERM").0, Some(0));
}

#[test]
fn a_closed_standard_output_stops_nothing() {
    let root = tempfile::tempdir().unwrap();
    let mut server = Server::start(root.path(), &[]);
    server.close_stdout();
    let line = server.stderr_line("serving");
    assert!(line.contains("127.0.0.1:"), "{line}");
    assert_eq!(server.end("TERM").0, Some(0));
}

#[test]
fn a_certificate_of_its_own() {
    let root = tempfile::tempdir().unwrap();
    let fingerprint = || {
        let mut server = Server::start(root.path(), &["--tls-mode", "auto"]);
        let line = server.stderr_line("sha256 fingerprint");
        assert!(
            server
                .ready()
                .starts_with("godwit ready flight=grpc+tls://127.0.0.1:")
        );
        assert_eq!(server.end("TERM").0, Some(0));
        line
    };
    let first = fingerprint();
    assert_eq!(first, fingerprint(), "the certificate is kept");
    assert_eq!(mode(&root.path().join("tls/key.pem")), 0o600);
}

#[test]
fn loopback_of_version_6_is_written_in_brackets() {
    // Not every machine has it.
    if std::net::TcpListener::bind("[::1]:0").is_ok() {
        let root = tempfile::tempdir().unwrap();
        let config = root.path().join("godwit.toml");
        fs::write(&config, "[shutdown]\ngrace = \"1s\"\n").unwrap();
        let config = config.to_str().unwrap().to_owned();
        let mut server = Server::start_on("[::1]:0", root.path(), &["--config", &config]);
        assert!(
            server
                .ready()
                .starts_with("godwit ready flight=grpc://[::1]:")
        );
        assert_eq!(server.end("TERM").0, Some(0));
    }
}
