use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::execution::SessionState;
use datafusion::sql::sqlparser::keywords::{RESERVED_FOR_COLUMN_ALIAS, RESERVED_FOR_TABLE_ALIAS};
use godwit_auth::access::{Columns, Privilege};
use godwit_catalog::{CATALOG, Catalog, Seen, TableEntry, TableKind};
use godwit_lake::State as LakeState;

use crate::access::Sight;
use crate::plan::Planner;
use crate::session::State;
use crate::{Error, Result, total};

mod listing;

/// A schema of the catalog.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SchemaEntry {
    /// The catalog it is in.
    pub catalog: String,
    /// Its name.
    pub schema: String,
}

/// A table as clients list it.
#[derive(Debug, Clone)]
pub struct TableInfo {
    /// The catalog it is in.
    pub catalog: String,
    /// The schema it is in.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: TableKind,
    /// Its columns, when they were asked for and can be read.
    pub arrow_schema: Option<SchemaRef>,
    /// How many rows it has, when its columns were asked for and it says so itself.
    pub rows: Option<u64>,
    /// Why its columns cannot be read.
    pub error: Option<String>,
    /// Whether its rows can be changed.
    pub is_writable: bool,
    /// What `COMMENT ON` said of its columns, by name.
    pub remarks: BTreeMap<String, String>,
}

/// A key of a durable table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyInfo {
    /// The schema that the table is in.
    pub schema: String,
    /// The table.
    pub table: String,
    /// The key's name.
    pub name: String,
    /// Whether it is the primary key.
    pub primary: bool,
    /// Its columns, in the key's order.
    pub columns: Vec<String>,
}

/// The functions of the dialect in the groups that SqlInfo has, sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FunctionNames {
    /// On numbers.
    pub numeric: Vec<String>,
    /// On strings.
    pub string: Vec<String>,
    /// On dates and times.
    pub datetime: Vec<String>,
    /// About the server and the session.
    pub system: Vec<String>,
}

/// All tables that a session sees, by a new listing, sorted by schema and name.
///
/// # Errors
/// When the lake does not answer.
pub(crate) async fn entries(catalog: &Catalog, seen: &Seen) -> Result<Vec<TableEntry>> {
    let durable = seen.entries();
    let mut entries = durable.map_err(|error| Error::from_catalog(&error))?;
    catalog.refresh().await;
    for schema in catalog.schema_names() {
        entries.extend(catalog.table_names(&schema).await);
    }
    entries.sort();
    Ok(entries)
}

/// The keys of the tables of that name that exist for the caller, in one schema or in all, sorted by schema, the primary one first.
fn keys(state: &LakeState, sight: &Sight<'_>, schema: Option<&str>, name: &str) -> Vec<KeyInfo> {
    let schemas = state.schemas.values();
    let tables = schemas
        .filter(|found| schema.is_none_or(|schema| schema == found.name))
        .filter(|found| sight.sees(&found.name, name))
        .filter_map(|found| found.tables.get(name));
    let mut keys = Vec::new();
    for table in tables {
        let column = |id: &i64| {
            let mut columns = table.columns.iter();
            let column = columns.find(|column| column.id.0 == *id)?;
            Some(column.field.name().clone())
        };
        let known = sight.known_columns(&table.schema, name);
        let found = table.keys.iter().map(|key| KeyInfo {
            schema: table.schema.clone(),
            table: table.name.clone(),
            name: key.name.clone(),
            primary: key.primary,
            columns: key.columns.iter().filter_map(column).collect(),
        });
        // A key of columns that are not all there for the caller would be another key.
        keys.extend(found.filter(|key| key.columns.iter().all(|column| known.has(column))));
    }
    keys
}

