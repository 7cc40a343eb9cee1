use crate::{Error, Result, Schema, State};

/// Names that begin so are the layout's own.
const RESERVED: &str = "_ducklake_internal_";

/// Names that the catalog's tables for inlined rows give to columns of their own.
pub(crate) const INLINED_COLUMNS: [&str; 3] = ["row_id", "begin_snapshot", "end_snapshot"];

/// Whether two names are one for DuckDB, which reads the lake too.
pub(super) fn same(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}

/// A name for something new.
pub(super) fn check(kind: &str, name: &str) -> Result<()> {
    if name.is_empty() {
        return Err(Error::invalid(format!("the name of a {kind} is empty")));
    }
    if name.contains('\0') {
        return Err(Error::invalid(format!(
            "the name of the {kind} {name:?} has a zero byte in it"
        )));
    }
    if name.to_lowercase().starts_with(RESERVED) {
        return Err(Error::invalid(format!(
            "the name {name:?} of a {kind} begins with {RESERVED:?}, which the lake keeps for itself"
        )));
    }
    Ok(())
}

/// Refuses the name of a schema that there is, upper and lower case being one.
pub(super) fn free_in_state(state: &State, name: &str) -> Result<()> {
    match state.schemas.keys().find(|other| same(other, name)) {
        Some(other) => Err(exists("schema", other, name)),
        None => Ok(()),
    }
}

/// Refuses the name of a table or view that there is, upper and lower case being one.
pub(super) fn free_in_schema(schema: &Schema, name: &str) -> Result<()> {
    let path = |other: &str| format!("{}.{other}", schema.name);
    if let Some(other) = schema.tables.keys().find(|other| same(other, name)) {
        return Err(exists("table", &path(other), &path(name)));
    }
    if let Some(other) = schema.views.keys().find(|other| same(other, name)) {
        return Err(exists("view", &path(other), &path(name)));
    }
    Ok(())
}

pub(super) fn exists(kind: &str, there: &str, asked: &str) -> Error {
    if there == asked {
        return Error::exists(format!("{kind} {there:?} already exists"));
    }
    Error::exists(format!(
        "{kind} {there:?} already exists; {asked:?} is the same name, because upper and lower case are not told apart"
    ))
}

/// A directory's name for the files of something: its own name where every file system takes it, else a number.
pub(super) fn directory(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.len() <= 100 && name.chars().all(plain) {
        return format!("{name}/");
    }
    format!("{}/", uuid::Uuid::now_v7())
}
