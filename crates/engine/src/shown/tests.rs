use super::*;

fn shown(literals: bool, sql: &str) -> String {
    let redaction = Redaction {
        literals,
        max_bytes: 200,
    };
    redaction.show(&Arc::from(sql)).text.to_string()
}

#[test]
fn literals_and_comments_go_where_that_is_asked_for() {
    for (sql, text) in [
        ("select 'a''b', 1.5e3, x'ff' -- note", "select ?, ?, ?  "),
        (
            "select \"a 1\" /* 'x' */ from t1 where b = -2",
            "select \"a 1\"   from t1 where b = -?",
        ),
        (
            "select $1, ?, e'\\n', n'x', $$y$$, true",
            "select $1, ?, ?, ?, ?, true",
        ),
        (
            "insert into t values (1, 'x')",
            "insert into t values (?, ?)",
        ),
        ("select 1, 'open", "select ?, …"),
        ("select a /* open", "select a …"),
    ] {
        assert_eq!(shown(true, sql).trim_end(), text.trim_end(), "{sql}");
    }
    assert_eq!(shown(false, "select 'a' -- b"), "select 'a' -- b");
    assert_eq!(shown(false, "select 'a"), "select 'a");
}

#[test]
fn passwords_always_go() {
    for (sql, text) in [
        (
            "create user ada password 'hunter2'",
            "create user ada password ?",
        ),
        (
            "CREATE OR REPLACE USER \"a b\" PASSWORD 'hunter2' VALID UNTIL '2030'",
            "CREATE OR REPLACE USER \"a b\" PASSWORD ? VALID UNTIL ?",
        ),
        (
            "alter user if exists ada with password 'hunter2' disable;",
            "alter user if exists ada with password ? disable;",
        ),
        (
            "alter user ada password hunter2",
            "alter user ada password ?",
        ),
        ("create user ada pasword hunter2", "create user ada ? ?"),
        (
            "create user ada password 'hunter2",
            "create user ada password …",
        ),
        (
            "create user ada password 'it's hunter2'",
            "create user ada password ?? ?…",
        ),
        (
            "create /* hunter2 */ user ada password/**/'hunter2'",
            "create   user ada password ?",
        ),
        (
            "create user ada identified by 'hunter2'",
            "create user ada identified by ?",
        ),
        (
            "craete user ada password \"hunter2\"",
            "craete user ada password ?",
        ),
        (
            "alter role ada password 'hunter2'",
            "alter role ada password ?",
        ),
        (
            "explain create user ada password $x$hunter2$x$",
            "explain create user ada password ?",
        ),
        (
            "select 1; create user ada password 'hunter2'",
            "select ?; create user ada password ?",
        ),
        (
            "update users set password = 'hunter2' where id = 7",
            "update users set password = ? where id = ?",
        ),
        ("set password = 'hunter2'", "set password = ?"),
        ("drop user ada -- Password: hunter2", "drop user ada  "),
        ("select 1 /* password 'hunter2'", "select ? …"),
    ] {
        assert_eq!(shown(false, sql), text);
        assert!(!shown(true, sql).contains("hunter2"), "{sql}");
    }
    assert_eq!(shown(false, "select 'users'"), "select 'users'");
    assert_eq!(shown(false, "drop user ada"), "drop user ada");
}

#[test]
fn long_texts_are_cut() {
    let long = format!("select '{}'", "é".repeat(200));
    let text = shown(false, &long);
    assert!(text.len() < 210 && text.ends_with("é…"), "{text}");
    assert_eq!(shown(true, &long), "select …");
}

#[test]
fn messages_lose_passwords() {
    let redaction = Redaction {
        literals: false,
        max_bytes: 200,
    };
    for sql in [
        "create user ada password hunter2",
        "create user ada password 'hunter2'",
        "create user ada password 'hunter2",
    ] {
        let shown = redaction.show(&Arc::from(sql));
        let quoted = sql.rsplit(' ').next().unwrap();
        let error = Error::syntax(format!("found: {quoted} at Line: 1, Column: 26"));
        let message = shown.scrub(error).to_string();
        assert!(!message.contains("hunter2"), "{message}");
        assert!(message.contains("Line: "), "{message}");
    }
    let plain = redaction.show(&Arc::from("select x"));
    let message = plain.scrub(Error::syntax("found: x")).to_string();
    assert_eq!(message, "found: x");
}
