use super::lexer::{TokenKind, tokens};

#[cfg(test)]
mod tests;

/// Cuts what comes line by line into statements.
#[derive(Debug, Default)]
pub(crate) struct Splitter {
    text: String,
    /// Everything before this byte was looked at, and holds no end of a statement.
    seen: usize,
    /// Whether there is more than space and comments before `seen`.
    begun: bool,
}

impl Splitter {
    /// Takes more text.
    pub(crate) fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }

    /// The next statement that has come to its end, without its semicolon.
    pub(crate) fn next(&mut self) -> Option<String> {
        while let Some(end) = self.find_end() {
            let rest = self.text.split_off(end + 1);
            let mut statement = std::mem::replace(&mut self.text, rest);
            statement.truncate(end);
            let counts = std::mem::take(&mut self.begun);
            self.seen = 0;
            if counts {
                return Some(statement.trim().to_owned());
            }
        }
        None
    }

    /// Where the next semicolon is that ends something.
    fn find_end(&mut self) -> Option<usize> {
        for token in tokens(&self.text, self.seen) {
            if token.kind == TokenKind::Semicolon {
                return Some(token.range.start);
            }
            self.begun |= token.counts();
            if !token.closed {
                break;
            }
            self.seen = token.range.end;
        }
        None
    }

    /// Whether a statement has begun and not ended; after [`Self::next`] gave none.
    pub(crate) fn is_open(&self) -> bool {
        self.begun || !self.text[self.seen..].is_empty()
    }

    /// What is left at the end of all text: a statement without a semicolon.
    pub(crate) fn rest(self) -> Option<String> {
        let counts = tokens(&self.text, 0).any(|token| token.counts());
        counts.then(|| self.text.trim().to_owned())
    }
}
