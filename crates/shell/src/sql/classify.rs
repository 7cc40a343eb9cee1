use super::lexer::{Token, TokenKind, tokens};

/// How a statement is sent, and what is said when it has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It gives rows.
    Query,
    /// It changes rows, and says how many.
    Change,
    /// It does something else.
    Effect,
}

/// First words of statements that change rows.
const CHANGES: &[&str] = &["INSERT", "UPDATE", "DELETE", "MERGE", "COPY"];

/// First words of statements that do something else, and give no rows. Those of no list are taken for queries, to which
/// any answer is possible.
const EFFECTS: &[&str] = &[
    "CREATE",
    "DROP",
    "ALTER",
    "TRUNCATE",
    "SET",
    "RESET",
    "USE",
    "BEGIN",
    "START",
    "COMMIT",
    "ROLLBACK",
    "END",
    "ABORT",
    "SAVEPOINT",
    "RELEASE",
    "GRANT",
    "REVOKE",
    "COMMENT",
    "VACUUM",
    "REFRESH",
];

/// What a statement is, by its words.
pub(crate) fn kind(sql: &str) -> Kind {
    let first = words(sql).next().unwrap_or_default();
    let returns = || words(sql).any(|word| word == "RETURNING");
    if CHANGES.contains(&first.as_str()) && !returns() {
        Kind::Change
    } else if EFFECTS.contains(&first.as_str()) {
        Kind::Effect
    } else {
        Kind::Query
    }
}

/// The words outside of quotes and comments, in capitals.
fn words(sql: &str) -> impl Iterator<Item = String> + '_ {
    tokens(sql, 0)
        .filter(|token: &Token| token.kind == TokenKind::Word)
        .map(|token| sql[token.range].to_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_known_by_their_words() {
        for (sql, expected) in [
            ("select 1", Kind::Query),
            ("-- insert\n with a as (select 1) table a", Kind::Query),
            ("(select 1)", Kind::Query),
            ("insert into t values ('returning')", Kind::Change),
            ("insert into t values (1) returning a", Kind::Query),
            ("/* x */ create table t (a int)", Kind::Effect),
            ("explain delete from t", Kind::Query),
            ("", Kind::Query),
        ] {
            assert_eq!(kind(sql), expected, "{sql}");
        }
    }
}
