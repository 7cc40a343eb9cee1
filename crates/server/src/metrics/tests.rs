use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::catalogue::{ALL, Kind, Metric, Unit};
use super::gather;
use super::page::{Page, Value};
use super::process::Process;

#[test]
fn names_are_unique_and_say_their_units() {
    let names: BTreeSet<String> = ALL.iter().map(|metric| metric.full_name()).collect();
    assert_eq!(names.len(), ALL.len());
    for metric in ALL {
        let name = metric.full_name();
        let plain = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        assert!(name.bytes().all(plain), "{name}");
        let known = name.starts_with("godwit_") || name.starts_with("process_");
        assert!(known, "{name}");
        assert!(!metric.help.ends_with('.'), "{name}: {}", metric.help);
        let is_time = metric.kind == Kind::Histogram;
        assert_eq!(
            is_time,
            is_time && metric.unit == Some(Unit::Seconds),
            "{name}"
        );
    }
}

#[test]
fn the_page_has_what_was_added_and_the_names_of_all() {
    let mut page = Page::new();
    gather::process(&mut page, &Process::default());
    gather::build(&mut page);
    page.add(&super::catalogue::CALLS, &["DoGet", "OK"], Value::Whole(3));
    let classes = Value::Classes {
        bounds: &[0.1, 1.0],
        counts: vec![2, 1],
        count: 4,
        sum: 12.5,
    };
    page.add(&super::catalogue::CALL_TIME, &["DoGet"], classes);
    let text = page.text();
    for line in [
        "# TYPE godwit_calls counter",
        r#"godwit_calls_total{method="DoGet",code="OK"} 3"#,
        "# UNIT godwit_call_duration_seconds seconds",
        r#"godwit_call_duration_seconds_bucket{le="0.1",method="DoGet"} 2"#,
        r#"godwit_call_duration_seconds_bucket{le="1.0",method="DoGet"} 3"#,
        r#"godwit_call_duration_seconds_bucket{le="+Inf",method="DoGet"} 4"#,
        r#"godwit_call_duration_seconds_sum{method="DoGet"} 12.5"#,
        r#"godwit_call_duration_seconds_count{method="DoGet"} 4"#,
        "# EOF",
    ] {
        assert!(text.lines().any(|said| said == line), "{line}\n{text}");
    }
    let build = format!(
        "godwit_build_info{{version=\"{}\",os=",
        env!("CARGO_PKG_VERSION")
    );
    assert!(text.contains(&build), "{text}");
    for metric in ALL {
        assert!(
            text.contains(&format!("# HELP {}", metric.name)),
            "{}",
            metric.name
        );
    }
}

/// docs/metrics.md is made of the catalogue; `GODWIT_TEST_BLESS=1` writes it.
#[test]
fn the_catalogue_is_documented() {
    let path = root().join("docs/metrics.md");
    let made = document();
    if std::env::vars().any(|(name, value)| name == "GODWIT_TEST_BLESS" && value == "1") {
        fs::write(&path, &made).unwrap();
    }
    let published = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        published, made,
        "docs/metrics.md is out of date: run the tests with GODWIT_TEST_BLESS=1 and read the diff"
    );
}

/// From where Cargo runs tests: a path that is compiled in would be that of another clone, where two share their build
/// directory.
fn root() -> &'static Path {
    Path::new("../..")
}

fn document() -> String {
    let mut text = String::from(
        "# Metrics\n\n\
         What `/metrics` on `http.listen` says, in the OpenMetrics text form that Prometheus reads. This page is made of the\n\
         catalogue in `crates/server/src/metrics/catalogue.rs`, and a test proves it. How to scrape is in\n\
         [operations.md](operations.md).\n\n\
         Numbers are counted since the server started. No label holds a statement or the name of a user, a table or a file.\n\n\
         | metric | kind | labels | what |\n| --- | --- | --- | --- |\n",
    );
    for metric in ALL {
        let _ = writeln!(text, "{}", row(metric));
    }
    text
}

fn row(metric: &Metric) -> String {
    let kind = format!("{:?}", metric.kind).to_lowercase();
    let labels: Vec<_> = metric
        .labels
        .iter()
        .map(|name| format!("`{name}`"))
        .collect();
    let (name, labels, help) = (metric.full_name(), labels.join(", "), metric.help);
    format!("| `{name}` | {kind} | {labels} | {help}. |")
}
