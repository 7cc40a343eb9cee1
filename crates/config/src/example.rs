use toml::Value;

use crate::keys::{self, Key, Level, Node};

const WIDTH: usize = 100;
/// Names for the entries of the sections that the operator fills.
const NAMES: [(&str, &str); 3] = [("users", "ada"), ("mounts", "sales"), ("issuers", "sso")];

/// A configuration file with every key at its default, each with its description; keys that have no default are there
/// as comments. The file in `config/` is this text.
pub fn example_toml() -> String {
    let mut text = String::new();
    comment(&mut text, &keys::top().about);
    text.push_str("#\n");
    comment(
        &mut text,
        "Lines of the form `#key = value` are examples of keys that have no default.",
    );
    for (name, node) in &keys::top().members {
        text.push('\n');
        match node {
            Node::Key(key) => write_key(&mut text, name, key, false),
            Node::Section(level) => {
                comment(&mut text, &level.about);
                line(&mut text, &format!("[{name}]"));
                members(&mut text, level, false);
                for (below, node) in &level.members {
                    if let Node::Entries { about, entry } = node {
                        text.push('\n');
                        entries(&mut text, &format!("{name}."), below, (about, entry));
                    }
                }
            }
            Node::Entries { about, entry } => entries(&mut text, "", name, (about, entry)),
        }
    }
    text
}

fn entries(text: &mut String, above: &str, name: &str, (about, entry): (&str, &Level)) {
    comment(text, about);
    let example = NAMES.iter().find(|(section, _)| *section == name);
    let example = example.map_or("name", |(_, example)| example);
    line(text, &format!("#[{above}{name}.{example}]"));
    members(text, entry, true);
}

fn members(text: &mut String, level: &Level, commented: bool) {
    for (index, (name, node)) in level.members.iter().enumerate() {
        if let Node::Key(key) = node {
            if index > 0 {
                text.push('\n');
            }
            write_key(text, name, key, commented);
        }
    }
}

fn write_key(text: &mut String, name: &str, key: &Key, commented: bool) {
    comment(text, &key.about);
    match (&key.default, &key.example) {
        (Some(default), _) if !commented => line(text, &assignment(name, default)),
        (Some(value), _) | (None, Some(value)) => {
            line(text, &format!("#{}", assignment(name, value)));
        }
        (None, None) => line(text, &format!("#{name} =")),
    }
}

fn assignment(name: &str, value: &Value) -> String {
    format!("{name} = {value}")
}

/// Doc comments are wrapped for code; here their text flows anew, with the default in a line of its own.
fn comment(text: &mut String, about: &str) {
    let mut current = String::from("#");
    for source in about.lines() {
        let ends = source.is_empty() || source.starts_with("Default: ");
        if ends && current != "#" {
            line(text, &current);
            current.truncate(1);
        }
        if source.is_empty() {
            line(text, "#");
        }
        for word in source.split_whitespace() {
            if current.len() + 1 + word.len() > WIDTH {
                line(text, &current);
                current.truncate(1);
            }
            current.push(' ');
            current.push_str(word);
        }
    }
    line(text, &current);
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}
