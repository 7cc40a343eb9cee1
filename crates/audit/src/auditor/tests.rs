use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::time::Instant;

use tempfile::TempDir;

use super::*;
use crate::{Ended, Entry, Statement};

fn statement(number: usize) -> Event {
    Event::StatementStarted(Arc::new(Statement {
        query_id: number.to_string().into(),
        user: if number.is_multiple_of(2) {
            "even"
        } else {
            "odd"
        }
        .into(),
        session: None,
        kind: "query",
        sql: format!("select {number}").into(),
    }))
}

fn start(dir: &TempDir, change: impl FnOnce(&mut Audit)) -> Auditor {
    let mut config = Audit::default();
    change(&mut config);
    Auditor::start(&config, dir.path()).unwrap()
}

fn written(auditor: &Auditor) {
    assert!(auditor.wait_written(Duration::from_secs(20)));
}

fn ids(auditor: &Auditor, user: Option<&str>) -> Vec<String> {
    let entries = auditor.read(user.map(str::to_owned)).unwrap();
    let entries: Vec<Entry> = entries.map(Result::unwrap).collect();
    entries
        .into_iter()
        .map(|entry| entry.query_id.unwrap_or(entry.event))
        .collect()
}

fn down(from: usize, to: usize) -> Vec<String> {
    (to..=from).rev().map(|number| number.to_string()).collect()
}

fn files(dir: &TempDir) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir.path().join("audit")).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    let mut paths: Vec<_> = paths
        .filter(|path| path.extension().is_some_and(|end| end == "jsonl"))
        .collect();
    paths.sort();
    paths
}

/// Asks until it is so.
fn eventually(what: &str, is_so: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !is_so() {
        assert!(Instant::now() < deadline, "not in time: {what}");
        thread::yield_now();
    }
}

#[test]
fn events_come_back_newest_first_and_by_user() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = start(&dir, |_| {});
    for number in 0..3000 {
        auditor.record(statement(number));
    }
    assert_eq!(ids(&auditor, None), down(2999, 0));
    let odd = ids(&auditor, Some("odd"));
    assert_eq!((odd.len(), odd[0].as_str()), (1500, "2999"));
    assert!(ids(&auditor, Some("nobody")).is_empty());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.path().join("audit")), 0o700);
    assert_eq!(mode(&files(&dir)[0]), 0o600);
}

#[test]
fn times_never_go_back() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = start(&dir, |_| {});
    thread::scope(|scope| {
        for number in 0..4 {
            let auditor = &auditor;
            scope.spawn(move || (0..500).for_each(|_| auditor.record(statement(number))));
        }
    });
    let entries = auditor.read(None).unwrap().map(Result::unwrap);
    let times: Vec<i64> = entries.map(|entry| entry.time).collect();
    assert_eq!(times.len(), 2000);
    assert!(times.is_sorted_by(|later, earlier| later >= earlier));
}

#[test]
fn a_full_file_gives_way_and_the_oldest_goes() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = start(&dir, |config| {
        config.max_file_bytes = 1024;
        config.keep_files = 3;
    });
    for number in 0..200 {
        auditor.record(statement(number));
    }
    let found = ids(&auditor, None);
    assert_eq!(files(&dir).len(), 4);
    for path in files(&dir) {
        assert!(fs::metadata(path).unwrap().len() <= 1024);
    }
    assert!(found.len() < 40, "{}", found.len());
    assert_eq!(found, down(199, 200 - found.len()));
    // A line that no file has room for is a file of its own.
    let long = Statement {
        sql: "x".repeat(5000).into(),
        query_id: "long".into(),
        user: "even".into(),
        session: None,
        kind: "query",
    };
    auditor.record(Event::StatementEnded(long.into(), Ended::default()));
    auditor.record(statement(200));
    assert_eq!(ids(&auditor, None)[..3], ["200", "long", "199"]);
}

