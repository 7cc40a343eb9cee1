use reedline::{Color, StyledText};

use crate::command::is_command;
use crate::sql::{KEYWORDS, TokenKind, tokens};

/// Colours what is typed.
pub(super) struct Highlighter;

impl reedline::Highlighter for Highlighter {
    fn highlight(&self, line: &str, _cursor: usize) -> StyledText {
        let mut styled = StyledText::new();
        if is_command(line) {
            styled.push((Color::Cyan.normal(), line.to_owned()));
            return styled;
        }
        for token in tokens(line, 0) {
            let text = &line[token.range];
            let style = match token.kind {
                TokenKind::Word if is_keyword(text) => Color::Blue.bold(),
                TokenKind::Text => Color::Green.normal(),
                TokenKind::Number => Color::Yellow.normal(),
                TokenKind::Comment => Color::DarkGray.normal(),
                _ => Color::Default.normal(),
            };
            styled.push((style, text.to_owned()));
        }
        styled
    }
}

fn is_keyword(word: &str) -> bool {
    let word = word.to_ascii_uppercase();
    KEYWORDS.binary_search(&word.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_can_be_searched() {
        assert!(KEYWORDS.is_sorted());
        assert!(is_keyword("select") && !is_keyword("lineitem"));
    }

    #[test]
    fn nothing_is_lost_by_colours() {
        let text = "SELECT 'a', 1 -- ü\nFROM \"t";
        let styled = reedline::Highlighter::highlight(&Highlighter, text, 0);
        assert_eq!(styled.raw_string(), text);
    }
}
