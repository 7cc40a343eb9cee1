//! What other commits say about themselves.

use crate::state::quoted;

/// One change of another commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Theirs {
    CreatedSchema(String),
    /// A table or a view: schema and name.
    Created(String, String),
    Inserted(i64),
    Deleted(i64),
    AlteredTable(i64),
    DroppedTable(i64),
    /// Changed or dropped.
    View(i64),
    DroppedSchema(i64),
    /// Rows were put together in other files.
    Compacted(i64),
    /// Nothing that a transaction of ours could touch.
    Nothing,
    /// A word that is not known here.
    Unknown(String),
}

/// The changes of one commit; one that cannot be read is [`Theirs::Unknown`].
pub(super) fn parse(text: &str) -> Vec<Theirs> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        match change(rest) {
            Some((change, after)) => {
                found.push(change);
                rest = after;
            }
            None => {
                found.push(Theirs::Unknown(rest.to_owned()));
                break;
            }
        }
    }
    found
}

/// The first change of a text, and what comes after it.
fn change(text: &str) -> Option<(Theirs, &str)> {
    let (word, mut rest) = text.split_once(':')?;
    let mut names = Vec::new();
    if rest.starts_with('"') {
        loop {
            let (name, after) = quoted::name(rest)?;
            names.push(name);
            rest = after;
            match rest.strip_prefix('.') {
                Some(more) => rest = more,
                None => break,
            }
        }
    }
    let (value, after) = rest.split_once(',').unwrap_or((rest, ""));
    let change = match names.as_slice() {
        [] => numbered(word, value)?,
        [name] => match word {
            "created_schema" => Theirs::CreatedSchema(name.clone()),
            _ => Theirs::Unknown(word.to_owned()),
        },
        [schema, name] => match word {
            "created_table" | "created_view" => Theirs::Created(schema.clone(), name.clone()),
            "created_scalar_macro" | "created_table_macro" => Theirs::Nothing,
            _ => Theirs::Unknown(word.to_owned()),
        },
        _ => return None,
    };
    Some((change, after))
}

fn numbered(word: &str, value: &str) -> Option<Theirs> {
    let id = value.trim().parse().ok()?;
    Some(match word.trim() {
        "inserted_into_table" | "inlined_insert" => Theirs::Inserted(id),
        "deleted_from_table" | "inlined_delete" => Theirs::Deleted(id),
        "altered_table" => Theirs::AlteredTable(id),
        "dropped_table" => Theirs::DroppedTable(id),
        "altered_view" | "dropped_view" => Theirs::View(id),
        "dropped_schema" => Theirs::DroppedSchema(id),
        "compacted_table" | "merge_adjacent" | "rewrite_delete" | "inline_flush" => {
            Theirs::Compacted(id)
        }
        "dropped_scalar_macro" | "dropped_table_macro" => Theirs::Nothing,
        other => Theirs::Unknown(other.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_duckdb() {
        let text = r#"dropped_table:8,created_table:"main"."q""x,y",created_schema:"s",inlined_insert:9,merge_adjacent:3"#;
        assert_eq!(
            parse(text),
            [
                Theirs::DroppedTable(8),
                Theirs::Created("main".to_owned(), "q\"x,y".to_owned()),
                Theirs::CreatedSchema("s".to_owned()),
                Theirs::Inserted(9),
                Theirs::Compacted(3),
            ]
        );
        assert_eq!(parse(""), []);
        assert_eq!(parse("sorted:4"), [Theirs::Unknown("sorted".to_owned())]);
        assert!(matches!(
            parse("created_table:\"x").as_slice(),
            [Theirs::Unknown(_)]
        ));
    }
}
