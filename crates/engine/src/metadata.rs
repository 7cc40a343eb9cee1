use arrow::datatypes::SchemaRef;
use godwit_catalog::TableKind;

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
    /// Why its columns cannot be read.
    pub error: Option<String>,
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
