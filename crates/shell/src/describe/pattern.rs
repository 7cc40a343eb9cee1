use crate::{Error, Result};

/// Names as they are looked for: `table`, `schema.table`, `catalog.schema.table`, in which `*` stands for anything.
#[derive(Debug, Default)]
pub(crate) struct Pattern(Vec<Part>);

#[derive(Debug)]
struct Part {
    text: String,
    quoted: bool,
}

impl Pattern {
    /// Nothing matches everything.
    pub(crate) fn parse(text: Option<&str>) -> Result<Self> {
        let mut parts = Vec::new();
        let mut rest = text.unwrap_or_default();
        while !rest.is_empty() {
            let (part, after) = match rest.strip_prefix('"') {
                Some(inner) => quoted(inner)?,
                None => {
                    let end = rest.find('.').unwrap_or(rest.len());
                    let text = rest[..end].to_owned();
                    (
                        Part {
                            text,
                            quoted: false,
                        },
                        &rest[end..],
                    )
                }
            };
            parts.push(part);
            rest = after.strip_prefix('.').unwrap_or(after);
        }
        Ok(Self(parts))
    }

    /// Whether the last of these names, those of the table and of what it is in, match the pattern.
    pub(crate) fn matches(&self, names: &[Option<&str>]) -> bool {
        if self.0.len() > names.len() {
            return false;
        }
        let last = &names[names.len() - self.0.len()..];
        let mut pairs = self.0.iter().zip(last);
        pairs.all(|(part, name)| part.matches(name.unwrap_or_default()))
    }

    /// The parts as they are meant, without quotes.
    pub(crate) fn into_names(self) -> Vec<String> {
        self.0.into_iter().map(|part| part.text).collect()
    }
}

impl Part {
    /// Names without quotes are the same in capitals.
    fn matches(&self, name: &str) -> bool {
        if self.quoted {
            return self.text == name;
        }
        glob(&self.text.to_lowercase(), &name.to_lowercase())
    }
}

/// A name up to its closing quote, and what comes after it.
fn quoted(inner: &str) -> Result<(Part, &str)> {
    let mut text = String::new();
    let mut characters = inner.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        if c != '"' {
            text.push(c);
        } else if characters.next_if(|(_, next)| *next == '"').is_some() {
            text.push('"');
        } else {
            return Ok((Part { text, quoted: true }, &inner[at + 1..]));
        }
    }
    Err(Error::Failed(format!(
        "the quote of \"{inner} is not closed"
    )))
}

/// Whether a text is the pattern, of which `*` stands for anything.
fn glob(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let Some(last) = pieces.next_back() else {
        return rest.is_empty();
    };
    for piece in pieces {
        let Some(at) = rest.find(piece) else {
            return false;
        };
        rest = &rest[at + piece.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_found() {
        let name = [Some("godwit"), Some("main"), Some("Lines_1")];
        for (pattern, found) in [
            (None, true),
            (Some("lines_1"), true),
            (Some("linesX1"), false),
            (Some("main.*"), true),
            (Some("*.lines*"), true),
            (Some("other.*"), false),
            (Some("*in*1"), true),
            (Some("\"Lines_1\""), true),
            (Some("\"lines_1\""), false),
            (Some("godwit.main.\"Lines_1\""), true),
            (Some("a.godwit.main.lines_1"), false),
        ] {
            let parsed = Pattern::parse(pattern).unwrap();
            assert_eq!(parsed.matches(&name), found, "{pattern:?}");
        }
        assert!(Pattern::parse(Some("\"a")).is_err());
    }
}
