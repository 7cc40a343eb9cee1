//! `COPY`: rows from a query to a file, or from a file into a table.

use datafusion::sql::sqlparser::ast::{
    CopyOption, CopySource, CopyTarget, Ident, ObjectName, Statement,
};

use crate::copy::{Format, Options};
use crate::{Error, Result};

/// Rows into a file.
#[derive(Debug)]
pub(crate) struct CopyTo {
    /// The query that gives the rows, as text.
    pub(crate) query: String,
    pub(crate) path: String,
    pub(crate) options: Options,
}

/// Rows into a table.
#[derive(Debug)]
pub(crate) struct CopyFrom {
    pub(crate) table: ObjectName,
    /// None stand for all.
    pub(crate) columns: Vec<Ident>,
    pub(crate) path: String,
    pub(crate) options: Options,
}

/// A copy, taken apart. `None` when the statement is none.
///
/// # Errors
/// [`Error::Unsupported`], naming the clause that is not supported.
pub(crate) fn copy_of(
    statement: &Statement,
) -> Result<Option<(CopySource, bool, String, Options)>> {
    let Statement::Copy {
        source,
        to,
        target,
        options,
        legacy_options,
        values,
    } = statement
    else {
        return Ok(None);
    };
    let CopyTarget::File { filename } = target else {
        return Err(unsupported("COPY with STDIN, STDOUT or PROGRAM"));
    };
    if !legacy_options.is_empty() || !values.is_empty() {
        return Err(unsupported("COPY with options outside of WITH (…)"));
    }
    let options = options_of(options, filename)?;
    Ok(Some((source.clone(), *to, filename.clone(), options)))
}

/// Rows into a file. `None` when the statement is another.
///
/// # Errors
/// As [`copy_of`].
pub(crate) fn copy_to(statement: &Statement) -> Result<Option<CopyTo>> {
    let Some((source, true, path, options)) = copy_of(statement)? else {
        return Ok(None);
    };
    let query = match source {
        CopySource::Query(query) => query.to_string(),
        CopySource::Table {
            table_name,
            columns,
        } => format!("SELECT {} FROM {table_name}", listed(&columns)),
    };
    Ok(Some(CopyTo {
        query,
        path,
        options,
    }))
}

/// Rows into a table. `None` when the statement is another.
///
/// # Errors
/// As [`copy_of`].
pub(crate) fn copy_from(statement: &Statement) -> Result<Option<CopyFrom>> {
    let Some((source, false, path, options)) = copy_of(statement)? else {
        return Ok(None);
    };
    let CopySource::Table {
        table_name,
        columns,
    } = source
    else {
        return Err(unsupported("COPY of a query FROM a file"));
    };
    if options.null.is_some() {
        return Err(unsupported("NULL in COPY … FROM (an empty field is null)"));
    }
    Ok(Some(CopyFrom {
        table: table_name,
        columns,
        path,
        options,
    }))
}

fn listed(columns: &[Ident]) -> String {
    if columns.is_empty() {
        return "*".to_owned();
    }
    let names: Vec<_> = columns.iter().map(ToString::to_string).collect();
    names.join(", ")
}

fn options_of(written: &[CopyOption], path: &str) -> Result<Options> {
    let mut format = None;
    let (mut header, mut delimiter, mut null) = (None, None, None);
    for option in written {
        match option {
            CopyOption::Format(name) => format = Some(Format::named(&name.value)?),
            CopyOption::Header(wanted) => header = Some(*wanted),
            CopyOption::Delimiter(between) => delimiter = Some(*between),
            CopyOption::Null(text) => null = Some(text.clone()),
            other => return Err(unsupported(&format!("'{other}' in COPY"))),
        }
    }
    let format = match format {
        Some(format) => format,
        None => Format::of_path(path)?,
    };
    let of_text = header.is_some() || delimiter.is_some() || null.is_some();
    if of_text && format != Format::Csv {
        return Err(Error::invalid(
            "HEADER, DELIMITER and NULL are options of CSV files",
        ));
    }
    let delimiter = delimiter.unwrap_or(',');
    if !delimiter.is_ascii() {
        return Err(Error::invalid(format!(
            "DELIMITER is one ASCII character, not '{delimiter}'"
        )));
    }
    Ok(Options {
        format,
        header: header.unwrap_or(true),
        delimiter,
        null,
    })
}

fn unsupported(clause: &str) -> Error {
    Error::unsupported(format!("{clause} is not supported"))
}
