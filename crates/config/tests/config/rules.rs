use super::support::{HASH, Layers};

/// What an operator sees when the file breaks exactly one rule.
fn only(file: &str) -> String {
    let problems = Layers::default().file(file).problems();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    problems.concat()
}

#[test]
fn off_loopback_needs_tls_or_so_many_words() {
    let problem = only("listen = \"0.0.0.0:8815\"");
    assert!(
        problem.contains("listen = \"0.0.0.0:8815\": must be a loopback address unless TLS is on")
    );
    for file in [
        "listen = \"0.0.0.0:8815\"\n[tls]\nallow_plaintext_off_loopback = true",
        "listen = \"[::]:8815\"\n[tls]\nmode = \"auto\"",
        "listen = \"127.0.0.2:8815\"",
        "listen = \"[::ffff:127.0.0.1]:8815\"",
    ] {
        Layers::default().file(file).config();
    }
}

#[test]
fn no_authentication_only_on_loopback() {
    Layers::default().file("[auth]\nmode = \"off\"").config();
    let problem = only("listen = \"10.0.0.1:1\"\n[auth]\nmode = \"off\"\n[tls]\nmode = \"auto\"");
    assert!(problem.contains("while auth.mode is \"off\""), "{problem}");
}

#[test]
fn a_rule_waits_for_its_keys() {
    let problem = only("listen = \"0.0.0.0:8815\"\n[tls]\nmode = \"fils\"");
    assert!(problem.contains("tls.mode"), "{problem}");
}

#[test]
fn certificate_files() {
    let problems = Layers::default()
        .file("[tls]\nmode = \"files\"\ncert_file = \"no/such.pem\"")
        .problems();
    assert!(problems[0].starts_with(
        "godwit.toml:3: tls.cert_file = \"no/such.pem\": must be a file that can be read"
    ));
    assert_eq!(
        problems[1],
        "default: tls.key_file: missing; tls.mode \"files\" needs it"
    );
    let forgotten = only("[tls]\ncert_file = \"Cargo.toml\"");
    assert!(
        forgotten.contains("is only read when tls.mode is \"files\""),
        "{forgotten}"
    );
    Layers::default()
        .file("[tls]\nmode = \"off\"\ncert_file = \"Cargo.toml\"")
        .config();
    Layers::default()
        .file("[tls]\nmode = \"files\"\ncert_file = \"Cargo.toml\"\nkey_file = \"Cargo.toml\"")
        .config();
}

#[test]
fn the_admin_has_one_password() {
    let problems = Layers::default()
        .file("[admin]\npassword_file = \"Cargo.toml\"")
        .env("GODWIT_ADMIN_PASSWORD", "hunter2")
        .problems();
    assert_eq!(
        problems,
        [
            "godwit.toml:2: admin.password_file = \"Cargo.toml\": must not be set together with the environment variable GODWIT_ADMIN_PASSWORD"
        ]
    );
    let problem = only("[admin]\npassword_file = \"src\"");
    assert!(problem.contains("not a directory"), "{problem}");
    let problem = only(&format!(
        "[admin]\nuser = \"ada\"\n[users.ada]\npassword_hash = \"{HASH}\""
    ));
    assert!(
        problem.contains("admin.user = \"ada\": must not be a name of the section users"),
        "{problem}"
    );
}

#[test]
fn names_of_users() {
    for name in ["a:b", "", " a", "a\\nb"] {
        let problem = only(&format!("[users.\"{name}\"]\npassword_hash = \"{HASH}\""));
        assert!(
            problem.contains("the name must be 1 to 128 bytes"),
            "{problem}"
        );
    }
}

#[test]
fn hashes_are_argon2id_and_never_shown() {
    for hash in [
        "hunter2",
        "$argon2i$v=19$m=1,t=1,p=1$c29tZSBzYWx0IDE2Qg$PZtICKp4kOGR8vd21ACm1sHZlvT3zSee",
        "$argon2id$v=19$m=1,t=1$c29tZSBzYWx0IDE2Qg$PZtICKp4kOGR8vd21ACm1sHZlvT3zSee",
        "$argon2id$v=19$m=1,t=0,p=1$c29tZSBzYWx0IDE2Qg$PZtICKp4kOGR8vd21ACm1sHZlvT3zSee",
        "$2b$12$abcdefghijklmnopqrstuv",
    ] {
        let problem = only(&format!("[users.ada]\npassword_hash = \"{hash}\""));
        assert!(
            problem.contains("users.ada.password_hash = (hidden): must be an Argon2id hash"),
            "{problem}"
        );
    }
}

