//! `SHOW GRANTS`, `SHOW ROLES`, `SHOW USERS`, `SHOW POLICIES` and `SHOW MASKS`.

use datafusion::sql::sqlparser::ast::Ident;

use crate::check::folded;

/// The query of the server's own tables that is meant, if it is one of these.
pub(super) fn query(words: &[Ident]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    let (table, columns) = match word(first).as_str() {
        "users" => ("users", "1"),
        "roles" => ("roles", "1"),
        "policies" => ("policies", "2, 3, 1"),
        "masks" => ("masks", "2, 3, 4, 1"),
        "grants" => ("grants", "4, 5, 6, 7, 1, 2, 3"),
        _ => return None,
    };
    let condition = match rest.split_first() {
        None => String::new(),
        Some((on, rest)) if word(on) == "on" && matches!(table, "policies" | "masks") => {
            format!(" WHERE {}", named("table_name", rest)?)
        }
        Some((on, rest)) if word(on) == "on" && table == "grants" => {
            format!(" WHERE {}", of_object(rest)?)
        }
        Some((to, rest)) if matches!(word(to).as_str(), "for" | "to") && table == "grants" => {
            format!(" WHERE {}", of_grantee(rest)?)
        }
        Some(_) => return None,
    };
    Some(format!(
        "SELECT * FROM system.{table}{condition} ORDER BY {columns}"
    ))
}

fn of_object(words: &[Ident]) -> Option<String> {
    let (first, rest) = words.split_first()?;
    match (word(first).as_str(), rest) {
        ("catalog" | "database", [_]) => Some("object_kind = 'catalog'".to_owned()),
        ("schema", [.., schema]) => Some(format!(
            "schema_name = {} AND object_name IS NULL",
            text(schema)
        )),
        ("table" | "view", rest @ [_, ..]) => named("object_name", rest),
        _ => named("object_name", words),
    }
    .map(|condition| format!("{condition} AND object_kind <> 'role'"))
}

fn of_grantee(words: &[Ident]) -> Option<String> {
    let kind =
        |kind: &str, name: &Ident| format!("grantee_kind = '{kind}' AND grantee = {}", text(name));
    match words {
        [name] if matches!(word(name).as_str(), "current_user" | "session_user") => {
            Some("grantee_kind = 'user' AND grantee = current_user".to_owned())
        }
        [name] => Some(format!("grantee = {}", text(name))),
        [user, name] if word(user) == "user" => Some(kind("user", name)),
        [role, name] if word(role) == "role" => Some(kind("role", name)),
        _ => None,
    }
}

/// Tables of this name, in any schema where none is said.
fn named(column: &str, words: &[Ident]) -> Option<String> {
    match words {
        [table] => Some(format!("{column} = {}", text(table))),
        [schema, table] | [_, schema, table] => Some(format!(
            "schema_name = {} AND {column} = {}",
            text(schema),
            text(table)
        )),
        _ => None,
    }
}

fn word(ident: &Ident) -> String {
    match ident.quote_style {
        Some(_) => String::new(),
        None => ident.value.to_lowercase(),
    }
}

/// A name as a text of SQL.
fn text(ident: &Ident) -> String {
    format!("'{}'", folded(ident).replace('\'', "''"))
}
