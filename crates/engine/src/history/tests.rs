use std::fs;

use tempfile::TempDir;

use super::*;

fn history(dir: &TempDir, change: impl FnOnce(&mut Config)) -> History {
    let mut config = Config {
        data_dir: dir.path().to_owned(),
        ..Config::default()
    };
    change(&mut config);
    History::start(&config).unwrap()
}

fn ended(name: &str, ago: Duration) -> Entry {
    let ago = i64::try_from(ago.as_micros()).unwrap();
    Entry {
        known: Known {
            query_id: name.to_owned(),
            user: "ada".to_owned(),
            state: "finished".to_owned(),
            ..Known::default()
        },
        ended: Utc::now().timestamp_micros() - ago,
        ..Entry::default()
    }
}

fn names(history: &History) -> Vec<String> {
    let entries = history.of_user(None);
    entries
        .iter()
        .map(|entry| entry.known.query_id.clone())
        .collect()
}

#[test]
fn the_newest_are_known_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let first = history(&dir, |config| config.history.max_rows = 3);
    for at in 0..8 {
        first.add(ended(&at.to_string(), Duration::ZERO));
    }
    assert_eq!(names(&first), ["7", "6", "5"]);
    assert!(first.of_user(Some("bob")).is_empty());
    first.close();
    let lines = |name: &str| {
        let text = fs::read_to_string(dir.path().join("history").join(name)).unwrap();
        text.lines().count()
    };
    assert_eq!((lines("queries.jsonl"), lines("queries.1.jsonl")), (2, 3));
    let second = history(&dir, |config| config.history.max_rows = 3);
    assert_eq!(names(&second), ["7", "6", "5"]);
    second.add(ended("8", Duration::ZERO));
    assert_eq!(names(&second), ["8", "7", "6"]);
}

#[test]
fn a_torn_end_costs_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let first = history(&dir, |_| {});
    first.add(ended("a", Duration::ZERO));
    first.add(ended("b", Duration::ZERO));
    first.close();
    let path = dir.path().join("history/queries.jsonl");
    let text = fs::read(&path).unwrap();
    fs::write(&path, &text[..text.len() - 20]).unwrap();
    let second = history(&dir, |_| {});
    assert_eq!(names(&second), ["a"]);
    second.add(ended("c", Duration::ZERO));
    second.close();
    assert_eq!(names(&history(&dir, |_| {})), ["c", "a"]);
}

#[test]
fn what_is_old_or_too_much_is_forgotten() {
    let dir = tempfile::tempdir().unwrap();
    let first = history(&dir, |config| {
        config.history.max_age = Duration::from_hours(1)
    });
    first.add(ended("old", Duration::from_hours(2)));
    first.add(ended("new", Duration::ZERO));
    assert_eq!(names(&first), ["new"]);
    first.close();
    let is_there = |name: &str| dir.path().join("history").join(name).exists();
    assert!(
        is_there("queries.1.jsonl"),
        "the old one goes with its file"
    );
    let second = history(&dir, |config| config.history.max_bytes = 2000);
    let long = Entry {
        plan: Some("x".repeat(1500)),
        ..ended("long", Duration::ZERO)
    };
    second.add(long.clone());
    second.add(long);
    assert_eq!(names(&second), ["long"]);
}

#[test]
fn nothing_is_kept_where_nothing_is_wanted() {
    let dir = tempfile::tempdir().unwrap();
    let none = history(&dir, |config| config.history.max_rows = 0);
    none.add(ended("a", Duration::ZERO));
    assert!(names(&none).is_empty());
    assert!(!dir.path().join("history").exists());
}
