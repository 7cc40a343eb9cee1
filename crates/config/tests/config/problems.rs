use godwit_config::{Check, Origin, Sources, load_checked};

use super::support::Layers;

#[test]
fn all_problems_are_reported_at_once() {
    let problems = Layers::default()
        .file(
            r#"
listen = "localhost:8815"
data_dri = "/data"

[log]
formt = "json"
filter = ""

[query]
batch_rows = "many"
timeout = 30

[tls]
mode = "on"
"#,
        )
        .env("GODWIT_LOG_FORMAT", "jsno")
        .env("GODWIT_LOGFORMAT", "json")
        .flag("wire.message_bytes", "64MiB")
        .problems();
    assert_eq!(
        problems,
        [
            r#"godwit.toml:3: data_dri = "/data": unknown key; did you mean data_dir?"#,
            r#"godwit.toml:2: listen = "localhost:8815": must be an IP address and a port, such as "127.0.0.1:8815" or "[::1]:0""#,
            r#"godwit.toml:7: log.filter = "": must be a text that is not empty"#,
            r#"godwit.toml:6: log.formt = "json": unknown key; did you mean log.format?"#,
            r#"godwit.toml:10: query.batch_rows = "many": must be a whole number, from 1 to 1048576"#,
            r#"godwit.toml:11: query.timeout = 30: must be a duration such as "30s", "15m" or "12h", at most 365d"#,
            r#"godwit.toml:14: tls.mode = "on": must be "off", "files" or "auto""#,
            "environment variable GODWIT_LOGFORMAT: unknown variable; did you mean GODWIT_LOG_FORMAT?",
            r#"environment variable GODWIT_LOG_FORMAT: log.format = "jsno": must be "text" or "json""#,
            r#"flag --wire-message-bytes: wire.message_bytes = "64MiB": must be a size such as "64MiB" or "1MB", from 16KiB to 3900KiB"#,
        ]
    );
}

#[test]
fn a_problem_says_key_value_origin_and_what_is_allowed() {
    let problems = Layers::default()
        .env("GODWIT_QUERY_MAX_SQL_DEPTH", "9")
        .load()
        .unwrap_err();
    let [problem] = problems.0.as_slice() else {
        panic!("{problems}");
    };
    assert_eq!(problem.key, "query.max_sql_depth");
    assert_eq!(problem.value.as_deref(), Some("9"));
    let variable = "GODWIT_QUERY_MAX_SQL_DEPTH".to_owned();
    assert_eq!(problem.origin, Origin::Environment(variable));
    assert_eq!(problem.allowed, "must be a whole number, from 10 to 1000");
}

#[test]
fn a_named_file_must_exist() {
    let [problem] = &Layers::default().missing_file().problems()[..] else {
        panic!("one problem was expected");
    };
    assert!(
        problem.starts_with("no/such/godwit.toml: cannot be read: "),
        "{problem}"
    );
}

#[test]
fn a_file_that_is_not_toml_says_where() {
    let problems = Layers::default()
        .file("listen = \n[log]\nformat = \"json\nfilter = \"info\"\n")
        .env("GODWIT_SESSIONS_MAX", "none")
        .problems();
    assert!(
        problems[0].starts_with("godwit.toml:1: not TOML: "),
        "{problems:?}"
    );
    assert!(
        problems
            .iter()
            .any(|line| line.starts_with("godwit.toml:3: not TOML: ")),
        "{problems:?}"
    );
    // The other layers are reported all the same.
    assert!(
        problems.iter().any(|line| line.contains("sessions.max")),
        "{problems:?}"
    );
}

