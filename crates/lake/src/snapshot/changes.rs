//! The catalog's words for what a commit did: `inserted_into_table:3,created_table:"main"."t"`.

use crate::TableId;
use crate::state::quoted;

/// Whether a commit may have changed the rows or the columns of a table. Words that are not known may mean anything.
pub(crate) fn concern(changes: &str, table: TableId) -> bool {
    let mut rest = changes.trim();
    while !rest.is_empty() {
        match next(rest) {
            Some((of, after)) if of != Some(table.0) => rest = after,
            _ => return true,
        }
    }
    false
}

/// Whether a commit only put rows of a table into other files.
pub(crate) fn is_compaction(changes: &str, table: TableId) -> bool {
    let words = [
        "merge_adjacent",
        "rewrite_delete",
        "inline_flush",
        "flushed_inlined",
        "compacted_table",
    ];
    let mut rest = changes.trim();
    while let Some((of, after)) = next(rest) {
        let word = rest.split(':').next().unwrap_or_default();
        if of == Some(table.0) && words.contains(&word) {
            return true;
        }
        rest = after;
    }
    false
}

/// The table that the first word is about, if it is about one that was there before, and the words after it.
fn next(text: &str) -> Option<(Option<i64>, &str)> {
    let (word, mut rest) = text.split_once(':')?;
    if rest.starts_with('"') {
        rest = quoted::name(rest)?.1;
        while let Some(more) = rest.strip_prefix('.') {
            rest = quoted::name(more)?.1;
        }
        // What is made has no rows before; what is renamed keeps them.
        return word.starts_with("created_").then_some((None, tail(rest)?));
    }
    let end = rest.find(',').unwrap_or(rest.len());
    let number = rest[..end].trim().parse().ok()?;
    let about_tables = [
        "inserted_into_table",
        "deleted_from_table",
        "inlined_insert",
        "inlined_delete",
        "inline_flush",
        "flushed_inlined",
        "altered_table",
        "dropped_table",
        "compacted_table",
        "merge_adjacent",
        "rewrite_delete",
    ];
    let about_others = [
        "dropped_schema",
        "dropped_view",
        "altered_view",
        "dropped_scalar_macro",
        "dropped_table_macro",
    ];
    let of = if about_tables.contains(&word) {
        Some(number)
    } else if about_others.contains(&word) {
        None
    } else {
        return None;
    };
    Some((of, tail(&rest[end..])?))
}

fn tail(rest: &str) -> Option<&str> {
    if rest.is_empty() {
        return Some(rest);
    }
    rest.strip_prefix(',').map(str::trim_start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_about_a_table() {
        let of_three = |changes| concern(changes, TableId(3));
        assert!(of_three("inserted_into_table:3"));
        assert!(of_three(
            r#"created_table:"a,b"."c:""3""",inlined_delete:1,altered_table:3"#
        ));
        assert!(!of_three(
            r#"created_table:"main"."3",inlined_insert:33,dropped_view:3"#
        ));
        assert!(!of_three(""));
        assert!(of_three("something_new:1"));
        assert!(of_three("nonsense"));
    }
}
