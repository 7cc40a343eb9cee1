//! LIKE as the catalog commands use it.

/// A pattern in which `%` stands for any characters, `_` for one, and `\` takes the meaning from the character after it.
/// Case counts.
#[derive(Debug, Clone)]
pub(crate) struct Pattern {
    tokens: Vec<Token>,
    /// Characters that a text has at least.
    shortest: usize,
}

impl Pattern {
    pub(crate) fn parse(pattern: &str) -> Self {
        let mut chars = pattern.chars();
        let mut tokens = Vec::new();
        while let Some(c) = chars.next() {
            let token = match c {
                '%' => Token::Any,
                '_' => Token::One,
                // A lone escape at the end means itself.
                '\\' => Token::Char(chars.next().unwrap_or('\\')),
                c => Token::Char(c),
            };
            // Neighbors mean the same as one, and would only cost time.
            if token != Token::Any || tokens.last() != Some(&Token::Any) {
                tokens.push(token);
            }
        }
        let shortest = tokens.iter().filter(|token| **token != Token::Any).count();
        Self { tokens, shortest }
    }

    /// Whether the whole text matches, in time that grows at most with the square of its length.
    pub(crate) fn matches(&self, text: &str) -> bool {
        let text: Vec<char> = text.chars().collect();
        if text.len() < self.shortest {
            return false;
        }
        let (mut p, mut t) = (0, 0);
        // Where to resume: after the last `%`, taking one more character for it.
        let mut resume: Option<(usize, usize)> = None;
        while t < text.len() {
            match self.tokens.get(p) {
                Some(Token::Any) => {
                    p += 1;
                    resume = Some((p, t));
                    continue;
                }
                Some(token) if token.takes(text[t]) => {
                    (p, t) = (p + 1, t + 1);
                    continue;
                }
                _ => {}
            }
            let Some((after, from)) = resume else {
                return false;
            };
            resume = Some((after, from + 1));
            (p, t) = (after, from + 1);
        }
        self.tokens[p..].iter().all(|token| *token == Token::Any)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    Any,
    One,
    Char(char),
}

impl Token {
    fn takes(self, c: char) -> bool {
        match self {
            Self::Any => false,
            Self::One => true,
            Self::Char(own) => own == c,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        let table = [
            ("", "", true),
            ("", "a", false),
            ("%", "", true),
            ("%%%", "abc", true),
            ("a%", "abc", true),
            ("%c", "abc", true),
            ("%b%", "abc", true),
            ("a%c%", "abcabd", true),
            ("%ab", "aab", true),
            ("_bc", "abc", true),
            ("_", "", false),
            ("__", "é€", true),
            ("my_table", "my_table", true),
            ("my_table", "myXtable", true),
            (r"my\_table", "my_table", true),
            (r"my\_table", "myXtable", false),
            (r"100\%", "100%", true),
            (r"100\%", "1000", false),
            (r"a\\b", r"a\b", true),
            (r"a\", r"a\", true),
            ("ABC", "abc", false),
            ("a.b", "aXb", false),
        ];
        for (pattern, text, matched) in table {
            assert_eq!(
                Pattern::parse(pattern).matches(text),
                matched,
                "{pattern} on {text}"
            );
        }
    }

    #[test]
    fn many_wildcards_take_no_exponential_time() {
        let pattern = "%a".repeat(2000);
        assert!(!Pattern::parse(&pattern).matches(&"a".repeat(1999)));
        assert!(!Pattern::parse(&pattern).matches(&"b".repeat(5000)));
    }
}