/// A table with its columns where they are wanted.
pub(crate) async fn info(
    planner: &Planner,
    state: &State,
    seen: &Seen,
    entry: TableEntry,
    want_schema: bool,
) -> TableInfo {
    let TableEntry { schema, name, kind } = entry;
    let mut info = TableInfo {
        catalog: CATALOG.to_owned(),
        schema,
        name,
        kind,
        arrow_schema: None,
        rows: None,
        error: None,
        is_writable: kind == TableKind::Temporary,
        remarks: BTreeMap::new(),
    };
    if !want_schema {
        return info;
    }
    let lake = seen.lake().ok().map(|lake| lake.state());
    if let Some(view) = lake.and_then(|lake| lake.view(&info.schema, &info.name)) {
        match planner.lookup(state, seen).view(view).await {
            Ok(table) => info.arrow_schema = Some(table.source.schema()),
            Err(error) => info.error = Some(error.to_string()),
        }
    } else {
        let found = match seen.table(&info.schema, &info.name).await {
            Ok(None) => planner.catalog.table(&info.schema, &info.name).await,
            found => found,
        };
        if let Some(table) = lake.and_then(|lake| lake.table(&info.schema, &info.name)) {
            let columns = table.columns.iter().filter_map(|column| {
                let comment = column.comment.clone()?;
                Some((column.field.name().clone(), comment))
            });
            info.remarks = columns.collect();
            info.is_writable = table.read_only.is_none();
        }
        match found {
            Ok(Some(table)) => {
                info.arrow_schema = Some(table.provider.schema());
                info.rows = total::of_table(table.provider.as_ref());
            }
            Ok(None) => info.error = Some("the table has vanished".to_owned()),
            Err(error) => info.error = Some(Error::from_catalog(&error).to_string()),
        }
    }
    limit_to(&mut info, &Sight::of(state.authority(), seen));
    info
}

/// Takes out what the caller is not to know.
fn limit_to(info: &mut TableInfo, sight: &Sight<'_>) {
    let (schema, name) = (info.schema.as_str(), info.name.as_str());
    let may = |privilege| !sight.columns(privilege, schema, name).is_none();
    let writes = [Privilege::Insert, Privilege::Update, Privilege::Delete];
    info.is_writable &= writes.into_iter().any(may);
    if !may(Privilege::Select) || sight.hides_rows(schema, name) {
        info.rows = None;
    }
    let known = sight.known_columns(schema, name);
    if known == Columns::All {
        return;
    }
    info.remarks.retain(|column, _| known.has(column));
    info.arrow_schema = info.arrow_schema.take().map(|schema| {
        let fields = schema.fields().iter();
        let fields = fields.filter(|field| known.has(field.name())).cloned();
        Arc::new(Schema::new_with_metadata(
            fields.collect::<Vec<_>>(),
            schema.metadata().clone(),
        ))
    });
}

/// The functions by what their documentation files them under.
pub(crate) fn function_names(session: &SessionState) -> FunctionNames {
    let mut names = FunctionNames::default();
    for (name, function) in session.scalar_functions() {
        let Some(documentation) = function.documentation() else {
            continue;
        };
        let group = match documentation.doc_section.label {
            "Math Functions" => &mut names.numeric,
            "String Functions"
            | "Regular Expression Functions"
            | "Binary String Functions"
            | "Unicode Functions" => &mut names.string,
            "Time and Date Functions" => &mut names.datetime,
            "Other Functions" => &mut names.system,
            _ => continue,
        };
        group.push(name.clone());
    }
    for group in [
        &mut names.numeric,
        &mut names.string,
        &mut names.datetime,
        &mut names.system,
    ] {
        group.sort();
    }
    names
}

/// Words that cannot be a name without quotes, as far as SQL:1999 does not reserve them.
pub(crate) fn keywords() -> Vec<String> {
    let reserved = RESERVED_FOR_COLUMN_ALIAS
        .iter()
        .chain(RESERVED_FOR_TABLE_ALIAS);
    let words: BTreeSet<_> = reserved.map(|keyword| format!("{keyword:?}")).collect();
    words
        .into_iter()
        .filter(|word| !SQL_1999.contains(&word.as_str()))
        .collect()
}

/// The reserved words of SQL:1999 among those that the parser reserves.
const SQL_1999: [&str; 37] = [
    "AS",
    "ALL",
    "AND",
    "ANY",
    "BETWEEN",
    "BY",
    "CONNECT",
    "CROSS",
    "END",
    "EXCEPT",
    "EXECUTE",
    "FETCH",
    "FOR",
    "FROM",
    "FULL",
    "GROUP",
    "HAVING",
    "IN",
    "INNER",
    "INTERSECT",
    "INTO",
    "JOIN",
    "LEFT",
    "NATURAL",
    "NOT",
    "ON",
    "OR",
    "ORDER",
    "OUTER",
    "RIGHT",
    "SELECT",
    "SESSION",
    "SET",
    "UNION",
    "USING",
    "WHERE",
    "WITH",
];
