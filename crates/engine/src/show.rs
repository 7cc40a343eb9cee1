//! `SHOW` and `DESCRIBE` in this server's terms.

use datafusion::common::TableReference;
use datafusion::sql::parser::{DFParser, Statement as Tree};
use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{Ident, ObjectName, Statement};

use crate::names::{Resolved, Table};
use crate::settings::Setting;
use crate::{Error, Result};

mod access;

/// Rewrites what DataFusion does not show, or shows without knowing a session's settings, into a query of the
/// server's own tables.
pub(crate) fn rewrite(tree: &mut Tree) -> Result<()> {
    let Tree::Statement(statement) = tree else {
        return Ok(());
    };
    let query = match statement.as_ref() {
        Statement::ShowVariable { variable } => match variable_query(variable) {
            Some(query) => query,
            None => return Ok(()),
        },
        Statement::ShowSchemas { .. } => {
            "SELECT catalog_name, schema_name FROM information_schema.schemata ORDER BY 1, 2"
                .to_owned()
        }
        Statement::ShowDatabases { .. } | Statement::ShowCatalogs { .. } => {
            "SELECT DISTINCT catalog_name FROM information_schema.schemata ORDER BY 1".to_owned()
        }
        _ => return Ok(()),
    };
    let rewritten = DFParser::parse_sql(&query)
        .map_err(|error| Error::from_datafusion(&error, "show"))?
        .pop_front();
    if let Some(rewritten) = rewritten {
        *tree = rewritten;
    }
    Ok(())
}

/// Writes out in full the name that `SHOW COLUMNS` and `SHOW CREATE TABLE` look up in `information_schema`, so that
/// they show the table that the name stands for and no other of that name.
pub(crate) fn qualify(tree: &mut Tree, names: &Resolved) {
    let Tree::Statement(statement) = tree else {
        return;
    };
    let name = match statement.as_mut() {
        Statement::ShowColumns { show_options, .. } => show_options
            .show_in
            .as_mut()
            .and_then(|show_in| show_in.parent_name.as_mut()),
        Statement::ShowCreate { obj_name, .. } => Some(obj_name),
        _ => None,
    };
    let Some(name) = name else { return };
    let reference: Option<TableReference> = object_name_to_table_reference(name.clone(), true).ok();
    if let Some(table) = reference.and_then(|reference| names.get(&reference).ok()) {
        *name = full_name(table);
    }
}

fn full_name(table: &Table) -> ObjectName {
    let parts = [godwit_catalog::CATALOG, &table.schema, &table.name];
    ObjectName::from(parts.map(|part| Ident::with_quote('"', part)).to_vec())
}

fn variable_query(variable: &[Ident]) -> Option<String> {
    if let Some(query) = access::query(variable) {
        return Some(query);
    }
    let words: Vec<_> = variable
        .iter()
        .map(|ident| ident.value.to_lowercase())
        .collect();
    let (words, columns) = match words.split_last() {
        Some((last, rest)) if last == "verbose" && !rest.is_empty() => {
            (rest, "name, value, description")
        }
        _ => (words.as_slice(), "name, value"),
    };
    if let [all] = words
        && all == "all"
    {
        return Some(
            "SELECT name, value, description FROM system.settings WHERE scope = 'session' ORDER BY name".to_owned(),
        );
    }
    let setting = Setting::find(&words.join("."))?;
    Some(format!(
        "SELECT {columns} FROM system.settings WHERE scope = 'session' AND name = '{}'",
        setting.name()
    ))
}
