//! `KILL QUERY 'id'` and `KILL SESSION 'id'`, taken from the tokens: the parser of the query engine knows neither.

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::{Error, Result};

/// What is to be ended, by its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kill {
    /// A statement that runs.
    Query(String),
    /// A session with all that runs in it.
    Session(String),
}

impl Kill {
    /// As it is written in SQL.
    pub(crate) fn sql(&self) -> String {
        let (what, id) = match self {
            Self::Query(id) => ("QUERY", id),
            Self::Session(id) => ("SESSION", id),
        };
        format!("KILL {what} '{}'", id.replace('\'', "''"))
    }
}

/// Takes a statement apart. `None` when it is another one.
///
/// # Errors
/// [`Error::Syntax`].
pub(crate) fn kill_of(tokens: &[TokenWithSpan]) -> Result<Option<Kill>> {
    let written = tokens.iter().map(|token| &token.token);
    let mut written = written
        .filter(|token| !matches!(token, Token::Whitespace(_) | Token::SemiColon | Token::EOF));
    if !written.next().is_some_and(|token| is_word(token, "kill")) {
        return Ok(None);
    }
    let (what, id, rest) = (written.next(), written.next(), written.next());
    let make = what.and_then(|what| {
        if is_word(what, "query") {
            Some(Kill::Query as fn(String) -> Kill)
        } else if is_word(what, "session") {
            Some(Kill::Session as fn(String) -> Kill)
        } else {
            None
        }
    });
    match (make, id, rest) {
        (Some(make), Some(Token::SingleQuotedString(id)), None) => Ok(Some(make(id.clone()))),
        _ => Err(Error::syntax(
            "SQL syntax: write KILL QUERY 'id' or KILL SESSION 'id', with an id of system.queries or system.sessions",
        )),
    }
}

fn is_word(token: &Token, wanted: &str) -> bool {
    matches!(token, Token::Word(word)
        if word.quote_style.is_none() && word.value.eq_ignore_ascii_case(wanted))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn read(sql: &str) -> Result<Option<Kill>> {
        let tokens = Tokenizer::new(&GenericDialect {}, sql).tokenize_with_location();
        kill_of(&tokens.unwrap())
    }

    #[test]
    fn ids_are_texts() {
        let query = Kill::Query("a'b".to_owned());
        assert_eq!(query.sql(), "KILL QUERY 'a''b'");
        for sql in ["KILL QUERY 'a''b'", " kill /* now */ query 'a''b' ;"] {
            assert_eq!(read(sql).unwrap(), Some(query.clone()), "{sql}");
        }
        let session = Some(Kill::Session("x".to_owned()));
        assert_eq!(read("Kill Session 'x'").unwrap(), session);
        for other in ["SELECT 1", "\"kill\" query 'a'", ""] {
            assert_eq!(read(other).unwrap(), None, "{other}");
        }
        for wrong in [
            "kill",
            "kill 'a'",
            "kill query",
            "kill query a",
            "kill query 7",
            "kill query ?",
            "kill query 'a' 'b'",
            "kill connection 'a'",
        ] {
            assert!(matches!(read(wrong), Err(Error::Syntax { .. })), "{wrong}");
        }
    }
}
