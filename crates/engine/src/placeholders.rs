//! Parameters in the text of a statement: `?`, `$1` or `$name`, one style at a time, made into `$1`, `$2` …

use datafusion::sql::sqlparser::tokenizer::{Token, TokenWithSpan};

use crate::{Error, Result};

/// The largest number of parameters that a statement can have.
pub(crate) const MAX_PARAMETERS: usize = 4096;

/// Rewrites the placeholders in place and returns what a client knows each parameter by, in the order of binding.
///
/// Only tokens are touched, so that a `?` in a string, a comment or a quoted name stays what it is.
///
/// # Errors
/// [`Error::InvalidInput`] when styles are mixed, a number is not one, or there are too many.
pub(crate) fn number(tokens: &mut [TokenWithSpan]) -> Result<Vec<String>> {
    let mut parameters = Parameters::default();
    for token in tokens {
        match &mut token.token {
            Token::Placeholder(text) => *text = parameters.take(text)?,
            Token::Question => token.token = Token::Placeholder(parameters.take("?")?),
            _ => {}
        }
    }
    Ok(parameters.names())
}

#[derive(Default)]
struct Parameters {
    style: Option<Style>,
    /// How many there are, or the highest number.
    count: usize,
    names: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum Style {
    Question,
    Numbered,
    Named,
}

impl Parameters {
    fn take(&mut self, text: &str) -> Result<String> {
        let number = match text.strip_prefix('$') {
            None if text == "?" => {
                self.keep_style(Style::Question)?;
                self.count + 1
            }
            Some(name) if name.bytes().all(|byte| byte.is_ascii_digit()) => {
                self.keep_style(Style::Numbered)?;
                number_of(text, name)?
            }
            Some(name) => {
                self.keep_style(Style::Named)?;
                self.position(name)
            }
            None => {
                return Err(Error::invalid(format!(
                    "'{text}' is no parameter; write ?, $1 or $name"
                )));
            }
        };
        self.count = self.count.max(number);
        if self.count > MAX_PARAMETERS {
            return Err(Error::invalid(format!(
                "a statement can have {MAX_PARAMETERS} parameters at most"
            )));
        }
        Ok(format!("${number}"))
    }

    fn keep_style(&mut self, style: Style) -> Result<()> {
        match self.style.replace(style) {
            Some(before) if before != style => Err(Error::invalid(
                "a statement takes parameters as ?, as $1 or as $name, not as a mixture",
            )),
            _ => Ok(()),
        }
    }

    fn position(&mut self, name: &str) -> usize {
        if let Some(at) = self.names.iter().position(|known| known == name) {
            return at + 1;
        }
        self.names.push(name.to_owned());
        self.names.len()
    }

    fn names(self) -> Vec<String> {
        match self.style {
            Some(Style::Named) => self
                .names
                .into_iter()
                .map(|name| format!("${name}"))
                .collect(),
            _ => (1..=self.count)
                .map(|number| format!("${number}"))
                .collect(),
        }
    }
}

fn number_of(text: &str, digits: &str) -> Result<usize> {
    match digits.parse() {
        Ok(0) | Err(_) => Err(Error::invalid(format!(
            "'{text}' is no parameter; the first one is $1"
        ))),
        Ok(number) => Ok(number),
    }
}

#[cfg(test)]
mod tests {
    use datafusion::sql::sqlparser::dialect::GenericDialect;
    use datafusion::sql::sqlparser::tokenizer::Tokenizer;

    use super::*;

    fn rewrite(sql: &str) -> Result<(String, Vec<String>)> {
        let mut tokens = Tokenizer::new(&GenericDialect {}, sql)
            .tokenize_with_location()
            .unwrap();
        let names = number(&mut tokens)?;
        Ok((
            tokens.iter().map(|token| token.token.to_string()).collect(),
            names,
        ))
    }

    #[test]
    fn questions_are_numbered_in_order() {
        let (sql, names) =
            rewrite("select ?, a from t where b = ? -- ?\n and c = '?' and \"?\" = /* ? */ ?")
                .unwrap();
        assert_eq!(
            sql,
            "select $1, a from t where b = $2 -- ?\n and c = '?' and \"?\" = /* ? */ $3"
        );
        assert_eq!(names, ["$1", "$2", "$3"]);
    }

    #[test]
    fn numbers_keep_their_place() {
        assert_eq!(rewrite("select $2, $1, $2").unwrap().1, ["$1", "$2"]);
        assert_eq!(rewrite("select $3").unwrap().1, ["$1", "$2", "$3"]);
    }

    #[test]
    fn names_are_numbered_by_first_use() {
        let (sql, names) = rewrite("select $b, $a, $b").unwrap();
        assert_eq!(sql, "select $1, $2, $1");
        assert_eq!(names, ["$b", "$a"]);
    }

    #[test]
    fn mixtures_and_nonsense_are_refused() {
        for sql in [
            "select ?, $1",
            "select $1, $a",
            "select $0",
            "select $99999999999999999999",
            "select $5000",
        ] {
            assert!(
                matches!(rewrite(sql), Err(Error::InvalidInput { .. })),
                "{sql}"
            );
        }
    }
}
