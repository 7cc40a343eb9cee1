//! Text to one syntax tree, within the limits.

use std::sync::Arc;

use datafusion::sql::parser::{DFParserBuilder, Statement as Tree};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::keywords::Keyword;
use datafusion::sql::sqlparser::parser::ParserError;
use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::check::{Access, Kill, access_of, kill_of};
use crate::deep::with_deep_stack;
use crate::{Error, Result, copy, depth, placeholders};

/// The generic dialect: it takes `?` as a parameter, where PostgreSQL's takes it as an operator.
pub(crate) static DIALECT: GenericDialect = GenericDialect {};

mod versions;

/// How many mentions of tables each level of `query.max_sql_depth` allows.
const TABLES_PER_LEVEL: usize = 5;

/// How often the parser may call itself for one level of nesting.
const CALLS_PER_LEVEL: usize = 8;

/// Limits on the text of a statement.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// `query.max_sql_bytes`
    pub(crate) max_bytes: u64,
    /// `query.max_sql_depth`
    pub(crate) max_depth: usize,
}

impl Limits {
    /// How many tables a statement may mention.
    pub(crate) fn max_tables(self) -> usize {
        self.max_depth.saturating_mul(TABLES_PER_LEVEL)
    }

    /// How often the parser may call itself.
    pub(crate) fn recursion(self) -> usize {
        self.max_depth.saturating_mul(CALLS_PER_LEVEL)
    }
}

/// A statement as it was written.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// The text that the client sent.
    pub(crate) sql: Arc<str>,
    /// The syntax tree, its parameters numbered.
    pub(crate) tree: Tree,
    /// What the client knows the parameters by, in the order of binding.
    pub(crate) parameters: Vec<String>,
}

/// What a text says.
#[derive(Debug)]
pub(crate) enum Spoken {
    /// Who may do what.
    Access(Access),
    /// What is to be ended.
    Kill(Kill),
    /// Anything else.
    Statement(Parsed),
}

/// Parses exactly one statement that is not about who may do what.
///
/// # Errors
/// [`Error::TooLarge`], [`Error::Syntax`], or [`Error::InvalidInput`] when it is not one statement, nests too deep or
/// mixes kinds of parameters.
pub(crate) fn parse(sql: &str, limits: Limits) -> Result<Parsed> {
    match parse_any(sql, limits)? {
        Spoken::Statement(parsed) => Ok(parsed),
        Spoken::Kill(_) => Err(Error::unsupported(
            "KILL gives no rows and takes none; run it as a statement of its own",
        )),
        Spoken::Access(_) => Err(Error::unsupported(
            "a change of users or grants gives no rows and takes none; run it as a statement of its own",
        )),
    }
}

/// Parses exactly one statement.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_any(sql: &str, limits: Limits) -> Result<Spoken> {
    let bytes = sql.len() as u64;
    if bytes > limits.max_bytes {
        return Err(Error::TooLarge {
            what: "a statement",
            limit: "query.max_sql_bytes",
            value: bytes,
            allowed: limits.max_bytes,
        });
    }
    let mut tokens = Tokenizer::new(&DIALECT, sql)
        .tokenize_with_location()
        .map_err(|error| Error::from_parser(&ParserError::from(error)))?;
    depth::check(&tokens, limits.max_depth)?;
    name_callers(&mut tokens);
    if let Some(access) = access_of(&tokens, limits)? {
        return Ok(Spoken::Access(access));
    }
    if let Some(kill) = kill_of(&tokens)? {
        return Ok(Spoken::Kill(kill));
    }
    parse_tokens(sql, tokens, limits).map(Spoken::Statement)
}

fn parse_tokens(sql: &str, mut tokens: Vec<TokenWithSpan>, limits: Limits) -> Result<Parsed> {
    let parameters = placeholders::number(&mut tokens)?;
    let recursion_limit = limits.recursion();
    let versions = with_deep_stack(|| versions::take(&mut tokens, &DIALECT, recursion_limit))?;
    if versions::begins_with(&tokens, "copy") {
        let tree = with_deep_stack(|| versions::parse_copy(tokens, &DIALECT, recursion_limit));
        let mut tree = tree.map_err(|error| Error::from_parser(&error))?;
        with_deep_stack(|| versions.put(&mut tree))?;
        return Ok(Parsed {
            sql: Arc::from(sql),
            tree: with_deep_stack(|| copy::insert_of(tree))?,
            parameters,
        });
    }
    if versions::begins_with(&tokens, "call") {
        versions::name_all(&mut tokens);
    }
    let mut trees = with_deep_stack(|| {
        DFParserBuilder::new(tokens)
            .with_dialect(&DIALECT)
            .with_recursion_limit(recursion_limit)
            .build()?
            .parse_statements()
    })
    .map_err(|error| Error::from_datafusion(&error, "parse"))?;
    match (trees.pop_front(), trees.is_empty()) {
        (Some(mut tree), true) => {
            with_deep_stack(|| versions.put(&mut tree))?;
            Ok(Parsed {
                sql: Arc::from(sql),
                tree,
                parameters,
            })
        }
        (None, _) => Err(Error::invalid("there is no statement in the text")),
        (Some(tree), false) => {
            with_deep_stack(|| drop((tree, trees)));
            Err(Error::invalid(
                "one statement per call: the text holds several",
            ))
        }
    }
}

/// Makes `current_user()` the call of a function: to the parser, the word alone is the whole call.
fn name_callers(tokens: &mut [TokenWithSpan]) {
    let mut written = tokens
        .iter_mut()
        .map(|token| &mut token.token)
        .filter(|token| !matches!(token, Token::Whitespace(_)))
        .peekable();
    while let Some(token) = written.next() {
        if let Token::Word(word) = token
            && word.quote_style.is_none()
            && matches!(word.keyword, Keyword::CURRENT_USER | Keyword::SESSION_USER)
            && matches!(written.peek(), Some(Token::LParen))
        {
            word.value = word.value.to_lowercase();
            word.quote_style = Some('"');
            word.keyword = Keyword::NoKeyword;
        }
    }
}
