//! SQL without the passwords that are in it.

use std::borrow::Cow;

/// What stands in the place of a password.
const HIDDEN: &str = "'***'";

/// A text of SQL with `'***'` in the place of every text that follows the word `PASSWORD`, or `IDENTIFIED BY`. It need
/// not be well-formed: of a text that does not end, nothing is kept.
#[must_use]
pub fn redacted(sql: &str) -> Cow<'_, str> {
    let lower = sql.to_ascii_lowercase();
    if !lower.contains("password") && !lower.contains("identified") {
        return Cow::Borrowed(sql);
    }
    let mut shown = String::with_capacity(sql.len());
    let mut rest = sql;
    let mut hides = Hides::Nothing;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(piece(rest));
        rest = after;
        let kind = kind(piece);
        if kind == Kind::Text && hides == Hides::Text {
            shown.push_str(HIDDEN);
        } else {
            shown.push_str(piece);
        }
        hides = hides.after(kind, piece);
    }
    Cow::Owned(shown)
}

/// What becomes of a text that comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hides {
    Nothing,
    /// After `IDENTIFIED`.
    AfterBy,
    Text,
}

impl Hides {
    fn after(self, kind: Kind, piece: &str) -> Self {
        match kind {
            Kind::Word if piece.eq_ignore_ascii_case("password") => Self::Text,
            Kind::Word if piece.eq_ignore_ascii_case("identified") => Self::AfterBy,
            Kind::Word if self == Self::AfterBy && piece.eq_ignore_ascii_case("by") => Self::Text,
            Kind::Space => self,
            // PASSWORD = '…', and texts in a row, which are one.
            Kind::Other if matches!(piece, "=" | ":" | "(" | ">" | "+" | "|") => self,
            Kind::Text => self,
            Kind::Word | Kind::Other => Self::Nothing,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// White space and comments.
    Space,
    Word,
    Text,
    Other,
}

fn kind(piece: &str) -> Kind {
    let first = piece.chars().next().unwrap_or(' ');
    if first.is_whitespace() || piece.starts_with("--") || piece.starts_with("/*") {
        Kind::Space
    } else if first == '"' {
        Kind::Other
    } else if piece.contains('\'') || (first == '$' && piece.len() > 1) {
        Kind::Text
    } else if is_in_word(first) {
        Kind::Word
    } else {
        Kind::Other
    }
}

fn is_in_word(char: char) -> bool {
    char.is_alphanumeric() || char == '_'
}

/// How long the first piece of a text is, in bytes; not zero.
fn piece(text: &str) -> usize {
    let first = text.chars().next().map_or(1, char::len_utf8);
    let until = |end: &str, from: usize| {
        let found = text.get(from..).and_then(|rest| rest.find(end));
        found.map_or(text.len(), |at| from + at + end.len())
    };
    if text.starts_with("--") {
        return until("\n", 2);
    }
    if text.starts_with("/*") {
        return comment(text);
    }
    match text.as_bytes().first() {
        Some(b'\'') => quoted(text, 1, '\'', false),
        Some(b'"') => quoted(text, 1, '"', false),
        Some(b'$') => dollar(text).map_or(1, |tag| until(tag, tag.len())),
        _ => {
            let word = text.find(|char| !is_in_word(char)).unwrap_or(text.len());
            let prefix = text.get(..word).unwrap_or_default();
            match text.get(word..) {
                // E'…', N'…', B'…', X'…'
                Some(rest) if word == 1 && rest.starts_with('\'') => {
                    quoted(text, 2, '\'', prefix.eq_ignore_ascii_case("e"))
                }
                _ => word.max(first),
            }
        }
    }
}

/// The end of what begins with a quote, which it contains doubled.
fn quoted(text: &str, from: usize, quote: char, escapes: bool) -> usize {
    let mut chars = text
        .char_indices()
        .skip_while(|(at, _)| *at < from)
        .peekable();
    while let Some((at, char)) = chars.next() {
        if escapes && char == '\\' {
            chars.next();
        } else if char == quote {
            match chars.peek() {
                Some((_, next)) if *next == quote => {
                    chars.next();
                }
                _ => return at + quote.len_utf8(),
            }
        }
    }
    text.len()
}

/// The tag of a text between dollars.
fn dollar(text: &str) -> Option<&str> {
    let end = text.get(1..)?.find(|char| !is_in_word(char))? + 1;
    text.get(end..)?
        .starts_with('$')
        .then(|| text.get(..=end))?
}

/// The end of a comment, which may hold others.
fn comment(text: &str) -> usize {
    let (mut open, mut at) = (0usize, 0);
    while let Some(rest) = text.get(at..).filter(|rest| !rest.is_empty()) {
        if rest.starts_with("/*") {
            open += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            open -= 1;
            at += 2;
            if open == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_password_is_left() {
        for (sql, shown) in [
            ("SELECT 'password'", "SELECT 'password'"),
            ("SELECT 1", "SELECT 1"),
            (
                "CREATE USER ada PASSWORD 'it''s' VALID UNTIL '2030-01-01'",
                "CREATE USER ada PASSWORD '***' VALID UNTIL '2030-01-01'",
            ),
            (
                "alter user ada\n  password /* 'no' */ -- it's\n 'secret'",
                "alter user ada\n  password /* 'no' */ -- it's\n '***'",
            ),
            ("PASSWORD = E'a\\'b' x", "PASSWORD = '***' x"),
            ("PASSWORD $tag$a'b$tag$, 'c'", "PASSWORD '***', 'c'"),
            ("PASSWORD 'never ends, 'x", "PASSWORD '***'x"),
            ("PASSWORD 'never ends", "PASSWORD '***'"),
            ("PASSWORD $$never ends", "PASSWORD '***'"),
            ("PASSWORD 'a' 'b'", "PASSWORD '***' '***'"),
            ("IDENTIFIED BY 'a', 'b'", "IDENTIFIED BY '***', 'b'"),
            ("IDENTIFIED 'a'", "IDENTIFIED 'a'"),
            ("SELECT password, 'ö' FROM t", "SELECT password, 'ö' FROM t"),
            (
                "SELECT \"password\", 'a' /* /* x */ 'y' */",
                "SELECT \"password\", 'a' /* /* x */ 'y' */",
            ),
        ] {
            assert_eq!(redacted(sql), shown);
        }
    }
}
