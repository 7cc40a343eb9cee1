use std::fmt;
use std::str::FromStr;

use serde::Deserialize;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// Columns under each other, between lines.
    Table,
    /// RFC 4180, with a header line; NULL is empty.
    Csv,
    /// One array of objects.
    Json,
    /// An object a line.
    Ndjson,
    /// A table of GitHub's Markdown.
    Markdown,
    /// Arrow IPC: the stream format on standard output, the file format in a file.
    Arrow,
    /// Parquet, compressed with ZSTD.
    Parquet,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Table,
        Self::Csv,
        Self::Json,
        Self::Ndjson,
        Self::Markdown,
        Self::Arrow,
        Self::Parquet,
    ];

    /// Whether people read it rather than programs.
    pub(crate) fn is_for_people(self) -> bool {
        matches!(self, Self::Table | Self::Markdown)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Table => "table",
            Self::Csv => "csv",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Markdown => "markdown",
            Self::Arrow => "arrow",
            Self::Parquet => "parquet",
        })
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL
            .into_iter()
            .find(|format| format.to_string() == text);
        found.ok_or_else(|| {
            let all = Self::ALL.map(|format| format.to_string()).join(", ");
            format!("format {text:?} is unknown; there are {all}")
        })
    }
}
