//! Statements as others than their sender may see them: no longer than a bound, without passwords, and without literals
//! where the operator wants that.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer, Whitespace, Word};

use crate::Error;
use crate::parse::DIALECT;

/// What stands for a literal.
const HIDDEN: &str = "?";
/// What is shorter is no password, and would be found in every message.
const SHORTEST: usize = 4;
/// What stands for the rest of a text.
const REST: &str = "…";
/// Without one of these in it a text holds no password that could be told for one. The last is of no use in comments.
const SIGNS: [&str; 4] = ["passw", "pwd", "identified", "user"];
/// Names of passwords.
const PASSWORDS: [&str; 4] = ["password", "passwd", "pwd", "identified"];
/// What is shown behind the name of a user who is made or changed; everything else there may be a password.
const SHOWN: [&str; 21] = [
    "PASSWORD",
    "VALID",
    "UNTIL",
    "IN",
    "ROLE",
    "GROUP",
    "ADMIN",
    "WITH",
    "SET",
    "RENAME",
    "TO",
    "NULL",
    "NOT",
    "LOGIN",
    "NOLOGIN",
    "ENABLE",
    "DISABLE",
    "ENABLED",
    "DISABLED",
    "IDENTIFIED",
    "BY",
];

/// Whether the log of this process shows no literals. A process has one log, whatever many engines it has.
static LOG_IS_REDACTED: AtomicBool = AtomicBool::new(false);

/// How much of a statement is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redaction {
    /// `audit.redact_literals`
    pub(crate) literals: bool,
    /// `audit.max_sql_bytes`
    pub(crate) max_bytes: usize,
}

/// A statement as it may be shown.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    pub(crate) text: Arc<str>,
    /// Whether messages about it are not to be shown, because they may quote what is hidden.
    pub(crate) hides: bool,
    /// What may be a password, as it was written.
    secrets: Vec<String>,
}

impl Redaction {
    pub(crate) fn show(self, sql: &Arc<str>) -> Shown {
        let end = sql.floor_char_boundary(self.max_bytes);
        let shown = |text| Shown {
            text,
            hides: false,
            secrets: Vec::new(),
        };
        let signs = has_any(sql, &SIGNS);
        let tokens = (self.literals || signs).then(|| tokenize(&sql[..end]));
        let from = tokens.as_ref().filter(|_| signs);
        let from = from.and_then(|(tokens, is_whole)| {
            let hides =
                has_secret_comment(tokens) || !is_whole && has_any(&rest_of(sql, tokens), &SIGNS);
            secret_from(tokens).or_else(|| hides.then_some(tokens.len()))
        });
        match tokens {
            Some((tokens, is_whole)) if self.literals || from.is_some() => {
                let from = from.unwrap_or(tokens.len());
                let mut text = String::with_capacity(end);
                let mut secrets = Vec::new();
                for (at, token) in tokens.iter().enumerate() {
                    show(&mut text, &token.token, at >= from, &mut secrets);
                }
                if !is_whole || end < sql.len() {
                    text.push_str(REST);
                    secrets.push(rest_of(sql, &tokens));
                }
                if !signs || from == tokens.len() && self.literals {
                    secrets.clear();
                }
                Shown {
                    text: text.into(),
                    hides: true,
                    secrets,
                }
            }
            _ if end < sql.len() => shown(format!("{}{REST}", &sql[..end]).into()),
            _ => shown(Arc::clone(sql)),
        }
    }
}

impl Shown {
    /// The error without what may be a password: messages of a parser quote what it stumbles on.
    pub(crate) fn scrub(&self, error: Error) -> Error {
        if self.secrets.is_empty() {
            return error;
        }
        error.map_message(|message| {
            let mut message = message;
            let long = |secret: &&String| secret.len() >= SHORTEST;
            for secret in self.secrets.iter().filter(long) {
                message = message.replace(secret.as_str(), HIDDEN);
            }
            message
        })
    }
}

/// Has the log show no literals from now on.
pub(crate) fn redact_log() {
    LOG_IS_REDACTED.store(true, Ordering::Relaxed);
}

/// A text of an error as a line of the log may show it: the cause of a fault, which is needed to mend it, without the
/// literals that it quotes where `audit.redact_literals` asks for that.
pub fn shown_in_log(text: &str) -> Cow<'_, str> {
    if !LOG_IS_REDACTED.load(Ordering::Relaxed) {
        return Cow::Borrowed(text);
    }
    let (tokens, is_whole) = tokenize(text);
    let mut shown = String::with_capacity(text.len());
    for token in &tokens {
        match &token.token {
            // In a message these are as often values as they are names.
            Token::Word(word) if word.quote_style.is_some() => shown.push_str(HIDDEN),
            token => show(&mut shown, token, false, &mut Vec::new()),
        }
    }
    if !is_whole {
        shown.push_str(REST);
    }
    Cow::Owned(shown)
}

