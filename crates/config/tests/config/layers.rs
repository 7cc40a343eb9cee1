use std::path::Path;
use std::time::Duration;

use godwit_config::{AuthMode, LogFormat, MountFormat, MountKind, TlsMode};

use super::support::{HASH, Layers};

#[test]
fn nothing_given_is_the_documented_default() {
    let config = Layers::default().config();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8815");
    assert_eq!(config.data_dir, Path::new("godwit-data"));
    assert_eq!(config.spill_dir(), Path::new("godwit-data/spill"));
    assert_eq!(config.auth.mode, AuthMode::Password);
    assert_eq!(config.auth.token_ttl, Duration::from_hours(12));
    assert_eq!(config.tls.mode, TlsMode::Off);
    assert_eq!(config.query.timeout, None);
    assert_eq!(config.query.target_partitions, None);
    assert_eq!(config.query.max_sql_bytes, 1_000_000);
    assert_eq!(config.memory.spill_limit, 20 << 30);
    assert!(config.memory.limit >= 16 << 20);
    assert_eq!(config.wire.message_bytes, 2 << 20);
}

#[test]
fn later_layers_win() {
    let file = Layers::default().file(
        "listen = \"127.0.0.1:1\"\n[query]\nbatch_rows = 1\n[log]\nformat = \"json\"\nfilter = \"warn\"",
    );
    let config = file.config();
    assert_eq!(config.listen.port(), 1);
    assert_eq!(config.log.format, LogFormat::Json);

    let env = file
        .env("GODWIT_LISTEN", "127.0.0.1:2")
        .env("GODWIT_QUERY_BATCH_ROWS", "2")
        .env("GODWIT_LOG_FILTER", "error");
    let config = env.config();
    assert_eq!(config.listen.port(), 2);
    assert_eq!(config.query.batch_rows, 2);

    let config = env.flag("listen", "127.0.0.1:3").config();
    assert_eq!(config.listen.port(), 3);
    assert_eq!(config.query.batch_rows, 2);
    assert_eq!(config.log.filter, "error");
    assert_eq!(config.log.format, LogFormat::Json);
}

#[test]
fn every_form_of_a_value() {
    let config = Layers::default()
        .file(
            r#"
            listen = "[::1]:0"
            [query]
            timeout = "1h 30m"
            target_partitions = 4
            worker_threads = "auto"
            max_sql_bytes = 2000
            [memory]
            limit = "512MiB"
            [tls]
            mode = "auto"
            allow_plaintext_off_loopback = true
            [auth]
            login_cache_ttl = "0s"
            "#,
        )
        .env("GODWIT_MEMORY_SPILL_LIMIT", "1GB")
        .env("GODWIT_WIRE_MAX_REQUEST_BYTES", "1048576")
        .env("GODWIT_TLS_ALLOW_PLAINTEXT_OFF_LOOPBACK", "false")
        .env("GODWIT_ADMIN_USER", "root")
        .env("GODWIT_ADMIN_PASSWORD", "hunter2")
        .config();
    assert!(config.listen.is_ipv6());
    assert_eq!(config.query.timeout, Some(Duration::from_mins(90)));
    assert_eq!(config.query.target_partitions, Some(4));
    assert_eq!(config.query.worker_threads, None);
    assert_eq!(config.query.max_sql_bytes, 2000);
    assert_eq!(config.memory.limit, 512 << 20);
    assert_eq!(config.memory.spill_limit, 1_000_000_000);
    assert_eq!(config.wire.max_request_bytes, 1 << 20);
    assert_eq!(config.auth.login_cache_ttl, Duration::ZERO);
    assert!(!config.tls.allow_plaintext_off_loopback);
    assert_eq!(config.admin.user.as_deref(), Some("root"));
    assert_eq!(config.admin.password.unwrap().expose(), "hunter2");
}

#[test]
fn mounts_from_every_layer() {
    let config = Layers::default()
        .file(
            r#"
            [mounts]
            sales = "/data/sales"
            [mounts.trips]
            path = "/data/trips/*.csv.gz"
            kind = "table"
            format = "csv"
            header = false
            delimiter = ";"
            "#,
        )
        .env("GODWIT_MOUNTS", "events=/e,logs=/l")
        .flag("mounts", "logs=/other=place, with a comma")
        .config();
    assert_eq!(config.mounts.len(), 4);
    assert_eq!(config.mounts["sales"].path, Path::new("/data/sales"));
    assert_eq!(config.mounts["sales"].kind, MountKind::Auto);
    assert!(config.mounts["sales"].header);
    let trips = &config.mounts["trips"];
    assert_eq!(trips.kind, MountKind::Table);
    assert_eq!(trips.format, MountFormat::Csv);
    assert_eq!((trips.header, trips.delimiter), (false, ';'));
    assert_eq!(config.mounts["events"].path, Path::new("/e"));
    let logs = Path::new("/other=place, with a comma");
    assert_eq!(config.mounts["logs"].path, logs);
}

#[test]
fn users_keep_their_names() {
    let toml = format!(
        "[users.ada]\npassword_hash = \"{HASH}\"\n[users.\"grace.hopper@navy\"]\npassword_hash = \"{HASH}\""
    );
    let config = Layers::default().file(&toml).config();
    assert_eq!(
        config.users["grace.hopper@navy"].password_hash.expose(),
        HASH
    );
    assert_eq!(config.users.len(), 2);
}

#[test]
fn other_variables_are_none_of_ours() {
    Layers::default()
        .env("GODWITLISTEN", "x")
        .env("LISTEN", "x")
        .env("GODWIT_TEST_BLESS", "0")
        .env("GODWIT_BENCH_ROWS", "x")
        .config();
}

#[test]
fn issuers_have_their_defaults_and_keep_their_names() {
    let config = Layers::default()
        .file(
            r#"
            [auth.issuers.sso]
            issuer = "https://login.example.com"
            audience = ["godwit"]
            [auth.issuers.CI-2]
            issuer = "http://[::1]:8080/ci"
            audience = ["godwit", "other"]
            jwks_url = "http://localhost:8080/keys?all=1"
            algorithms = ["ES256"]
            user_claim = "preferred_username"
            user_prefix = ""
            roles_claim = "realm_access.roles"
            clock_skew = "0s"
            [auth.issuers.CI-2.role_map]
            "data analyst" = "reader"
            ops = "admin"
            "#,
        )
        .config();
    let sso = &config.auth.issuers["sso"];
    assert_eq!(sso.user_claim, "sub");
    assert_eq!(sso.algorithms.len(), 9);
    assert_eq!((&sso.user_prefix, &sso.jwks_url), (&None, &None));
    assert_eq!(sso.clock_skew, Duration::from_secs(30));
    assert_eq!(sso.max_fetch_bytes, 256 << 10);
    let ci = &config.auth.issuers["CI-2"];
    assert_eq!(ci.user_prefix.as_deref(), Some(""));
    assert_eq!(ci.role_map["data analyst"], "reader");
    assert_eq!(ci.audience.len(), 2);
}
