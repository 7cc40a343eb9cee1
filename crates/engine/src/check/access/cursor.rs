use datafusion::sql::sqlparser::ast::{Expr, Ident, ObjectName};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::deep::with_deep_stack;
use crate::parse::Limits;
use crate::{Error, Result};

/// How many words say what a statement is.
const FIRST_WORDS: usize = 4;

/// A place in the tokens of a statement.
pub(super) struct Cursor<'a> {
    tokens: Vec<&'a TokenWithSpan>,
    at: usize,
    /// What the whole statement may be, for messages.
    usage: &'static str,
    limits: Limits,
}

/// The first words of a statement in lower case, up to what is no word without quotes.
pub(super) fn first_words(tokens: &[TokenWithSpan]) -> Vec<String> {
    let written = tokens
        .iter()
        .map(|token| &token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .skip_while(|token| matches!(token, Token::SemiColon));
    let words = written.map_while(|token| match token {
        Token::Word(word) if word.quote_style.is_none() => Some(word.value.to_lowercase()),
        _ => None,
    });
    words.take(FIRST_WORDS).collect()
}

/// Whether the words `OWNER TO` are in the statement.
pub(super) fn sets_owner(tokens: &[TokenWithSpan]) -> bool {
    let written: Vec<_> = tokens
        .iter()
        .map(|token| &token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .collect();
    written
        .windows(2)
        .any(|pair| matches!(pair, [owner, to] if is_word(owner, "owner") && is_word(to, "to")))
}

impl<'a> Cursor<'a> {
    pub(super) fn new(tokens: &'a [TokenWithSpan], usage: &'static str, limits: Limits) -> Self {
        let written = tokens
            .iter()
            .filter(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF))
            .skip_while(|token| token.token == Token::SemiColon);
        Self {
            tokens: written.collect(),
            at: 0,
            usage,
            limits,
        }
    }

    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at).map(|token| &token.token)
    }

    /// Whether these words come next.
    pub(super) fn is_at(&self, words: &[&str]) -> bool {
        let next = self.tokens.get(self.at..).unwrap_or_default();
        next.len() >= words.len()
            && words
                .iter()
                .zip(next)
                .all(|(word, token)| is_word(&token.token, word))
    }

    /// Takes these words, if they come next.
    pub(super) fn took(&mut self, words: &[&str]) -> bool {
        let is_at = self.is_at(words);
        if is_at {
            self.at += words.len();
        }
        is_at
    }

    /// # Errors
    /// When something else comes next.
    pub(super) fn expect(&mut self, words: &[&str]) -> Result<()> {
        for word in words {
            if !self.took(&[word]) {
                return Err(self.unexpected(&word.to_uppercase()));
            }
        }
        Ok(())
    }

    pub(super) fn took_token(&mut self, token: &Token) -> bool {
        let is_next = self.peek() == Some(token);
        self.at += usize::from(is_next);
        is_next
    }

    pub(super) fn expect_token(&mut self, token: &Token, shown: &str) -> Result<()> {
        if self.took_token(token) {
            return Ok(());
        }
        Err(self.unexpected(shown))
    }

    pub(super) fn ident(&mut self, what: &str) -> Result<Ident> {
        match self.peek() {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(ident_of(word))
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// A name as it is kept.
    pub(super) fn name(&mut self, what: &str) -> Result<String> {
        self.ident(what).map(|ident| super::super::folded(&ident))
    }

    pub(super) fn object_name(&mut self, what: &str) -> Result<ObjectName> {
        let mut parts = vec![self.ident(what)?];
        while self.took_token(&Token::Period) {
            parts.push(self.ident(what)?);
        }
        Ok(ObjectName::from(parts))
    }

    /// A text in single quotes.
    pub(super) fn text(&mut self, what: &str) -> Result<String> {
        match self.peek() {
            Some(Token::SingleQuotedString(text)) => {
                self.at += 1;
                Ok(text.clone())
            }
            _ => Err(self.unexpected(what)),
        }
    }

    /// At least one, with commas between.
    pub(super) fn list<T>(
        &mut self,
        mut one: impl FnMut(&mut Self) -> Result<T>,
    ) -> Result<Vec<T>> {
        let mut all = vec![one(self)?];
        while self.took_token(&Token::Comma) {
            all.push(one(self)?);
        }
        Ok(all)
    }

    /// An expression in parentheses.
    pub(super) fn expression(&mut self) -> Result<Expr> {
        self.expect_token(&Token::LParen, "( and an expression")?;
        let from = self.at;
        let mut open = 1usize;
        while open > 0 {
            match self.peek() {
                Some(Token::LParen) => open += 1,
                Some(Token::RParen) => open -= 1,
                Some(_) => {}
                None => return Err(self.unexpected(")")),
            }
            self.at += 1;
        }
        let within = self.tokens.get(from..self.at - 1).unwrap_or_default();
        let within = within.iter().map(|token| (*token).clone()).collect();
        let recursion_limit = self.limits.recursion();
        let parsed = with_deep_stack(|| {
            let mut parser = Parser::new(&GenericDialect {})
                .with_recursion_limit(recursion_limit)
                .with_tokens_with_locations(within);
            let expr = parser.parse_expr()?;
            parser.expect_token(&Token::EOF)?;
            Ok(expr)
        });
        parsed.map_err(|error| Error::from_parser(&error))
    }

    /// # Errors
    /// When something is left.
    pub(super) fn end(&mut self) -> Result<()> {
        while self.took_token(&Token::SemiColon) {}
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.unexpected("the end of the statement")),
        }
    }

    /// What was found is quoted only when it is a word: a text may be a password.
    pub(super) fn unexpected(&self, wanted: &str) -> Error {
        let found = match self.tokens.get(self.at) {
            None => "the statement ends".to_owned(),
            Some(token) => {
                let what = match &token.token {
                    Token::Word(word) if word.quote_style.is_none() => word.value.clone(),
                    Token::Word(_) => "a name in quotes".to_owned(),
                    Token::Number(..) => "a number".to_owned(),
                    Token::Comma => ",".to_owned(),
                    Token::LParen => "(".to_owned(),
                    Token::RParen => ")".to_owned(),
                    Token::SemiColon => ";".to_owned(),
                    Token::Placeholder(_) => "a parameter".to_owned(),
                    _ => "something else".to_owned(),
                };
                let at = token.span.start;
                format!("found {what} at line {}, column {}", at.line, at.column)
            }
        };
        Error::syntax(format!(
            "SQL syntax: expected {wanted}, {found}; write {}",
            self.usage
        ))
    }

    /// A clause that there is elsewhere and not here.
    pub(super) fn unsupported(&self, clause: &str) -> Error {
        Error::unsupported(format!("{clause} is not supported; write {}", self.usage))
    }
}

fn ident_of(word: &Word) -> Ident {
    match word.quote_style {
        Some(quote) => Ident::with_quote(quote, word.value.as_str()),
        None => Ident::new(word.value.as_str()),
    }
}

fn is_word(token: &Token, wanted: &str) -> bool {
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}
