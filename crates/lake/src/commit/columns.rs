//! Rows of columns. One that changes ends, and the next one has its number.

use std::collections::HashMap;

use super::Commit;
use super::values::{number, text, truth};
use crate::state::load::COMMENT_TAG;
use crate::transaction::rounded_columns;
use crate::{Column, Result, Table};

/// A column, or a part of a nested one.
#[derive(Debug, Clone, Copy)]
struct Flat<'a> {
    column: &'a Column,
    parent: Option<i64>,
}

impl Flat<'_> {
    fn id(&self) -> i64 {
        self.column.id.0
    }

    /// Parts of nested columns may always be null; whether they are is in a tag.
    fn nullable(&self) -> bool {
        self.parent.is_some() || self.column.field.is_nullable()
    }

    fn is_like(&self, other: &Self) -> bool {
        let (one, two) = (self.column, other.column);
        one.field.name() == two.field.name()
            && one.stored == two.stored
            && one.default == two.default
            && one.initial_default == two.initial_default
            && self.nullable() == other.nullable()
    }
}

fn flat(table: &Table) -> Vec<Flat<'_>> {
    let mut found = Vec::new();
    for column in &table.columns {
        push(column, None, &mut found);
    }
    found
}

fn push<'a>(column: &'a Column, parent: Option<i64>, found: &mut Vec<Flat<'a>>) {
    found.push(Flat { column, parent });
    for child in &column.children {
        push(child, Some(column.id.0), found);
    }
}

impl Commit<'_> {
    pub(super) async fn create_columns(&mut self, table_id: i64, table: &Table) -> Result<()> {
        for column in &table.columns {
            self.create_column(table_id, column).await?;
        }
        Ok(())
    }

    async fn create_column(&mut self, table: i64, column: &Column) -> Result<()> {
        let mut parts = Vec::new();
        push(column, None, &mut parts);
        for part in parts {
            self.insert_column(table, part).await?;
            let id = (table, part.id());
            let comment = part.column.comment.as_deref();
            self.set_column_tag(id, COMMENT_TAG, None, comment).await?;
        }
        Ok(())
    }

    async fn insert_column(&mut self, table: i64, part: Flat<'_>) -> Result<()> {
        let (id, column) = (part.id(), part.column);
        let default = Default::of(column.default.as_deref());
        // DuckDB says of nested columns that they have no kind of default.
        let kind = if column.children.is_empty() {
            default.kind
        } else {
            ""
        };
        let sql = format!(
            "INSERT INTO ducklake_column(column_id, begin_snapshot, table_id, column_order, column_name, column_type, \
             initial_default, default_value, nulls_allowed, parent_column, default_value_type, default_value_dialect) \
             VALUES ({id}, {}, {table}, {id}, $1, $2, $3, $4, {}, {}, '{kind}', 'duckdb')",
            self.numbers.snapshot,
            truth(Some(part.nullable())),
            number(part.parent)
        );
        let parameters = [
            column.field.name().as_str().into(),
            column.stored.as_str().into(),
            text(column.initial_default.as_deref()),
            default.value.as_str().into(),
        ];
        self.writing.execute(&sql, &parameters).await?;
        Ok(())
    }

    /// Whether there was any change besides comments.
    pub(super) async fn alter_columns(&mut self, old: &Table, new: &Table) -> Result<bool> {
        let before: HashMap<i64, Flat<'_>> = flat(old).into_iter().map(|c| (c.id(), c)).collect();
        let after: HashMap<i64, Flat<'_>> = flat(new).into_iter().map(|c| (c.id(), c)).collect();
        let table = new.id.0;
        let mut is_changed = false;
        for gone in flat(old)
            .iter()
            .filter(|column| !after.contains_key(&column.id()))
        {
            self.end_column("ducklake_column", table, gone.id()).await?;
            self.end_column("ducklake_column_tag", table, gone.id())
                .await?;
            is_changed = true;
        }
        for column in flat(new) {
            let Some(was) = before.get(&column.id()) else {
                if column.parent.is_none() {
                    self.create_column(table, column.column).await?;
                }
                is_changed = true;
                continue;
            };
            if !was.is_like(&column) {
                self.change_column(table, was, &column).await?;
                is_changed = true;
            }
            let comments = (
                was.column.comment.as_deref(),
                column.column.comment.as_deref(),
            );
            self.set_column_tag((table, column.id()), COMMENT_TAG, comments.0, comments.1)
                .await?;
        }
        for column in rounded_columns(old, new) {
            self.forget_bounds(table, column.0).await?;
        }
        Ok(is_changed)
    }

    async fn end_column(&mut self, rows: &str, table: i64, column: i64) -> Result<()> {
        let sql = format!(
            "UPDATE {rows} SET end_snapshot = {} WHERE table_id = {table} AND column_id = {column} \
             AND end_snapshot IS NULL",
            self.numbers.snapshot
        );
        self.writing.execute(&sql, &[]).await?;
        Ok(())
    }

    /// What has not changed stays as it is written, DuckDB's own expressions among it.
    async fn change_column(&mut self, table: i64, was: &Flat<'_>, is: &Flat<'_>) -> Result<()> {
        let (id, snapshot) = (is.id(), self.numbers.snapshot);
        self.end_column("ducklake_column", table, id).await?;
        let column = is.column;
        let mut parameters = vec![
            column.field.name().as_str().into(),
            column.stored.as_str().into(),
        ];
        let mut initial = "initial_default";
        if was.column.initial_default != column.initial_default {
            parameters.push(text(column.initial_default.as_deref()));
            initial = "CAST($3 AS VARCHAR)";
        }
        let mut default = "default_value, default_value_type, default_value_dialect".to_owned();
        if was.column.default != column.default {
            let value = Default::of(column.default.as_deref());
            parameters.push(value.value.as_str().into());
            default = format!(
                "CAST(${} AS VARCHAR), '{}', 'duckdb'",
                parameters.len(),
                value.kind
            );
        }
        let sql = format!(
            "INSERT INTO ducklake_column(column_id, begin_snapshot, table_id, column_order, parent_column, nulls_allowed, \
             column_name, column_type, initial_default, default_value, default_value_type, default_value_dialect) \
             SELECT column_id, {snapshot}, table_id, column_order, parent_column, {}, CAST($1 AS VARCHAR), \
             CAST($2 AS VARCHAR), {initial}, {default} FROM ducklake_column \
             WHERE table_id = {table} AND column_id = {id} AND end_snapshot = {snapshot}",
            truth(Some(is.nullable()))
        );
        self.writing.execute(&sql, &parameters).await?;
        Ok(())
    }

    /// Forgets least and greatest values that do not hold for the type that a column has now.
    async fn forget_bounds(&mut self, table: i64, column: i64) -> Result<()> {
        for stats in ["ducklake_file_column_stats", "ducklake_table_column_stats"] {
            let sql = format!(
                "UPDATE {stats} SET min_value = NULL, max_value = NULL WHERE table_id = {table} AND column_id = {column}"
            );
            self.writing.execute(&sql, &[]).await?;
        }
        Ok(())
    }
}