/// The tokens of a text, and whether these are all of it: behind an open quote there is nothing that could be told apart.
fn tokenize(text: &str) -> (Vec<TokenWithSpan>, bool) {
    let mut tokens = Vec::new();
    let ended = Tokenizer::new(&DIALECT, text).tokenize_with_location_into_buf(&mut tokens);
    (tokens, ended.is_ok())
}

fn show(text: &mut String, token: &Token, is_secret: bool, secrets: &mut Vec<String>) {
    let shown = match token {
        Token::Whitespace(
            Whitespace::SingleLineComment { .. } | Whitespace::MultiLineComment(_),
        ) => write!(text, " "),
        Token::Whitespace(_) | Token::SemiColon | Token::EOF => write!(text, "{token}"),
        Token::Word(word) if is_secret && is_any(word, &SHOWN) => write!(text, "{token}"),
        token if is_secret || is_literal(token) => {
            secrets.push(token.to_string());
            if let Token::SingleQuotedString(value) = token {
                secrets.push(value.clone());
            }
            write!(text, "{HIDDEN}")
        }
        token => write!(text, "{token}"),
    };
    // Writing to a text cannot fail.
    let _ = shown;
}

/// What was not taken apart of a statement.
fn rest_of(sql: &str, tokens: &[TokenWithSpan]) -> String {
    let end = tokens.last().map(|last| last.span.end);
    let line = end.map_or(1, |end| usize::try_from(end.line).unwrap_or(1));
    let column = end.map_or(1, |end| usize::try_from(end.column).unwrap_or(1));
    let lines = sql.split_inclusive('\n').skip(line.saturating_sub(1));
    let rest: String = lines.collect();
    rest.chars().skip(column.saturating_sub(1)).collect()
}

fn is_literal(token: &Token) -> bool {
    !matches!(
        token,
        Token::Word(_) | Token::Placeholder(_) | Token::Char(_) | Token::CustomBinaryOperator(_)
    ) && !is_sign(token)
}

/// Whether a token is an operator or a punctuation mark, which are those that hold no text.
fn is_sign(token: &Token) -> bool {
    let text = token.to_string();
    !text.contains(|c: char| c.is_alphanumeric() || c == '\'' || c == '"' || c == '$')
}

/// The number of the token from which on everything may be a password; past the end when only literals may.
fn secret_from(tokens: &[TokenWithSpan]) -> Option<usize> {
    let words: Vec<(usize, Option<&Word>)> = tokens
        .iter()
        .enumerate()
        .filter_map(|(at, token)| match &token.token {
            Token::Whitespace(_) => None,
            Token::Word(word) => Some((at, Some(word))),
            _ => Some((at, None)),
        })
        .collect();
    let is = |at: usize, names: &[&str]| {
        let word = words.get(at).and_then(|(_, word)| *word);
        word.is_some_and(|word| is_any(word, names))
    };
    let begins = |at: usize| words.get(at).map_or(tokens.len(), |(at, _)| *at);
    let mut from = None;
    let mut knows_user = false;
    for at in 0..words.len() {
        knows_user |= is(at, &["USER", "ROLE"]);
        if is(at, &PASSWORDS) {
            let strict = if knows_user {
                begins(at + 1)
            } else {
                tokens.len()
            };
            from = Some(from.map_or(strict, |from: usize| from.min(strict)));
        }
        if is(at, &["CREATE", "ALTER"]) {
            let replace = is(at + 1, &["OR"]) && is(at + 2, &["REPLACE"]);
            let user = if replace { at + 3 } else { at + 1 };
            if is(user, &["USER"]) {
                let mut name = user + 1;
                while is(name, &["IF", "NOT", "EXISTS"]) {
                    name += 1;
                }
                let strict = begins(name + 1);
                from = Some(from.map_or(strict, |from: usize| from.min(strict)));
            }
        }
    }
    from
}

fn is_any(word: &Word, names: &[&str]) -> bool {
    names
        .iter()
        .any(|name| word.value.eq_ignore_ascii_case(name))
}

/// Whether a comment mentions a password, which it may then hold.
fn has_secret_comment(tokens: &[TokenWithSpan]) -> bool {
    tokens.iter().any(|token| match &token.token {
        Token::Whitespace(
            Whitespace::SingleLineComment { comment, .. } | Whitespace::MultiLineComment(comment),
        ) => has_any(comment, &SIGNS[..3]),
        _ => false,
    })
}

/// Whether one of these is in a text, in whatever case.
fn has_any(text: &str, signs: &[&str]) -> bool {
    signs.iter().any(|sign| {
        let mut parts = text.as_bytes().windows(sign.len());
        parts.any(|part| part.eq_ignore_ascii_case(sign.as_bytes()))
    })
}

#[cfg(test)]
mod tests;
