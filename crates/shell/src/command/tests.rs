use super::*;

#[test]
fn commands_have_words() {
    for (line, expected) in [
        ("\\q", Command::Quit),
        (".exit", Command::Quit),
        ("\\q;", Command::Quit),
        (
            " \\d  sales.\"Big One\" ",
            Command::Describe(Some("sales.\"Big One\"".to_owned())),
        ),
        ("\\timing", Command::Timing(None)),
        ("\\x on", Command::Expanded(Some(true))),
        ("\\format csv", Command::Format(Some(Format::Csv))),
        ("\\o", Command::Output(None)),
        ("\\o 'a b.csv'", Command::Output(Some("a b.csv".into()))),
    ] {
        assert_eq!(parse(line).unwrap(), expected, "{line}");
    }
    let import = Import {
        file: "a.csv".into(),
        table: "main.t".to_owned(),
        mode: Mode::Replace,
    };
    assert_eq!(
        parse(".import a.csv main.t replace").unwrap(),
        Command::Import(import)
    );
}

#[test]
fn what_is_wrong_is_said() {
    for (line, part) in [
        ("\\nothing", "\\?"),
        ("\\x maybe", "[on|off]"),
        ("\\i", "FILE"),
        ("\\import a", "FILE TABLE"),
        ("\\format xml", "parquet"),
        ("\\d a b", "[NAME]"),
        ("\\o 'a", "not closed"),
    ] {
        let error = parse(line).unwrap_err().to_string();
        assert!(error.contains(part), "{line}: {error}");
    }
}

#[test]
fn every_command_is_understood() {
    for (names, arguments, _) in COMMANDS {
        for name in *names {
            let needed = match *name {
                "i" | "include" => " f",
                "import" => " f t",
                _ => "",
            };
            assert!(
                parse(&format!("\\{name}{needed}")).is_ok(),
                "{name} {arguments}"
            );
        }
    }
}

#[test]
fn numbers_are_no_commands() {
    assert!(!is_command(".5"));
    assert!(!is_command("select 1"));
    assert!(is_command("  \\d") && is_command(".tables"));
}
