use super::*;

fn row(group: &'static str, what: &'static str, mark: Mark, reason: &str) -> Row {
    Row {
        id: "an-id",
        group,
        what,
        mark,
        reason: reason.to_owned(),
    }
}

fn card() -> Card {
    Card {
        server: "grpc://127.0.0.1:1".to_owned(),
        name: Some("Heron 2".to_owned()),
        login: "Basic handshake",
        rows: vec![
            row("Reading", "DoGet", Mark::Yes, "3 rows"),
            row(
                "Reading",
                "DoGet, ticket used twice",
                Mark::No,
                "NOT_FOUND: gone",
            ),
            row("Writing", "DoPut | update", Mark::Refused, ""),
        ],
    }
}

#[test]
fn text_is_aligned_under_its_headings() {
    let expected = "\
Heron 2 at grpc://127.0.0.1:1, Basic handshake

Reading
  DoGet                     yes       3 rows
  DoGet, ticket used twice  no        NOT_FOUND: gone

Writing
  DoPut | update            refused

3 rows: 1 yes, 1 no, 1 refused
";
    assert_eq!(card().render(Format::Text), expected);
}

#[test]
fn markdown_escapes_what_servers_say() {
    let mut card = card();
    card.name = None;
    let text = card.render(Format::Markdown);
    assert!(text.starts_with(
        "a server without a name at grpc://127.0.0.1:1, Basic handshake\n\n3 rows: 1 yes"
    ));
    assert!(
        text.contains("\n| Reading | | |\n| --- | --- | --- |\n| DoGet | **yes** | 3 rows |\n"),
        "{text}"
    );
    assert!(text.contains(r"| NOT\_FOUND: gone |"), "{text}");
    assert!(text.contains(r"| DoPut \| update | refused |  |"), "{text}");
}

#[test]
fn json_holds_everything() {
    let value: serde_json::Value = serde_json::from_str(&card().render(Format::Json)).unwrap();
    assert_eq!(
        value["counts"],
        serde_json::json!({"yes": 1, "no": 1, "refused": 1})
    );
    assert_eq!(value["rows"][1]["mark"], "no");
    assert_eq!(value["rows"][1]["id"], "an-id");
    assert_eq!(value["name"], "Heron 2");
}

#[test]
fn counts_are_in_the_order_of_the_marks() {
    let counts: Vec<_> = card().counts().into_iter().collect();
    assert_eq!(counts, [(Mark::Yes, 1), (Mark::No, 1), (Mark::Refused, 1)]);
}
