//! Nested texts: which parts they have, and when a part is in quotes.
//!
//! DuckDB writes them in two ways. A cast puts a part in quotes only where it must and escapes with backslashes. Structs in
//! inlined tables come as SQL instead: quotes are doubled, backslashes are themselves, and some values are wrapped in
//! `CAST('…' AS TIME)`; the lists and maps in them are cast again.

use arrow::datatypes::DataType;

use super::broken;
use crate::Result;

/// Whatever a part of a nested text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Node {
    Null,
    /// A value that is not nested.
    Text(String),
    /// The items of a list, the fields of a struct in order, the entries of a map as pairs.
    Items(Vec<Self>),
}

impl Node {
    /// The text of a value that is not nested.
    pub(super) fn text(self, to: &DataType) -> Result<Option<String>> {
        match self {
            Self::Null => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::Items(_) => Err(broken("a nested value", to)),
        }
    }
}

/// In quotes, if it could be taken for something else without them.
pub(super) fn quote(text: &str) -> String {
    let is_special = |char| {
        matches!(
            char,
            '"' | '\'' | '(' | ')' | ',' | ':' | '=' | '[' | ']' | '{' | '}'
        )
    };
    let ends_in_space = text.starts_with(is_space) || text.ends_with(is_space);
    let is_null = text.eq_ignore_ascii_case("null");
    if text.is_empty() || is_null || ends_in_space || text.contains(is_special) {
        quote_always(text)
    } else {
        text.to_owned()
    }
}

/// In quotes.
pub(super) fn quote_always(text: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('\'', "\\'");
    format!("'{escaped}'")
}

/// The parts of a text of a nested type.
pub(super) fn parse(text: &str, to: &DataType) -> Result<Node> {
    let parsed = [Style::Sql, Style::Cast].into_iter().find_map(|style| {
        let mut parser = Parser { rest: text, style };
        let node = parser.value(to, &[])?;
        parser
            .rest
            .trim_matches(is_space)
            .is_empty()
            .then_some(node)
    });
    parsed.ok_or_else(|| broken(text, to))
}

fn is_space(char: char) -> bool {
    matches!(char, ' ' | '\t' | '\n' | '\r' | '\x0b' | '\x0c')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    Cast,
    Sql,
}

struct Parser<'a> {
    rest: &'a str,
    style: Style,
}

impl Parser<'_> {
    /// A value that ends before one of the characters.
    fn value(&mut self, to: &DataType, ends: &[char]) -> Option<Node> {
        self.skip_space();
        if to.is_nested() && self.takes_null(ends) {
            return Some(Node::Null);
        }
        let style = self.style;
        let node = match to {
            DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => {
                self.style = Style::Cast;
                let item = |parser: &mut Self| parser.value(item.data_type(), &[',', ']']);
                self.items('[', ']', item)
            }
            DataType::Struct(fields) => {
                let mut fields = fields.iter();
                self.items('{', '}', |parser| {
                    let field = fields.next()?;
                    parser.leaf(&[':'])?;
                    parser.take(':')?;
                    parser.value(field.data_type(), &[',', '}'])
                })
            }
            DataType::Map(entries, _) => {
                let DataType::Struct(fields) = entries.data_type() else {
                    return None;
                };
                let [key, value] = fields.as_ref() else {
                    return None;
                };
                self.style = Style::Cast;
                self.items('{', '}', |parser| {
                    let key = parser.value(key.data_type(), &['='])?;
                    parser.take('=')?;
                    let value = parser.value(value.data_type(), &[',', '}'])?;
                    Some(Node::Items(vec![key, value]))
                })
            }
            _ => self.leaf(ends),
        };
        self.style = style;
        node
    }

    fn items(
        &mut self,
        open: char,
        close: char,
        mut item: impl FnMut(&mut Self) -> Option<Node>,
    ) -> Option<Node> {
        self.take(open)?;
        let mut items = Vec::new();
        if self.take(close).is_some() {
            return Some(Node::Items(items));
        }
        loop {
            items.push(item(self)?);
            if self.take(close).is_some() {
                return Some(Node::Items(items));
            }
            self.take(',')?;
        }
    }

    /// A value that is not nested, in quotes or not.
    fn leaf(&mut self, ends: &[char]) -> Option<Node> {
        self.skip_space();
        if let Some(rest) = self.rest.strip_prefix("CAST(") {
            self.rest = rest;
            let text = self.quoted()?;
            self.rest = self.rest.strip_prefix(" AS ")?.split_once(')')?.1;
            return Some(Node::Text(text));
        }
        if self.rest.starts_with(['\'', '"']) {
            return self.quoted().map(Node::Text);
        }
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let text = text.trim_matches(is_space);
        let is_null = text.eq_ignore_ascii_case("null");
        Some(if is_null {
            Node::Null
        } else {
            Node::Text(text.to_owned())
        })
    }

    fn quoted(&mut self) -> Option<String> {
        let quote = self
            .rest
            .chars()
            .next()
            .filter(|c| matches!(c, '\'' | '"'))?;
        let mut text = String::new();
        let mut chars = self.rest.get(1..)?.char_indices().peekable();
        while let Some((at, char)) = chars.next() {
            let next = chars.peek().map(|(_, char)| *char);
            if char == '\\' && self.style == Style::Cast {
                match next {
                    Some(escaped @ ('\\' | '\'' | '"')) => {
                        text.push(escaped);
                        chars.next();
                    }
                    _ => text.push(char),
                }
            } else if char != quote {
                text.push(char);
            } else if next == Some(quote) {
                text.push(quote);
                chars.next();
            } else {
                self.rest = self.rest.get(at + 2..)?;
                return Some(text);
            }
        }
        None
    }

    fn takes_null(&mut self, ends: &[char]) -> bool {
        let is_null = self
            .rest
            .get(..4)
            .is_some_and(|word| word.eq_ignore_ascii_case("null"));
        let rest = self.rest.get(4..).unwrap_or_default();
        let rest = rest.trim_start_matches(is_space);
        let ends_here = rest.is_empty() || rest.starts_with(ends);
        if is_null && ends_here {
            self.rest = rest;
        }
        is_null && ends_here
    }

    fn take(&mut self, char: char) -> Option<()> {
        self.skip_space();
        self.rest = self.rest.strip_prefix(char)?;
        Some(())
    }

    fn skip_space(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }
}
