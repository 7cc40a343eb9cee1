//! `AT (VERSION => …)` and `AT (TIMESTAMP => …)` after the name of a table.
//!
//! The parser's generic dialect takes `AT` for an alias. It takes `PARTITION (name)` in that place, which this server refuses
//! otherwise; so the clause travels through the parser as the name of a partition, and becomes a version in the tree.

use std::ops::ControlFlow;

use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Statement, TableFactor, TableVersion, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::dialect::Dialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Word};

use crate::{Error, Result};

/// How the name of a partition begins that stands for a clause.
const MARK: &str = "\u{1}at ";

/// The clauses of a statement, in the order they are written in.
#[derive(Debug, Default)]
pub(super) struct Versions(Vec<Expr>);

/// Takes the clauses out of the tokens of a statement.
///
/// # Errors
/// [`Error::Syntax`] when there is no expression in one.
pub(super) fn take(
    tokens: &mut Vec<TokenWithSpan>,
    dialect: &dyn Dialect,
    recursion_limit: usize,
) -> Result<Versions> {
    let mut versions = Versions::default();
    let mut from = 0;
    while let Some((start, end)) = find(tokens, from) {
        let clause = tokens.get(start..end).unwrap_or_default().to_vec();
        let parsed = Parser::new(dialect)
            .with_recursion_limit(recursion_limit)
            .with_tokens_with_locations(clause)
            .parse_expr();
        versions
            .0
            .push(parsed.map_err(|error| Error::from_parser(&error))?);
        let mark = format!("{MARK}{}", versions.0.len() - 1);
        let stand_in = [
            word("PARTITION", None, Keyword::PARTITION),
            Token::LParen,
            word(&mark, Some('"'), Keyword::NoKeyword),
            Token::RParen,
        ];
        let span = tokens.get(start).map(|token| token.span);
        let stand_in = stand_in.map(|token| match span {
            Some(span) => TokenWithSpan::new(token, span),
            None => TokenWithSpan::wrap(token),
        });
        from = start + stand_in.len();
        tokens.splice(start..end, stand_in);
    }
    Ok(versions)
}

fn word(value: &str, quote_style: Option<char>, keyword: Keyword) -> Token {
    Token::Word(Word {
        value: value.to_owned(),
        quote_style,
        keyword,
    })
}

/// Where the next clause begins and ends.
fn find(tokens: &[TokenWithSpan], from: usize) -> Option<(usize, usize)> {
    let written: Vec<(usize, &Token)> = tokens
        .iter()
        .map(|token| &token.token)
        .enumerate()
        .skip(from)
        .filter(|(_, token)| !matches!(token, Token::Whitespace(_)))
        .collect();
    let start = written.windows(4).position(|window| {
        matches!(window, [(_, at), (_, Token::LParen), (_, kind), (_, Token::RArrow)]
            if is_word(at, "at") && (is_word(kind, "version") || is_word(kind, "timestamp")))
    })?;
    let mut open = 0usize;
    for (at, token) in written.iter().skip(start + 1) {
        match token {
            Token::LParen => open += 1,
            Token::RParen => open = open.saturating_sub(1),
            _ => {}
        }
        if open == 0 {
            let (first, _) = written.get(start)?;
            return Some((*first, at + 1));
        }
    }
    None
}

fn is_word(token: &Token, wanted: &str) -> bool {
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}

impl Versions {
    /// Puts the clauses into the tree.
    ///
    /// # Errors
    /// [`Error::Syntax`] when one stands elsewhere than after the name of a table.
    pub(super) fn put(self, tree: &mut Tree) -> Result<()> {
        let wanted = self.0.len();
        if wanted == 0 {
            return Ok(());
        }
        let mut putter = Putter {
            versions: self.0.into_iter().map(Some).collect(),
            put: 0,
        };
        visit(tree, &mut putter);
        if putter.put == wanted {
            return Ok(());
        }
        Err(Error::syntax(
            "AT (VERSION => …) and AT (TIMESTAMP => …) stand after the name of a table in FROM or JOIN",
        ))
    }
}

fn visit(tree: &mut Tree, putter: &mut Putter) {
    match tree {
        Tree::Statement(statement) => {
            let _ = Statement::visit(statement, putter);
        }
        Tree::Explain(explain) => visit(&mut explain.statement, putter),
        Tree::CopyTo(_) | Tree::CreateExternalTable(_) | Tree::Reset(_) => {}
    }
}

struct Putter {
    versions: Vec<Option<Expr>>,
    put: usize,
}

impl VisitorMut for Putter {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            version,
            partitions,
            ..
        } = factor
            && let Some(clause) = self.clause(partitions)
        {
            partitions.clear();
            *version = Some(TableVersion::Function(clause));
            self.put += 1;
        }
        ControlFlow::Continue(())
    }
}

impl Putter {
    fn clause(&mut self, partitions: &[Ident]) -> Option<Expr> {
        let [partition] = partitions else {
            return None;
        };
        let at: usize = partition.value.strip_prefix(MARK)?.parse().ok()?;
        self.versions.get_mut(at)?.take()
    }
}

/// Parses a statement that the query engine's own parser knows in another form or not at all: `COPY`.
pub(super) fn parse_copy(
    tokens: Vec<TokenWithSpan>,
    dialect: &dyn Dialect,
    recursion_limit: usize,
) -> Result<Tree, ParserError> {
    let mut parser = Parser::new(dialect)
        .with_recursion_limit(recursion_limit)
        .with_tokens_with_locations(tokens);
    let statement = parser.parse_statement()?;
    while parser.consume_token(&Token::SemiColon) {}
    parser.expect_token(&Token::EOF)?;
    Ok(Tree::Statement(Box::new(statement)))
}

/// Whether the statement begins with this word.
pub(super) fn begins_with(tokens: &[TokenWithSpan], word: &str) -> bool {
    let mut written = tokens
        .iter()
        .map(|token| &token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon));
    written.next().is_some_and(|first| is_word(first, word))
}

/// Writes `ALL` as the first argument of a call as a name: the parser takes it for that of `count(ALL x)`.
pub(super) fn name_all(tokens: &mut [TokenWithSpan]) {
    let mut written = tokens
        .iter_mut()
        .map(|token| &mut token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .skip_while(|token| **token != Token::LParen)
        .skip(1);
    if let (Some(first), Some(Token::Comma)) = (written.next(), written.next())
        && is_word(first, "all")
    {
        *first = word("all", Some('"'), Keyword::NoKeyword);
    }
}
