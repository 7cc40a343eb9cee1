use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One entry of the section `mounts`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// A file, a directory, a glob or a hive-partitioned tree.
    /// Default: none, the key is required.
    #[schemars(example = &"/data/sales")]
    pub path: PathBuf,

    /// What the mount becomes.
    /// `auto` looks at the path: files that share their columns are one table, a directory of different tables is a schema.
    /// Default: `auto`.
    #[serde(default)]
    pub kind: MountKind,

    /// Format of the files.
    /// `auto` goes by the end of each name: .parquet, .parq, .pq; .csv, .tsv; .ndjson, .jsonl, .json; .arrow, .arrows,
    /// .feather, .ipc; .avro. The text formats may be compressed: .gz, .bz2, .xz, .zst after that.
    /// Default: `auto`.
    #[serde(default)]
    pub format: MountFormat,

    /// Whether the first line of a CSV file holds the names of the columns.
    /// Default: `true`.
    #[serde(default = "yes")]
    pub header: bool,

    /// The character between two fields of a CSV file, in ASCII. The fields of a .tsv file are between tabs where this
    /// is left at its default.
    /// Default: `,`.
    #[serde(default = "comma")]
    pub delimiter: char,
}

impl Mount {
    /// A mount of this path, all else as by default.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            kind: MountKind::default(),
            format: MountFormat::default(),
            header: yes(),
            delimiter: comma(),
        }
    }
}

/// What a mount becomes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MountKind {
    /// Decided by what the path holds.
    #[default]
    Auto,
    /// One table, `files.NAME`.
    Table,
    /// A schema `NAME` with a table for each file or folder.
    Schema,
}

/// Format of a mount's files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MountFormat {
    /// Decided by the end of the name.
    #[default]
    Auto,
    /// Apache Parquet.
    Parquet,
    /// Text with delimiters.
    Csv,
    /// One JSON object a line.
    Ndjson,
    /// Arrow IPC, as a file or as a stream.
    Arrow,
    /// Apache Avro.
    Avro,
}

/// The two ways to write a mount; only the schema needs it, the loader turns the first into the second.
#[derive(JsonSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "describes the file's form and is never built")]
pub(crate) enum MountForm {
    /// The path alone.
    Path(PathBuf),
    /// The path and how to read it.
    Table(Mount),
}

/// Schemas that belong to the server; a mount that becomes a schema must not hide one.
pub(crate) const RESERVED: [&str; 6] = [
    "files",
    "godwit",
    "information_schema",
    "main",
    "system",
    "temp",
];

/// Whether a text can be a mount's name: a name that SQL reads the same with and without quotes.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn yes() -> bool {
    true
}

fn comma() -> char {
    ','
}
