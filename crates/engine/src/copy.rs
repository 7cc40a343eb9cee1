//! Files that SQL writes and reads, where the configuration allows it.
//!
//! `COPY … TO` is an effect. `COPY … FROM` becomes an INSERT of a SELECT from the file before it is looked at any further, so
//! that all that holds for an INSERT holds for it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use datafusion::sql::parser::Statement as Tree;
use datafusion::sql::sqlparser::ast::{
    Expr, Ident, ObjectName, Query, SelectItem, SetExpr, TableFactor,
};
use datafusion::sql::sqlparser::dialect::GenericDialect;
use datafusion::sql::sqlparser::parser::Parser;
use godwit_catalog::{Catalog, ResolvedTable};
use godwit_config::{Mount, MountFormat, MountKind};

use crate::check::{CopyFrom, copy_from};
use crate::{Error, Result};

mod to;
mod write;

/// The catalog of the names that stand for files: the options, and the path.
pub(crate) const FILE: &str = "__file";

/// Where SQL may write and read.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    allowed: Arc<[PathBuf]>,
    runtime: Arc<RuntimeEnv>,
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Csv,
    Parquet,
    /// One object a line.
    Json,
    Arrow,
}

/// How a file is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) format: Format,
    /// Whether the first line of a CSV file holds the names of the columns.
    pub(crate) header: bool,
    /// Between the fields of a CSV file, in ASCII.
    pub(crate) delimiter: char,
    /// What a null is written as in a CSV file.
    pub(crate) null: Option<String>,
}

impl Format {
    const ALL: [(&'static str, Self); 6] = [
        ("csv", Self::Csv),
        ("parquet", Self::Parquet),
        ("json", Self::Json),
        ("ndjson", Self::Json),
        ("jsonl", Self::Json),
        ("arrow", Self::Arrow),
    ];

    /// # Errors
    /// [`Error::InvalidInput`] when there is none of that name.
    pub(crate) fn named(name: &str) -> Result<Self> {
        Self::find(name).ok_or_else(|| {
            Error::invalid(format!(
                "'{name}' is no format; there are csv, parquet, json and arrow"
            ))
        })
    }

    /// The format that the end of a path tells.
    ///
    /// # Errors
    /// [`Error::InvalidInput`] when it tells none.
    pub(crate) fn of_path(path: &str) -> Result<Self> {
        let end = Path::new(path).extension().and_then(|end| end.to_str());
        end.and_then(Self::find).ok_or_else(|| {
            Error::invalid(format!(
                "the end of '{path}' tells no format; write WITH (FORMAT csv), parquet, json or arrow"
            ))
        })
    }

    fn find(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter();
        let found = all.find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, format)| *format)
    }

    fn name(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Parquet => "parquet",
            Self::Json => "json",
            Self::Arrow => "arrow",
        }
    }
}

impl Places {
    pub(crate) fn new(config: &godwit_config::Copy, runtime: Arc<RuntimeEnv>) -> Self {
        Self {
            allowed: config.allowed.iter().map(PathBuf::from).collect(),
            runtime,
        }
    }

    /// The file that may be written: its directory is there and allowed, whatever links lead to it.
    fn to_write(&self, path: &str) -> Result<PathBuf> {
        self.check_any()?;
        let written = absolute(path)?;
        let (Some(dir), Some(name)) = (written.parent(), written.file_name()) else {
            return Err(Error::invalid(format!("'{path}' names no file")));
        };
        let dir = self.inside(path, dir)?;
        let file = dir.join(name);
        if file.is_dir() {
            return Err(Error::invalid(format!("'{path}' is a directory")));
        }
        Ok(file)
    }

    /// The file that may be read.
    fn to_read(&self, path: &str) -> Result<PathBuf> {
        self.check_any()?;
        let file = self.inside(path, absolute(path)?)?;
        if file.is_file() {
            Ok(file)
        } else {
            Err(Error::invalid(format!("'{path}' is no file")))
        }
    }

    fn check_any(&self) -> Result<()> {
        if self.allowed.is_empty() {
            return Err(Error::Denied {
                message: "COPY: the configuration names no directory that SQL may write to or read from (copy.allowed)"
                    .to_owned(),
            });
        }
        Ok(())
    }

