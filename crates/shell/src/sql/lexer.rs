use std::ops::Range;

#[cfg(test)]
mod tests;

/// A piece of SQL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    /// Where it is, in bytes.
    pub(crate) range: Range<usize>,
    /// Whether its end was seen; a string, a quoted name or a comment may go on in the next line.
    pub(crate) closed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// A keyword, or a name without quotes.
    Word,
    /// A name in double quotes.
    Quoted,
    Number,
    /// In single quotes, or between dollar signs.
    Text,
    Comment,
    Space,
    Semicolon,
    /// Any other character.
    Symbol,
}

impl Token {
    /// Whether it is more than space and comments.
    pub(crate) fn counts(&self) -> bool {
        !matches!(self.kind, TokenKind::Space | TokenKind::Comment)
    }
}

/// The pieces of a text, from this byte on, without a gap.
pub(crate) fn tokens(text: &str, from: usize) -> impl Iterator<Item = Token> + '_ {
    let mut at = from;
    std::iter::from_fn(move || {
        let token = next(text, at)?;
        at = token.range.end;
        Some(token)
    })
}

fn next(text: &str, at: usize) -> Option<Token> {
    let rest = text.get(at..)?;
    let first = rest.chars().next()?;
    let (kind, length, closed) = match first {
        c if c.is_whitespace() => (TokenKind::Space, run(rest, char::is_whitespace), true),
        '-' if rest.starts_with("--") => line_comment(rest),
        '/' if rest.starts_with("/*") => block_comment(rest),
        '\'' => quoted(rest, 0, '\'', false, TokenKind::Text),
        '"' => quoted(rest, 0, '"', false, TokenKind::Quoted),
        'e' | 'E' if rest[1..].starts_with('\'') => quoted(rest, 1, '\'', true, TokenKind::Text),
        '$' => dollar(rest),
        c if c.is_ascii_digit() => (TokenKind::Number, run(rest, is_numeric), true),
        c if is_name(c) => (TokenKind::Word, run(rest, is_name), true),
        ';' => (TokenKind::Semicolon, 1, true),
        c => (TokenKind::Symbol, c.len_utf8(), true),
    };
    Some(Token {
        kind,
        range: at..at + length,
        closed,
    })
}

fn run(text: &str, keep: impl Fn(char) -> bool) -> usize {
    text.find(|c| !keep(c)).unwrap_or(text.len())
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '$'
}

fn is_numeric(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

fn line_comment(text: &str) -> (TokenKind, usize, bool) {
    let end = text.find('\n');
    (TokenKind::Comment, end.unwrap_or(text.len()), end.is_some())
}

/// Comments may hold comments.
fn block_comment(text: &str) -> (TokenKind, usize, bool) {
    let bytes = text.as_bytes();
    let (mut at, mut depth) = (0, 0_usize);
    while at < bytes.len() {
        match bytes.get(at..at + 2) {
            Some(b"/*") => (at, depth) = (at + 2, depth + 1),
            Some(b"*/") => {
                (at, depth) = (at + 2, depth - 1);
                if depth == 0 {
                    return (TokenKind::Comment, at, true);
                }
            }
            _ => at += 1,
        }
    }
    (TokenKind::Comment, text.len(), false)
}

/// What is between quotes, of which two in a row stand for one; `start` is where the first is.
fn quoted(
    text: &str,
    start: usize,
    quote: char,
    escapes: bool,
    kind: TokenKind,
) -> (TokenKind, usize, bool) {
    let mut characters = text.char_indices().skip(start + 1).peekable();
    while let Some((at, c)) = characters.next() {
        if escapes && c == '\\' {
            characters.next();
        } else if c == quote && characters.next_if(|(_, next)| *next == quote).is_none() {
            return (kind, at + 1, true);
        }
    }
    (kind, text.len(), false)
}

/// `$$text$$`, `$tag$text$tag$`, or a parameter such as `$1`.
fn dollar(text: &str) -> (TokenKind, usize, bool) {
    let name = run(&text[1..], |c| c.is_alphanumeric() || c == '_');
    let opened = 1 + name;
    let parameter = text[1..].starts_with(|c: char| c.is_ascii_digit());
    if parameter || !text[opened..].starts_with('$') {
        return (TokenKind::Symbol, opened, true);
    }
    let tag = &text[..=opened];
    match text[tag.len()..].find(tag) {
        Some(at) => (TokenKind::Text, at + 2 * tag.len(), true),
        None => (TokenKind::Text, text.len(), false),
    }
}
