//! How deep the tree of a statement will be, known from its tokens before any tree is made.

use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::{Error, Result};

/// How many AND and OR in a row are allowed for each level of nesting. `a or a or a …` makes a tree as deep as the chain
/// is long, but needs far less stack a level.
pub(crate) const CHAIN_WEIGHT: usize = 50;

/// How much an operator weighs that is neither AND, OR nor XOR: planning a chain of these takes time that grows with
/// the square of its length.
const LINK_WEIGHT: usize = 10;

/// Refuses statements whose tree would nest deeper than `max_depth`, or whose chains of operators would weigh more
/// than `max_depth` times [`CHAIN_WEIGHT`].
pub(crate) fn check(tokens: &[TokenWithSpan], max_depth: usize) -> Result<()> {
    let mut meter = Meter::new();
    let mut previous = None;
    for token in tokens {
        if matches!(token.token, Token::Whitespace(_)) {
            continue;
        }
        meter.take(&token.token, previous);
        previous = Some(&token.token);
        if meter.nesting() > max_depth {
            return Err(Error::invalid(format!(
                "the statement nests deeper than {max_depth} levels (query.max_sql_depth)"
            )));
        }
    }
    let (chain, allowed) = (meter.finish(), max_depth.saturating_mul(CHAIN_WEIGHT));
    if chain > allowed {
        return Err(Error::invalid(format!(
            "the statement chains too many operators: at most {allowed} times AND or OR in a row, or {} others \
             (query.max_sql_depth is {max_depth})",
            allowed / LINK_WEIGHT
        )));
    }
    Ok(())
}

struct Meter {
    open: Vec<Level>,
    /// Openers that no later token closes for certain: repeated keywords, `ARRAY<`.
    unclosed: usize,
}

/// What is known of one pair of parentheses, up to where the scan is.
#[derive(Default)]
struct Level {
    opener: Option<Opener>,
    /// Weight of the operators that bind loosest, which the others of this level are operands of.
    outer: usize,
    /// Weight of the operators since the last outer one, and the most there was between two.
    inner: usize,
    inner_max: usize,
    /// The deepest pair inside, since the last comma.
    child: usize,
    /// The deepest part between two commas.
    best: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Opener {
    Paren,
    Bracket,
    Brace,
    Case,
}

impl Meter {
    fn new() -> Self {
        Self {
            open: vec![Level::default()],
            unclosed: 0,
        }
    }

    fn nesting(&self) -> usize {
        self.open.len() - 1 + self.unclosed
    }

    fn take(&mut self, token: &Token, previous: Option<&Token>) {
        match token {
            Token::LParen => self.push(Opener::Paren),
            Token::LBracket => {
                // A subscript is also an operator on what stands before it.
                self.inner();
                self.push(Opener::Bracket);
            }
            Token::LBrace => self.push(Opener::Brace),
            Token::RParen => self.pop(Opener::Paren),
            Token::RBracket => self.pop(Opener::Bracket),
            Token::RBrace => self.pop(Opener::Brace),
            Token::Comma | Token::SemiColon => self.top(Level::next_part),
            Token::Word(word) => self.word(word, previous),
            Token::VerticalBarRightAngleBracket => self.top(|level| level.outer(LINK_WEIGHT)),
            Token::Lt => {
                let of_type =
                    matches!(previous, Some(Token::Word(word)) if is_type_constructor(word));
                self.unclosed += usize::from(of_type);
                self.inner();
            }
            Token::EOF | Token::Number(..) | Token::Placeholder(_) | Token::Whitespace(_) => {}
            token if is_literal(token) => {}
            _ => self.inner(),
        }
    }

    fn word(&mut self, word: &Word, previous: Option<&Token>) {
        if word.quote_style.is_some() || word.keyword == Keyword::NoKeyword {
            return;
        }
        let repeated =
            matches!(previous, Some(Token::Word(before)) if before.keyword == word.keyword);
        self.unclosed += usize::from(repeated || word.keyword == Keyword::EXPLAIN);
        match word.keyword {
            Keyword::CASE => self.push(Opener::Case),
            Keyword::END => self.pop(Opener::Case),
            Keyword::AND | Keyword::OR | Keyword::XOR => self.top(|level| level.outer(1)),
            Keyword::UNION
            | Keyword::INTERSECT
            | Keyword::EXCEPT
            | Keyword::MINUS
            | Keyword::JOIN
            | Keyword::APPLY => self.top(|level| level.outer(LINK_WEIGHT)),
            Keyword::NOT
            | Keyword::IS
            | Keyword::IN
            | Keyword::LIKE
            | Keyword::ILIKE
            | Keyword::RLIKE
            | Keyword::REGEXP
            | Keyword::SIMILAR
            | Keyword::BETWEEN
            | Keyword::COLLATE
            | Keyword::AT
            | Keyword::OVERLAPS
            | Keyword::DIV
            | Keyword::MOD
            | Keyword::ANY
            | Keyword::ALL
            | Keyword::INTERVAL
            | Keyword::PRIOR
            | Keyword::OPERATOR
            | Keyword::MEMBER => self.inner(),
            _ => {}
        }
    }