#[test]
fn sections_and_values_are_not_mixed_up() {
    let problems = Layers::default()
        .file("listen = { port = 1 }\nlog = \"json\"\nmounts = [\"/data\"]\n[users]\nada = \"secret\"\n[tls.files]\ncert = \"x\"")
        .problems();
    assert_eq!(
        problems,
        [
            r#"godwit.toml:1: listen = { port = 1 }: must be an IP address and a port, such as "127.0.0.1:8815" or "[::1]:0""#,
            r#"godwit.toml:2: log = "json": must be a section, [log]"#,
            r#"godwit.toml:3: mounts = ["/data"]: must be a section, [mounts]"#,
            "godwit.toml:6: tls.files: unknown key; known here: mode, cert_file, key_file, client_auth, client_ca, client_name, client_map, reload_interval, allow_plaintext_off_loopback",
            "godwit.toml:5: users.ada = (hidden): must be a section, [users.ada]",
        ]
    );
}

#[test]
fn a_key_in_the_wrong_section_is_found() {
    let problems = Layers::default().file("batch_rows = 1").problems();
    assert_eq!(
        problems,
        ["godwit.toml:1: batch_rows = 1: unknown key; did you mean query.batch_rows?"]
    );
}

#[test]
fn entries_need_their_required_keys() {
    let problems = Layers::default()
        .file("[users.ada]\n[mounts.sales]\nkind = \"tabel\"\nfromat = \"csv\"\ndelimiter = \"ä\"")
        .problems();
    assert_eq!(
        problems,
        [
            r#"godwit.toml:5: mounts.sales.delimiter = "ä": must be a single ASCII character"#,
            r#"godwit.toml:4: mounts.sales.fromat = "csv": unknown key; did you mean mounts.sales.format?"#,
            r#"godwit.toml:3: mounts.sales.kind = "tabel": must be "auto", "table" or "schema""#,
            "godwit.toml:2: mounts.sales.path: missing; the key is required",
            "godwit.toml:1: users.ada.password_hash: missing; the key is required",
        ]
    );
}

#[test]
fn mounts_in_flags_and_environment() {
    let problems = Layers::default()
        .env("GODWIT_MOUNTS", "sales")
        .flag("mounts", "=/x")
        .flag("mounts", "b=")
        .flag("mounts", "c=/1")
        .flag("mounts", "c=/2")
        .problems();
    assert_eq!(
        problems,
        [
            r#"environment variable GODWIT_MOUNTS: mounts = "sales": must be NAME=PATH"#,
            r#"flag --mounts: mounts.b.path = "": must be a text that is not empty"#,
            r#"flag --mounts: mounts = "c=/2": given twice"#,
            r#"flag --mounts: mounts."": the name must be an SQL identifier in lower case: a letter or _, then letters, digits and _, at most 63"#,
        ]
    );
}

#[test]
fn values_are_shown_on_one_line_and_shortened() {
    let long = format!("a\nb{}", "c".repeat(500));
    let problems = Layers::default().flag("log.format", &long).problems();
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains(r#""a\nbccc"#), "{problems:?}");
    assert!(problems[0].len() < 200, "{problems:?}");
}

#[test]
fn sections_of_the_file_cannot_be_set_by_variables() {
    let problems = Layers::default()
        .env("GODWIT_USERS_ADA_PASSWORD_HASH", "x")
        .problems();
    assert_eq!(
        problems,
        [
            "environment variable GODWIT_USERS_ADA_PASSWORD_HASH: unknown variable; the section users is for the file"
        ]
    );
}

#[test]
fn a_rule_of_the_caller_is_reported_among_the_others() {
    let sources = Sources {
        env: vec![
            ("GODWIT_LOG_FILTER".to_owned(), "loud".to_owned()),
            ("GODWIT_LOG_FORMAT".to_owned(), "loud".to_owned()),
        ],
        ..Sources::default()
    };
    let check = Check {
        key: "log.filter",
        rule: |text| {
            if text == "info" {
                Ok(())
            } else {
                Err("must be info".to_owned())
            }
        },
    };
    let problems = load_checked(&sources, &[check]).unwrap_err().to_string();
    assert_eq!(
        problems,
        "environment variable GODWIT_LOG_FILTER: log.filter = \"loud\": must be info\n\
         environment variable GODWIT_LOG_FORMAT: log.format = \"loud\": must be \"text\" or \"json\""
    );
}
