/// Which database it is, for the few places where their SQL differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// A text parameter as a value of a uuid column: `$3`, or a cast of it.
    pub(crate) fn uuid(self, parameter: usize) -> String {
        self.cast(parameter, "UUID")
    }

    /// A text parameter as a value of a timestamptz column.
    pub(crate) fn timestamp(self, parameter: usize) -> String {
        self.cast(parameter, "TIMESTAMPTZ")
    }

    /// A text parameter (or null) as a value of a column of this SQL type (of an inlined table). Bytes are written
    /// `\x00ff`, as [`Self::text`] gives them; a blob parameter needs no cast.
    pub(crate) fn cast(self, parameter: usize, sql_type: &str) -> String {
        match self {
            // The type of a column is only a hint there: a text that is a number becomes one in a number's column.
            Self::Sqlite if sql_type.eq_ignore_ascii_case("BLOB") => {
                format!("unhex(substr(${parameter}, 3))")
            }
            Self::Sqlite => format!("${parameter}"),
            // Without the first cast the parameter itself would be of that type, and no text.
            Self::Postgres => format!("${parameter}::text::{sql_type}"),
        }
    }

    /// A column of any type as text, to be read.
    pub(crate) fn text(self, column: &str) -> String {
        match self {
            Self::Sqlite => format!(
                "CASE typeof({column}) WHEN 'blob' THEN '\\x' || lower(hex({column})) ELSE CAST({column} AS TEXT) END"
            ),
            Self::Postgres => format!("{column}::text"),
        }
    }
}
