//! `SET`, `RESET` and `USE` as changes of settings.

use datafusion::sql::parser::ResetStatement;
use datafusion::sql::sqlparser::ast::{
    ContextModifier, Expr, ObjectName, Reset, Set, UnaryOperator, Use, Value,
};

use super::{SettingChange, folded};
use crate::{Error, Result};

pub(super) fn set(set: &Set) -> Result<SettingChange> {
    match set {
        Set::SingleAssignment {
            scope: None | Some(ContextModifier::Session),
            hivevar: false,
            variable,
            values,
        } => {
            let name = dotted(variable);
            let [value] = values.as_slice() else {
                return Err(Error::invalid(format!("SET {name} takes one value")));
            };
            assignment(name, value)
        }
        Set::SetTimeZone {
            local: false,
            value,
        } => assignment("time_zone".to_owned(), value),
        other => Err(Error::unsupported(format!(
            "'{other}': write SET name = value"
        ))),
    }
}

pub(super) fn reset(ResetStatement::Variable(name): &ResetStatement) -> SettingChange {
    reset_named(dotted(name))
}

pub(super) fn reset_parameter(reset: &Reset) -> SettingChange {
    match reset {
        Reset::ALL => SettingChange::ResetAll,
        Reset::ConfigurationParameter(name) => reset_named(dotted(name)),
    }
}

pub(super) fn use_schema(target: &Use) -> Result<SettingChange> {
    match target {
        Use::Schema(name) | Use::Object(name) | Use::Database(name) => Ok(SettingChange::Set {
            name: "schema".to_owned(),
            value: schema_of(name)?,
        }),
        Use::Default => Ok(SettingChange::Reset {
            name: "schema".to_owned(),
        }),
        other => Err(Error::unsupported(format!("'{other}': write USE schema"))),
    }
}

fn reset_named(name: String) -> SettingChange {
    if name == "all" {
        SettingChange::ResetAll
    } else {
        SettingChange::Reset { name }
    }
}

fn assignment(name: String, value: &Expr) -> Result<SettingChange> {
    match text_of(value) {
        Some(value) if value.eq_ignore_ascii_case("default") => Ok(reset_named(name)),
        Some(value) => Ok(SettingChange::Set { name, value }),
        None => Err(Error::invalid(format!(
            "SET {name} takes a literal, not '{value}'"
        ))),
    }
}

fn text_of(value: &Expr) -> Option<String> {
    match value {
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => Some(number.clone()),
            Value::Boolean(flag) => Some(flag.to_string()),
            Value::Null | Value::Placeholder(_) => None,
            text => text.clone().into_string(),
        },
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => text_of(expr).map(|text| format!("-{text}")),
        Expr::UnaryOp {
            op: UnaryOperator::Plus,
            expr,
        } => text_of(expr),
        _ => None,
    }
}

/// `godwit.main` and `main` both name the schema `main`.
fn schema_of(name: &ObjectName) -> Result<String> {
    let parts: Vec<_> = name.0.iter().filter_map(|part| part.as_ident()).collect();
    match parts.as_slice() {
        [schema] => Ok(folded(schema)),
        [catalog, schema] if folded(catalog) == godwit_catalog::CATALOG => Ok(folded(schema)),
        _ => Err(Error::not_found(format!(
            "'{name}' is no schema of catalog {}",
            godwit_catalog::CATALOG
        ))),
    }
}

fn dotted(name: &ObjectName) -> String {
    let parts = name
        .0
        .iter()
        .filter_map(|part| part.as_ident())
        .map(|ident| ident.value.to_lowercase());
    parts.collect::<Vec<_>>().join(".")
}
