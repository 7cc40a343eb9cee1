use std::collections::BTreeSet;
use std::sync::PoisonError;

use reedline::{CompletionResult, Span, Suggestion};

use crate::command::{COMMANDS, is_command};
use crate::names::{Names, Shared, TableNames};
use crate::sql::{KEYWORDS, Token, TokenKind, tokens};

#[cfg(test)]
mod tests;

/// Most suggestions at once.
const MOST: usize = 200;

/// Completes keywords, and names that the server has told.
pub(super) struct Completer {
    names: Shared,
}

impl Completer {
    pub(super) fn new(names: Shared) -> Self {
        Self { names }
    }
}

impl reedline::Completer for Completer {
    fn complete(&mut self, line: &str, cursor: usize) -> CompletionResult {
        let names = self.names.read().unwrap_or_else(PoisonError::into_inner);
        let (start, found) = candidates(&names, line, cursor);
        let span = Span { start, end: cursor };
        let suggestions = found.into_iter().take(MOST).map(|value| Suggestion {
            value,
            span,
            ..Suggestion::default()
        });
        CompletionResult::fresh(suggestions.collect::<Vec<_>>())
    }
}

/// Where the word begins that the cursor is at the end of, and what it may become.
fn candidates(names: &Names, line: &str, cursor: usize) -> (usize, Vec<String>) {
    let before = line.get(..cursor).unwrap_or(line);
    if is_command(before) {
        return commands(names, before);
    }
    let all: Vec<Token> = tokens(before, 0).collect();
    let typed = all.last().filter(|token| token.kind == TokenKind::Word);
    if all.last().is_some_and(|token| !token.closed) {
        return (cursor, Vec::new());
    }
    let start = typed.map_or(before.len(), |token| token.range.start);
    let prefix = &before[start..];
    let owners = owners(before, start);
    let found = match owners.last() {
        Some(owner) => inside(names, line, owner),
        None => anything(names, line, prefix),
    };
    (start, fitting(found, prefix))
}

/// Commands, and names as their arguments.
fn commands(names: &Names, before: &str) -> (usize, Vec<String>) {
    let lead = before.len() - before.trim_start().len();
    let (word, rest) = match before.trim_start().split_once(char::is_whitespace) {
        None => {
            let all = COMMANDS.iter().flat_map(|(names, ..)| names.iter());
            let sign = &before[lead..=lead];
            let all = all.map(|name| format!("{sign}{name}"));
            return (lead, fitting(all, &before[lead..]));
        }
        Some(both) => both,
    };
    let word_start = before.len()
        - rest
            .rsplit(char::is_whitespace)
            .next()
            .unwrap_or(rest)
            .len();
    let prefix = &before[word_start..];
    let name = &word[1..];
    let found: Vec<String> = match name {
        "format" => crate::Format::ALL.map(|format| format.to_string()).to_vec(),
        "x" | "expanded" | "timing" | "progress" => vec!["off".to_owned(), "on".to_owned()],
        "d" | "describe" | "dt" | "tables" | "import" => match prefix.rsplit_once('.') {
            Some((schema, table)) => {
                let start = before.len() - table.len();
                return (start, fitting(inside(names, "", schema), table));
            }
            None => names.schemas.iter().cloned().chain(tables(names)).collect(),
        },
        "dn" | "schemas" => names.schemas.clone(),
        "df" | "functions" => names.functions.clone(),
        _ => Vec::new(),
    };
    (word_start, fitting(found, prefix))
}

/// The names before a dot at the end of this text, the nearest last.
fn owners(text: &str, end: usize) -> Vec<String> {
    let all: Vec<Token> = tokens(&text[..end], 0).collect();
    let mut owners = Vec::new();
    let mut rest = all.iter().rev();
    while let (Some(dot), Some(name)) = (rest.next(), rest.next()) {
        if &text[dot.range.clone()] != "."
            || !matches!(name.kind, TokenKind::Word | TokenKind::Quoted)
        {
            break;
        }
        owners.insert(0, unquoted(&text[name.range.clone()]));
    }
    owners
}

/// What is inside of a schema, or of a table or what stands for one in this statement.
fn inside(names: &Names, line: &str, owner: &str) -> Vec<String> {
    let same = |name: &str| name.eq_ignore_ascii_case(owner);
    let mut found = BTreeSet::new();
    for table in &names.tables {
        if same(&table.schema) {
            found.insert(written(&table.name));
        }
        if same(&table.name) {
            found.extend(table.columns.iter().map(|column| written(column)));
        }
    }
    for (table, alias) in aliases(names, line) {
        if same(&alias) {
            found.extend(table.columns.iter().map(|column| written(column)));
        }
    }
    found.into_iter().collect()
}

/// Columns of the tables that the statement names, or of all where it names none yet; then all other names, then keywords.
fn anything(names: &Names, line: &str, prefix: &str) -> Vec<String> {
    let mentioned = aliases(names, line);
    let tables_at_hand: Vec<&TableNames> = if mentioned.is_empty() {
        names.tables.iter().collect()
    } else {
        mentioned.iter().map(|(table, _)| *table).collect()
    };
    let columns = tables_at_hand.iter().flat_map(|table| &table.columns);
    let columns: BTreeSet<String> = columns.map(|column| written(column)).collect();
    let small = prefix.starts_with(char::is_lowercase);
    let keywords = KEYWORDS.iter().map(|word| match small {
        true => word.to_lowercase(),
        false => (*word).to_owned(),
    });
    let schemas = names.schemas.iter().map(|name| written(name));
    let functions = names.functions.iter().cloned();
    columns
        .into_iter()
        .chain(tables(names))
        .chain(schemas)
        .chain(keywords)
        .chain(functions)
        .collect()
}

fn tables(names: &Names) -> impl Iterator<Item = String> + '_ {
    let all: BTreeSet<String> = names
        .tables
        .iter()
        .map(|table| written(&table.name))
        .collect();
    all.into_iter()
}

/// The tables that a statement names, each with the word after it, which may be another name for it.
fn aliases<'a>(names: &'a Names, line: &str) -> Vec<(&'a TableNames, String)> {
    let words: Vec<String> = tokens(line, 0)
        .filter(|token| matches!(token.kind, TokenKind::Word | TokenKind::Quoted))
        .map(|token| unquoted(&line[token.range]))
        .filter(|word| !word.eq_ignore_ascii_case("as"))
        .collect();
    let mut found = Vec::new();
    for (at, word) in words.iter().enumerate() {
        let tables = names
            .tables
            .iter()
            .filter(|table| table.name.eq_ignore_ascii_case(word));
        let alias = words.get(at + 1).cloned().unwrap_or_default();
        found.extend(tables.map(|table| (table, alias.clone())));
    }
    found
}

/// Those that begin like this, each once.
fn fitting(found: impl IntoIterator<Item = String>, prefix: &str) -> Vec<String> {
    let lower = prefix.to_lowercase();
    let mut seen = BTreeSet::new();
    let fits = |name: &String| name.to_lowercase().starts_with(&lower);
    let fitting = found.into_iter().filter(fits);
    fitting.filter(|name| seen.insert(name.clone())).collect()
}

/// A name as SQL wants it: in quotes where it is more than a plain word.
fn written(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    let word = name.starts_with(plain) && name.chars().all(|c| plain(c) || c.is_ascii_digit());
    if word {
        name.to_owned()
    } else {
        format!("\"{}\"", name.replace('"', "\"\""))
    }
}

fn unquoted(name: &str) -> String {
    match name
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
    {
        Some(inner) => inner.replace("\"\"", "\""),
        None => name.to_owned(),
    }
}
