use super::TokenKind::*;
use super::*;

fn kinds(text: &str) -> Vec<TokenKind> {
    let all = tokens(text, 0).filter(|token| token.kind != Space);
    all.map(|token| token.kind).collect()
}

#[test]
fn pieces_cover_the_text() {
    let text = "SELECT 'it''s', \"a\"\"b\", $1, $$;$$, E'\\'', 1.5e3 /* a /* b */ c */ -- end\n FROM größe;";
    let all: Vec<Token> = tokens(text, 0).collect();
    assert_eq!(all.first().map(|token| token.range.start), Some(0));
    assert_eq!(all.last().map(|token| token.range.end), Some(text.len()));
    assert!(
        all.windows(2)
            .all(|two| two[0].range.end == two[1].range.start)
    );
    assert!(all.iter().all(|token| token.closed));
    assert_eq!(
        kinds(text),
        [
            Word, Text, Symbol, Quoted, Symbol, Symbol, Symbol, Text, Symbol, Text, Symbol, Number,
            Comment, Comment, Word, Word, Semicolon
        ]
    );
}

#[test]
fn what_is_open_goes_on() {
    for text in ["'a", "\"a", "/* a /* b */", "$x$ ; $y$", "e'\\'", "-- a"] {
        let last = tokens(text, 0).last().unwrap();
        assert!(!last.closed, "{text}");
        assert_eq!(last.range, 0..text.len());
    }
}