    fn push(&mut self, opener: Opener) {
        self.open.push(Level {
            opener: Some(opener),
            ..Level::default()
        });
    }

    /// Closes the innermost pair of this kind and what was left open inside; a closer without opener changes nothing.
    fn pop(&mut self, opener: Opener) {
        let Some(at) = self
            .open
            .iter()
            .rposition(|level| level.opener == Some(opener))
        else {
            return;
        };
        while self.open.len() > at {
            self.close();
        }
    }

    fn close(&mut self) {
        if let Some(closed) = self.open.pop() {
            let depth = closed.depth() + 1;
            self.top(|level| level.child = level.child.max(depth));
        }
    }

    fn inner(&mut self) {
        self.top(|level| level.inner += LINK_WEIGHT);
    }

    fn top(&mut self, change: impl FnOnce(&mut Level)) {
        if let Some(level) = self.open.last_mut() {
            change(level);
        }
    }

    fn finish(mut self) -> usize {
        while self.open.len() > 1 {
            self.close();
        }
        self.open.first().map_or(0, Level::depth)
    }
}

impl Level {
    fn outer(&mut self, weight: usize) {
        self.outer += weight;
        self.inner_max = self.inner_max.max(self.inner);
        self.inner = 0;
    }

    fn next_part(&mut self) {
        *self = Self {
            opener: self.opener,
            best: self.depth(),
            ..Self::default()
        };
    }

    fn depth(&self) -> usize {
        self.best
            .max(self.outer + self.inner_max.max(self.inner) + self.child)
    }
}

fn is_type_constructor(word: &Word) -> bool {
    ["array", "struct", "map", "list", "table", "tuple"]
        .iter()
        .any(|name| word.value.eq_ignore_ascii_case(name))
}

fn is_literal(token: &Token) -> bool {
    matches!(
        token,
        Token::Char(_)
            | Token::SingleQuotedString(_)
            | Token::DoubleQuotedString(_)
            | Token::TripleSingleQuotedString(_)
            | Token::TripleDoubleQuotedString(_)
            | Token::DollarQuotedString(_)
            | Token::SingleQuotedByteStringLiteral(_)
            | Token::DoubleQuotedByteStringLiteral(_)
            | Token::NationalStringLiteral(_)
            | Token::EscapedStringLiteral(_)
            | Token::UnicodeStringLiteral(_)
            | Token::HexStringLiteral(_)
    )
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn allows(sql: &str) -> bool {
        let tokens = Tokenizer::new(&GenericDialect {}, sql)
            .tokenize_with_location()
            .unwrap();
        check(&tokens, 200).is_ok()
    }

    fn nested(open: &str, core: &str, close: &str, times: usize) -> String {
        format!("select {}{core}{}", open.repeat(times), close.repeat(times))
    }

    #[test]
    fn nesting_is_counted_whatever_nests() {
        for (open, core, close) in [
            ("(", "1", ")"),
            ("[", "1", "]"),
            ("{'a': ", "1", "}"),
            ("case when true then ", "1", " end"),
            ("cast(null as array<", "int", ">)"),
            ("f(", "1", ")"),
            ("explain ", "select 1", ""),
            ("explain analyze ", "select 1", ""),
            ("interval ", "'1'", ""),
            ("not ", "true", ""),
            ("(select * from ", "t", ")"),
        ] {
            assert!(allows(&nested(open, core, close, 20)), "20 times {open}");
            assert!(
                !allows(&nested(open, core, close, 10_000)),
                "10,000 times {open}"
            );
        }
    }

    #[test]
    fn chains_are_long_but_not_endless() {
        for link in [
            " + 1",
            " and x = 1",
            " union all select 1",
            "::int",
            " is null",
            "[1]",
            " |> where true",
            " - - 1",
        ] {
            assert!(
                allows(&format!("select 1{}", link.repeat(450))),
                "450 times {link}"
            );
            assert!(
                !allows(&format!(
                    "select 1{}",
                    link.repeat(200_000 / link.len() * 5)
                )),
                "many times {link}"
            );
        }
    }

    #[test]
    fn lists_are_not_chains() {
        assert!(allows(&format!(
            "select a in (1{})",
            ", 1 + 2".repeat(50_000)
        )));
        assert!(allows(&format!(
            "select t.a = 1{}",
            ", t.b = 2".repeat(50_000)
        )));
    }
}
