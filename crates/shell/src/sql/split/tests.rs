use super::*;

fn split(lines: &[&str]) -> (Vec<String>, Option<String>) {
    let mut splitter = Splitter::default();
    let mut all = Vec::new();
    for line in lines {
        splitter.push(line);
        while let Some(statement) = splitter.next() {
            all.push(statement);
        }
    }
    (all, splitter.rest())
}

#[test]
fn statements_end_with_semicolons_outside_of_quotes_and_comments() {
    let (all, rest) = split(&[
        "select ';' as a; select\n",
        "  \"x;\" -- not; here\n",
        "  /* nor;\n",
        "  here */ from $$;\n",
        "$$;;\n",
        ";-- nothing\n",
        "select 3",
    ]);
    assert_eq!(
        all,
        [
            "select ';' as a",
            "select\n  \"x;\" -- not; here\n  /* nor;\n  here */ from $$;\n$$"
        ]
    );
    assert_eq!(
        rest.as_deref().map(|rest| rest.lines().last()),
        Some(Some("select 3"))
    );
}

#[test]
fn comments_alone_are_nothing() {
    let (all, rest) = split(&["-- a\n", "/* b */ ; ;\n"]);
    assert_eq!((all.len(), rest), (0, None));
}

#[test]
fn an_open_statement_is_open() {
    for (text, open) in [
        ("select 1", true),
        ("select 1;", false),
        ("-- a\n", false),
        ("-- a", true),
        ("'", true),
        ("/* a", true),
        ("  ", false),
    ] {
        let mut splitter = Splitter::default();
        splitter.push(text);
        while splitter.next().is_some() {}
        assert_eq!(splitter.is_open(), open, "{text:?}");
    }
}

#[test]
fn many_lines_take_no_longer_than_their_length() {
    let mut splitter = Splitter::default();
    for _ in 0..200_000 {
        splitter.push("(1, 'a', 2),\n");
        assert_eq!(splitter.next(), None);
    }
    splitter.push(";");
    assert_eq!(
        splitter.next().map(|statement| statement.len()),
        Some(2_599_999)
    );
}