#[test]
fn an_old_file_gives_way() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = start(&dir, |config| {
        config.max_file_age = Some(Duration::from_millis(1));
    });
    for number in 0..3 {
        auditor.record(statement(number));
        written(&auditor);
        let since = Instant::now();
        eventually("a millisecond", || {
            since.elapsed() > Duration::from_millis(2)
        });
    }
    assert_eq!(files(&dir).len(), 3);
    assert_eq!(ids(&auditor, None), down(2, 0));
}

#[test]
fn a_torn_line_hides_no_other() {
    let dir = tempfile::tempdir().unwrap();
    start(&dir, |_| {}).record(statement(0));
    let path = files(&dir).remove(0);
    let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(br#"{"time":"2026-01-01T00:00:00Z","event":"statem"#)
        .unwrap();
    let auditor = start(&dir, |_| {});
    auditor.record(statement(1));
    assert_eq!(ids(&auditor, None), down(1, 0));
    assert_eq!(fs::read_to_string(path).unwrap().lines().count(), 3);
}

#[test]
fn a_directory_has_one_writer() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = start(&dir, |_| {});
    let why = Auditor::start(&Audit::default(), dir.path()).unwrap_err();
    assert!(why.to_string().contains("another godwit"), "{why}");
    drop(auditor);
    start(&dir, |_| {});
}

#[test]
fn nothing_is_lost_where_nothing_may_happen_unseen() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = start(&dir, |config| {
        config.on_failure = OnFailure::Refuse;
        config.max_file_bytes = 1024;
        config.queue_events = 5;
    });
    auditor.record(statement(0));
    written(&auditor);
    let path = dir.path().join("audit");
    let away = dir.path().join("away");
    fs::rename(&path, &away).unwrap();
    // The first file has room for some; then none can be made.
    for number in 1..40 {
        auditor.record(statement(number));
    }
    eventually("refused", || auditor.check() == Err(Error::Refused));
    assert!(!auditor.wait_written(Duration::from_millis(1)));
    fs::rename(&away, &path).unwrap();
    written(&auditor);
    assert_eq!(auditor.check(), Ok(()));
    assert_eq!(ids(&auditor, None), down(39, 0));
    assert_eq!(auditor.lost(), 0);
}

#[test]
fn what_is_lost_is_counted_where_it_is_missing() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = start(&dir, |config| {
        config.max_file_bytes = 1024;
        config.queue_events = 5;
    });
    auditor.record(statement(0));
    written(&auditor);
    let path = dir.path().join("audit");
    let away = dir.path().join("away");
    fs::rename(&path, &away).unwrap();
    let mut sent = 1;
    while auditor.lost() == 0 {
        auditor.record(statement(sent));
        sent += 1;
    }
    assert_eq!(auditor.check(), Ok(()));
    fs::rename(&away, &path).unwrap();
    written(&auditor);
    auditor.record(statement(sent));
    let found = ids(&auditor, None);
    assert_eq!(found[..2], [sent.to_string(), "lost".to_owned()]);
    assert_eq!(found[2..], down(sent - 2, 0));
    assert_eq!(auditor.lost(), 1);
}

#[test]
fn the_end_writes_what_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = start(&dir, |_| {});
    for number in 0..100 {
        auditor.record(statement(number));
    }
    auditor.close();
    let text = fs::read_to_string(&files(&dir)[0]).unwrap();
    assert_eq!(text.lines().count(), 100);
}

#[test]
fn readers_read_no_more_than_they_may() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = start(&dir, |config| config.table_bytes = 2000);
    for number in 0..1000 {
        auditor.record(statement(number));
    }
    let found = ids(&auditor, None);
    assert!((5..40).contains(&found.len()), "{}", found.len());
    assert_eq!(found, down(999, 1000 - found.len()));
}

#[test]
fn an_auditor_that_is_off_makes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let auditor = start(&dir, |config| config.enabled = false);
    auditor.record(statement(0));
    assert!(ids(&auditor, None).is_empty());
    assert!(!dir.path().join("audit").exists());
}