/// A default as the catalog has it.
#[derive(Debug, PartialEq, Eq)]
struct Default {
    value: String,
    kind: &'static str,
}

impl Default {
    /// From an SQL expression. Plain literals are literals for DuckDB too; everything else it reads as SQL of its own.
    fn of(expression: Option<&str>) -> Self {
        let literal = |value: &str| Self {
            value: value.to_owned(),
            kind: "literal",
        };
        let Some(expression) = expression.map(str::trim) else {
            return literal("NULL");
        };
        if is_number(expression) || expression.eq_ignore_ascii_case("null") {
            return literal(&expression.to_uppercase());
        }
        match unquoted(expression).filter(|text| text != "NULL") {
            Some(text) => literal(&text),
            None => Self {
                value: expression.to_owned(),
                kind: "expression",
            },
        }
    }
}

/// An integer or a decimal number, without an exponent.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    are_digits(whole) && are_digits(fraction)
}

/// The text of a string in quotes.
fn unquoted(expression: &str) -> Option<String> {
    let inner = expression.strip_prefix('\'')?.strip_suffix('\'')?;
    let is_one = !inner.replace("''", "").contains('\'');
    is_one.then(|| inner.replace("''", "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_literals_or_expressions() {
        let of = |text| {
            let default = Default::of(Some(text));
            (default.value, default.kind)
        };
        assert_eq!(of("'it''s'"), ("it's".to_owned(), "literal"));
        assert_eq!(of("-1.5"), ("-1.5".to_owned(), "literal"));
        assert_eq!(of("null"), ("NULL".to_owned(), "literal"));
        assert_eq!(of("'NULL'"), ("'NULL'".to_owned(), "expression"));
        assert_eq!(of("'a' || 'b'"), ("'a' || 'b'".to_owned(), "expression"));
        assert_eq!(of("now()"), ("now()".to_owned(), "expression"));
        assert_eq!(Default::of(None).value, "NULL");
    }
}