#[test]
fn names_of_mounts() {
    for name in ["Sales", "1st", "a-b", "\"a b\"", "\"\""] {
        let problem = only(&format!("[mounts]\n{name} = \"/x\""));
        assert!(
            problem.contains("the name must be an SQL identifier"),
            "{problem}"
        );
    }
    for name in [
        "main",
        "files",
        "temp",
        "system",
        "information_schema",
        "godwit",
    ] {
        let problem = only(&format!("[mounts]\n{name} = \"/x\""));
        assert!(problem.contains("the name must not be one of"), "{problem}");
    }
}

#[test]
fn limits_fit_each_other() {
    let problem = only("[sessions]\nmax = 5\nmax_per_user = 6");
    assert!(
        problem.contains("must be at most sessions.max, which is 5"),
        "{problem}"
    );
    Layers::default().file("[sessions]\nmax = 5").config();
    let problem = only("[query]\nmax_sql_bytes = \"2MB\"\n[wire]\nmax_request_bytes = \"1MB\"");
    assert!(problem.contains("query.max_sql_bytes"), "{problem}");
}

#[test]
fn copies_go_to_directories_and_buckets() {
    for (file, allowed) in [
        (
            "allowed = [\"out\"]",
            "must be absolute paths of directories, or s3://BUCKET/PREFIX, without '..'; \"out\" is none",
        ),
        (
            "allowed = [\"s3://bucket/a/../b\"]",
            "\"s3://bucket/a/../b\" is none",
        ),
        (
            "allowed = [\"/out\", \"https://bucket/a\"]",
            "\"https://bucket/a\" is none",
        ),
        (
            "s3_endpoint = \"http://h:1\"",
            "or with http:// where copy.s3_allow_http is true",
        ),
        (
            "s3_access_key_id = \"a\"",
            "copy.s3_secret_access_key: missing",
        ),
        (
            "s3_secret_access_key = \"hunter2\"",
            "copy.s3_access_key_id: missing",
        ),
    ] {
        let problem = only(&format!("[copy]\n{file}"));
        assert!(problem.contains(allowed), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    let config = Layers::default()
        .file("[copy]\nallowed = [\"/out\", \"s3://bucket/out/\"]\ns3_access_key_id = \"a\"")
        .env("GODWIT_COPY_S3_SECRET_ACCESS_KEY", "hunter2")
        .config();
    assert_eq!(config.copy.allowed.len(), 2);
    let secret = config.copy.s3_secret_access_key.as_ref();
    assert_eq!(secret.map(|secret| secret.expose()), Some("hunter2"));
    assert!(!format!("{config:?}").contains("hunter2"));
}

#[test]
fn the_lake_has_a_place_and_a_catalog() {
    for (file, allowed) in [
        (
            "catalog = \"mysql://h/d\"",
            "lake.catalog = (hidden): must be a URL such as postgres://",
        ),
        (
            "catalog = \"postgres://h/d?sslmode=allow\"",
            "with sslmode disable, prefer or require",
        ),
        (
            "data = \"lake\"",
            "lake.data = \"lake\": must be the absolute path of a directory, or s3://",
        ),
        (
            "s3_endpoint = \"http://h:1\"",
            "or with http:// where lake.s3_allow_http is true",
        ),
        (
            "s3_endpoint = \"h:1\"\ns3_allow_http = true",
            "must be a URL that begins with https://",
        ),
        (
            "s3_access_key_id = \"a\"",
            "lake.s3_secret_access_key: missing",
        ),
        (
            "s3_secret_access_key = \"hunter2\"",
            "lake.s3_access_key_id: missing",
        ),
        (
            "inline_rows = 100001",
            "must be a whole number, from 0 to 100000",
        ),
        ("target_file_bytes = \"1KiB\"", "from 1MiB to 16GiB"),
        (
            "compression = \"gzip\"",
            "must be \"zstd\", \"snappy\", \"lz4\" or \"none\"",
        ),
    ] {
        let problem = only(&format!("[lake]\n{file}"));
        assert!(problem.contains(allowed), "{problem}");
        assert!(!problem.contains("hunter2"), "{problem}");
    }
    let config = Layers::default()
        .file(
            "[lake]\ncatalog = \"postgresql://u:hunter2@h/d?sslmode=require\"\ndata = \"s3://b/p\"\n\
             s3_endpoint = \"http://h:1\"\ns3_allow_http = true\nsnapshot_retention = \"7d\"\nmaintenance_interval = \"0s\"",
        )
        .config();
    assert_eq!(config.lake.maintenance_interval, None);
    assert!(config.lake.snapshot_retention.is_some());
    assert!(!format!("{config:?}").contains("hunter2"));
}
