use std::path::PathBuf;

use crate::output::Format;
use crate::profile::directory;
use crate::{Error, Result};

#[cfg(test)]
mod tests;

/// What a line that begins with a backslash, or a dot, asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Command {
    Help,
    Quit,
    /// Absent means the other way round.
    Timing(Option<bool>),
    Expanded(Option<bool>),
    Progress(Option<bool>),
    /// Absent means to say which one it is.
    Format(Option<Format>),
    /// Absent means standard output.
    Output(Option<PathBuf>),
    Include(PathBuf),
    Import(Import),
    Catalogs,
    Schemas(Option<String>),
    Tables(Option<String>),
    /// Without a name, the tables.
    Describe(Option<String>),
    Functions(Option<String>),
    Users,
    /// Absent means the same server anew.
    Connect {
        url: Option<String>,
        user: Option<String>,
    },
}

/// A file that becomes a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    pub(crate) file: PathBuf,
    pub(crate) table: String,
    pub(crate) mode: Mode,
}

/// What happens with the table that is imported into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It gets more rows, or is made where there is none.
    Add,
    /// It is made, and must not be there.
    Create,
    /// It gets more rows, and must be there.
    Append,
    /// It is made anew.
    Replace,
}

/// Every command: its names, its arguments, and what it does.
pub(crate) const COMMANDS: &[(&[&str], &str, &str)] = &[
    (&["?", "h", "help"], "", "show this"),
    (&["q", "quit", "exit"], "", "leave"),
    (
        &["d", "describe"],
        "[NAME]",
        "list tables, or the columns of one",
    ),
    (
        &["dt", "tables"],
        "[PATTERN]",
        "list tables; * stands for anything, as in sales.*",
    ),
    (&["dn", "schemas"], "[PATTERN]", "list schemas"),
    (&["l", "catalogs"], "", "list catalogs"),
    (&["df", "functions"], "[PATTERN]", "list functions"),
    (&["du", "users"], "", "list users, of a Godwit server"),
    (
        &["format"],
        "[FORMAT]",
        "write rows as table, csv, json, ndjson, markdown, arrow or parquet",
    ),
    (
        &["x", "expanded"],
        "[on|off]",
        "give each value of a table its own line",
    ),
    (
        &["o", "output"],
        "[FILE]",
        "write rows to a file, or to the terminal again",
    ),
    (&["timing"], "[on|off]", "say how long each statement takes"),
    (
        &["progress"],
        "[on|off]",
        "show how far a query is; off sends rows as they are made",
    ),
    (&["i", "include"], "FILE", "run the statements of a file"),
    (
        &["import"],
        "FILE TABLE [add|create|append|replace]",
        "store a CSV, TSV, NDJSON, Arrow or Parquet file as a table",
    ),
    (
        &["c", "connect"],
        "[URL [USER]]",
        "connect to another server, or anew",
    ),
];

/// Whether a line is a command and no SQL.
pub(crate) fn is_command(line: &str) -> bool {
    let line = line.trim_start();
    let word = line
        .strip_prefix('.')
        .is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    line.starts_with('\\') || word
}

/// Reads a command.
pub(crate) fn parse(line: &str) -> Result<Command> {
    let words = words(line.trim())?;
    let mut words = words.into_iter();
    let word = words.next().unwrap_or_default();
    let name = word.trim_start_matches(['\\', '.']).to_owned();
    let known = COMMANDS
        .iter()
        .find(|(names, ..)| names.contains(&name.as_str()));
    let Some((names, arguments, _)) = known else {
        return Err(Error::Failed(format!(
            "there is no command {word:?}; \\? lists them"
        )));
    };
    let usage = || Error::Failed(format!("it is \\{name} {arguments}"));
    let mut next = || words.next();
    let command = match names[0] {
        "?" => Command::Help,
        "q" => Command::Quit,
        "d" => Command::Describe(next()),
        "dt" => Command::Tables(next()),
        "dn" => Command::Schemas(next()),
        "l" => Command::Catalogs,
        "df" => Command::Functions(next()),
        "du" => Command::Users,
        "format" => {
            let format = next().map(|word| word.parse().map_err(Error::Failed));
            Command::Format(format.transpose()?)
        }
        "x" => Command::Expanded(switch(next()).ok_or_else(usage)?),
        "timing" => Command::Timing(switch(next()).ok_or_else(usage)?),
        "progress" => Command::Progress(switch(next()).ok_or_else(usage)?),
        "o" => Command::Output(next().map(|word| file(&word))),
        "i" => Command::Include(file(&next().ok_or_else(usage)?)),
        "import" => Command::Import(Import {
            file: file(&next().ok_or_else(usage)?),
            table: next().ok_or_else(usage)?,
            mode: mode(next()).ok_or_else(usage)?,
        }),
        _ => Command::Connect {
            url: next(),
            user: next(),
        },
    };
    match words.next() {
        None => Ok(command),
        Some(_) => Err(usage()),
    }
}

/// `on`, `off`, or nothing.
fn switch(word: Option<String>) -> Option<Option<bool>> {
    match word.as_deref() {
        None => Some(None),
        Some("on") => Some(Some(true)),
        Some("off") => Some(Some(false)),
        Some(_) => None,
    }
}

fn mode(word: Option<String>) -> Option<Mode> {
    match word.as_deref() {
        None | Some("add") => Some(Mode::Add),
        Some("create") => Some(Mode::Create),
        Some("append") => Some(Mode::Append),
        Some("replace") => Some(Mode::Replace),
        Some(_) => None,
    }
}

/// A path as shells write it.
fn file(word: &str) -> PathBuf {
    match word.strip_prefix("~/") {
        Some(rest) => directory("HOME", "").map_or_else(|| word.into(), |home| home.join(rest)),
        None => word.into(),
    }
}

/// Cuts a line at spaces outside of quotes. Single quotes go, double quotes stay: they belong to names.
fn words(line: &str) -> Result<Vec<String>> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in line.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => {
                quote = None;
                if c == '"' {
                    word.get_or_insert_default().push(c);
                }
            }
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                let word = word.get_or_insert_default();
                if c == '"' {
                    word.push(c);
                }
            }
            (None, c) if c.is_whitespace() => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    if let Some(open) = quote {
        return Err(Error::Failed(format!("the quote {open} is not closed")));
    }
    words.extend(word);
    // The semicolon that hands are used to.
    if let Some(last) = words.last_mut()
        && last.len() > 1
        && last.ends_with(';')
    {
        last.pop();
    }
    Ok(words)
}