    /// The path without links, if it is in an allowed directory. What is elsewhere is not told apart from what is not there.
    fn inside(&self, path: &str, written: &Path) -> Result<PathBuf> {
        let denied = || Error::Denied {
            message: format!(
                "COPY: '{path}' is not there, or not in a directory that the configuration allows (copy.allowed)"
            ),
        };
        let real = fs::canonicalize(written).map_err(|_| denied())?;
        let is_allowed = self
            .allowed
            .iter()
            .filter_map(|dir| fs::canonicalize(dir).ok())
            .any(|dir| real.starts_with(dir));
        if is_allowed { Ok(real) } else { Err(denied()) }
    }

    /// A file as a table: the options and the path as [`insert_of`] wrote them.
    ///
    /// # Errors
    /// [`Error::Denied`] when it may not be read, and whatever is wrong with it.
    pub(crate) async fn table(&self, options: &str, path: &str) -> Result<ResolvedTable> {
        let mut mount = Mount::new(self.to_read(path)?);
        mount.kind = MountKind::Table;
        let mut options = options.chars();
        mount.header = options.next() == Some('h');
        mount.delimiter = options.next().unwrap_or(',');
        mount.format = match Format::named(options.as_str())? {
            Format::Csv => MountFormat::Csv,
            Format::Parquet => MountFormat::Parquet,
            Format::Json => MountFormat::Ndjson,
            Format::Arrow => MountFormat::Arrow,
        };
        let file = Catalog::file(&mount, Arc::clone(&self.runtime)).await;
        file.map_err(|error| Error::from_catalog(&error))
    }
}

fn absolute(path: &str) -> Result<&Path> {
    let written = Path::new(path);
    if written.is_absolute() {
        Ok(written)
    } else {
        Err(Error::invalid(format!(
            "COPY takes the absolute path of a file on the server, not '{path}'"
        )))
    }
}

/// The INSERT that a `COPY … FROM` is; other statements stay as they are.
///
/// # Errors
/// [`Error::Unsupported`] for clauses that are not supported.
pub(crate) fn insert_of(tree: Tree) -> Result<Tree> {
    let Tree::Statement(statement) = &tree else {
        return Ok(tree);
    };
    let Some(CopyFrom {
        table,
        columns,
        path,
        options,
    }) = copy_from(statement)?
    else {
        return Ok(tree);
    };
    let header = if options.header { 'h' } else { '-' };
    let kept = format!("{header}{}{}", options.delimiter, options.format.name());
    let quoted = |part: &str| Ident::with_quote('"', part);
    let file = ObjectName::from(vec![quoted(FILE), quoted(&kept), quoted(&path)]);
    let columns: Vec<_> = columns.iter().map(ToString::to_string).collect();
    let columns = match columns.as_slice() {
        [] => String::new(),
        columns => format!(" ({})", columns.join(", ")),
    };
    let insert = format!("INSERT INTO {table}{columns} SELECT * FROM {file}");
    let mut statements = Parser::parse_sql(&GenericDialect {}, &insert)
        .map_err(|error| Error::from_parser(&error))?;
    match statements.pop() {
        Some(statement) => Ok(Tree::Statement(Box::new(statement))),
        None => Ok(tree),
    }
}

/// Lets a query for all columns of a file ask for these, where the file's columns have names and no order: JSON.
pub(crate) fn ask_by_name(query: &mut Query, columns: &[&str]) {
    let SetExpr::Select(select) = query.body.as_mut() else {
        return;
    };
    let [from] = select.from.as_slice() else {
        return;
    };
    let TableFactor::Table { name, .. } = &from.relation else {
        return;
    };
    let parts = name.0.iter().map(|part| part.as_ident());
    let parts: Vec<_> = parts.map(|part| part.map(|ident| &*ident.value)).collect();
    let [Some(FILE), Some(options), _] = parts.as_slice() else {
        return;
    };
    if options.ends_with("json") {
        let columns = columns.iter().map(|column| Ident::with_quote('"', *column));
        let columns = columns.map(|column| SelectItem::UnnamedExpr(Expr::Identifier(column)));
        select.projection = columns.collect();
    }
}
