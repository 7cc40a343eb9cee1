//! Errors of the crates below, made into ours. Nothing here has a catch-all arm where the enum below allows it: a new
//! kind of error is a decision to take.

use std::error::Error as StdError;
use std::io;
use std::path::PathBuf;

use arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use datafusion::parquet::errors::ParquetError;
use datafusion::sql::sqlparser::parser::ParserError;
use godwit_catalog::Refusal;
use tokio::task::JoinError;

use super::Error;

impl Error {
    /// What an error of the query engine means for the user.
    pub(crate) fn from_datafusion(error: &DataFusionError, query_id: &str) -> Self {
        match error {
            DataFusionError::ArrowError(error, _) => Self::from_arrow(error, query_id),
            DataFusionError::ParquetError(error) => from_parquet(error, query_id),
            DataFusionError::ObjectStore(error) => from_object_store(error, query_id),
            DataFusionError::IoError(error) => from_io(error, query_id),
            DataFusionError::SQL(error, _) => Self::from_parser(error),
            DataFusionError::NotImplemented(text) => Self::unsupported(clean(text)),
            DataFusionError::Internal(text)
            | DataFusionError::Substrait(text)
            | DataFusionError::Ffi(text) => Self::internal(query_id, text.clone()),
            DataFusionError::Plan(text)
            | DataFusionError::Configuration(text)
            | DataFusionError::Execution(text) => Self::invalid(clean(text)),
            DataFusionError::SchemaError(error, _) => from_schema(error),
            DataFusionError::ExecutionJoin(error) => Self::from_join(error, query_id),
            DataFusionError::ResourcesExhausted(text) => exhausted(text),
            DataFusionError::External(error) => from_foreign(error.as_ref(), query_id),
            DataFusionError::Context(_, error) | DataFusionError::Diagnostic(_, error) => {
                Self::from_datafusion(error, query_id)
            }
            DataFusionError::Collection(errors) => from_several(errors, query_id),
            DataFusionError::Shared(error) => Self::from_datafusion(error, query_id),
        }
    }

    /// What an error of an Arrow kernel or reader means for the user.
    pub(crate) fn from_arrow(error: &ArrowError, query_id: &str) -> Self {
        match error {
            ArrowError::NotYetImplemented(text) => Self::unsupported(clean(text)),
            ArrowError::ExternalError(error) => from_foreign(error.as_ref(), query_id),
            ArrowError::CastError(text)
            | ArrowError::ParseError(text)
            | ArrowError::ComputeError(text)
            | ArrowError::ArithmeticOverflow(text)
            | ArrowError::InvalidArgumentError(text) => Self::invalid(clean(text)),
            ArrowError::DivideByZero => Self::invalid("division by zero"),
            ArrowError::MemoryError(text) => exhausted(text),
            ArrowError::CsvError(text)
            | ArrowError::JsonError(text)
            | ArrowError::AvroError(text)
            | ArrowError::IpcError(text)
            | ArrowError::ParquetError(text) => broken(None, text),
            ArrowError::IoError(_, error) => from_io(error, query_id),
            ArrowError::SchemaError(text) | ArrowError::CDataInterface(text) => {
                Self::internal(query_id, text.clone())
            }
            ArrowError::DictionaryKeyOverflowError => {
                Self::invalid("more distinct values than the dictionary's key type can count")
            }
            ArrowError::RunEndIndexOverflowError => {
                Self::invalid("more rows than the run-end type of a column can count")
            }
            ArrowError::OffsetOverflowError(size) => Self::invalid(format!(
                "a batch would hold {size} bytes of text or list items in one column, more than its type allows; ask for fewer rows at a time (SET batch_rows)"
            )),
        }
    }

    /// What an error of the parser means for the user.
    pub(crate) fn from_parser(error: &ParserError) -> Self {
        match error {
            ParserError::TokenizerError(text) | ParserError::ParserError(text) => {
                Self::syntax(format!("SQL syntax: {text}"))
            }
            ParserError::RecursionLimitExceeded => Self::invalid(too_deep()),
        }
    }

    /// Why a task of the query runtime ended without a result.
    pub(crate) fn from_join(error: &JoinError, query_id: &str) -> Self {
        if error.is_cancelled() {
            return Self::Cancelled;
        }
        Self::internal(query_id, error.to_string())
    }

    pub(crate) fn from_catalog(error: &godwit_catalog::Error) -> Self {
        use godwit_catalog::Error as Catalog;
        match error {
            Catalog::Mount { name, path, why } => {
                broken(Some(path.clone()), &format!("mount '{name}': {why}"))
            }
            Catalog::File { path, why } => broken(Some(path.clone()), why),
            Catalog::SchemaConflict { second, .. } => {
                broken(Some(second.clone()), &error.to_string())
            }
            Catalog::NameTaken { path, .. } => broken(Some(path.clone()), &error.to_string()),
            Catalog::Changed { .. } => Self::Conflict {
                message: error.to_string(),
            },
            Catalog::ReadOnly { .. } => Self::ReadOnly {
                message: error.to_string(),
            },
            Catalog::Full { why } => Self::exhausted(why),
            Catalog::Null { .. } => Self::invalid(error.to_string()),
            Catalog::Object { refusal, .. } => {
                let message = error.to_string();
                match refusal {
                    Refusal::Missing => Self::NotFound { message },
                    Refusal::Denied => Self::Denied { message },
                    Refusal::Unavailable => Self::Unavailable { message },
                }
            }
            Catalog::Lake(error) => Self::from_lake(error, "lake"),
        }
    }

    /// What an error of users and grants means for the user.
    pub(crate) fn from_auth(error: godwit_auth::Error, place: &str) -> Self {
        use godwit_auth::Error as Auth;
        let message = error.to_string();
        match error {
            Auth::Denied { .. } => Self::Denied { message },
            Auth::Password { .. } | Auth::Token { .. } => Self::InvalidInput { message },
            Auth::Busy | Auth::Throttled { .. } => Self::ResourcesExhausted { message },
            Auth::Contended => Self::Aborted { message },
            Auth::Unavailable { .. } | Auth::IssuerAway { .. } => Self::Unavailable { message },
            Auth::Issuer { .. }
            | Auth::Unauthenticated
            | Auth::Storage { .. }
            | Auth::Internal { .. } => Self::internal(place, error),
        }
    }

    pub(crate) fn from_lake(error: &godwit_lake::Error, query_id: &str) -> Self {
        use godwit_lake::Error as Lake;
        match error.clone() {
            Lake::NotFound { message } => Self::NotFound { message },
            Lake::AlreadyExists { message } => Self::AlreadyExists { message },
            Lake::Invalid { message } => Self::InvalidInput { message },
            Lake::Unsupported { message } => Self::Unsupported { message },
            Lake::Conflict { message } => Self::Aborted { message },
            Lake::Unavailable { message } => Self::Unavailable { message },
            Lake::Full { message } => Self::ResourcesExhausted { message },
            Lake::Broken { message } => Self::BrokenData {
                file: None,
                why: message,
            },
            Lake::Internal { source } => Self::internal(query_id, source.to_string()),
        }
    }
}

/// How the engine begins to say that spilled data takes too much disk space.
const SPILL_LIMIT_REACHED: &str = "The used disk space during the spilling process has exceeded";

/// What is said about SQL that nests deeper than allowed.
pub(crate) fn too_deep() -> String {
    "the statement nests too deep (query.max_sql_depth)".to_owned()
}

/// An error behind a `dyn Error`: one of ours, or one of the crates below that travelled through another.
fn from_foreign(error: &(dyn StdError + Send + Sync + 'static), query_id: &str) -> Error {
    if let Some(error) = error.downcast_ref::<Error>() {
        return error.clone();
    }
    if let Some(error) = error.downcast_ref::<godwit_catalog::Error>() {
        return Error::from_catalog(error);
    }
    if let Some(error) = error.downcast_ref::<godwit_lake::Error>() {
        return Error::from_lake(error, query_id);
    }
    if let Some(error) = error.downcast_ref::<DataFusionError>() {
        return Error::from_datafusion(error, query_id);
    }
    if let Some(error) = error.downcast_ref::<ArrowError>() {
        return Error::from_arrow(error, query_id);
    }
    if let Some(error) = error.downcast_ref::<ParquetError>() {
        return from_parquet(error, query_id);
    }
    if let Some(error) = error.downcast_ref::<object_store::Error>() {
        return from_object_store(error, query_id);
    }
    if let Some(error) = error.downcast_ref::<io::Error>() {
        return from_io(error, query_id);
    }
    Error::internal(query_id, error.to_string())
}

fn from_parquet(error: &ParquetError, query_id: &str) -> Error {
    match error {
        ParquetError::External(error) => from_foreign(error.as_ref(), query_id),
        ParquetError::NYI(text) => Error::unsupported(clean(text)),
        // The enum is open; whatever else the reader says is about the file's content.
        other => broken(None, &other.to_string()),
    }
}

fn from_object_store(error: &object_store::Error, query_id: &str) -> Error {
    use object_store::Error as Store;
    match error {
        Store::NotFound { path, .. } => broken(Some(path.into()), "the file has vanished"),
        Store::PermissionDenied { path, .. } | Store::Unauthenticated { path, .. } => {
            broken(Some(path.into()), "the server may not read the file")
        }
        Store::Precondition { path, .. } | Store::NotModified { path, .. } => Error::Conflict {
            message: format!("file '{path}' changed while it was read; run the statement again"),
        },
        Store::Generic { source, .. } => from_foreign(source.as_ref(), query_id),
        // The enum is open; the rest is about how we call the store.
        other => Error::internal(query_id, other.to_string()),
    }
}

fn from_io(error: &io::Error, query_id: &str) -> Error {
    // The engine says it with an error that has nothing but a text.
    if error.to_string().starts_with(SPILL_LIMIT_REACHED) {
        return Error::exhausted(
            "the query needs more disk space for what does not fit into memory than all queries together may have \
             (memory.limit, memory.spill_limit)",
        );
    }
    if let Some(inner) = error.get_ref() {
        return from_foreign(inner, query_id);
    }
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::exhausted(format!(
            "no disk space is left for what the query spills (memory.spill_dir): {error}"
        )),
        _ => Error::internal(query_id, error.to_string()),
    }
}

fn from_schema(error: &SchemaError) -> Error {
    match error {
        SchemaError::AmbiguousReference { .. }
        | SchemaError::DuplicateQualifiedField { .. }
        | SchemaError::DuplicateUnqualifiedField { .. }
        | SchemaError::FieldNotFound { .. } => Error::invalid(clean(&error.to_string())),
    }
}

/// Several mistakes in one statement: all messages, under the kind of the first.
fn from_several(errors: &[DataFusionError], query_id: &str) -> Error {
    let mut translated = errors
        .iter()
        .map(|error| Error::from_datafusion(error, query_id));
    let Some(first) = translated.next() else {
        return Error::internal(query_id, "an empty collection of errors");
    };
    let Error::InvalidInput { mut message } = first else {
        return first;
    };
    for other in translated {
        if let Error::InvalidInput { message: more } = other
            && !message.contains(&more)
        {
            message.push_str("; ");
            message.push_str(&more);
        }
    }
    Error::InvalidInput { message }
}

fn exhausted(text: &str) -> Error {
    if text.contains("(memory.query_limit)") {
        return Error::exhausted(clean(text));
    }
    Error::exhausted(format!(
        "{} (memory.limit, memory.spill_limit)",
        clean(text)
    ))
}

fn broken(file: Option<PathBuf>, why: &str) -> Error {
    Error::BrokenData {
        file,
        why: clean(why),
    }
}

/// The message without the engine's own headings and backtraces.
fn clean(text: &str) -> String {
    const HEADINGS: [&str; 7] = [
        "Error during planning: ",
        "Execution error: ",
        "Schema error: ",
        "Arrow error: ",
        "External error: ",
        "This feature is not implemented: ",
        "Invalid or Unsupported Configuration: ",
    ];
    let mut text = text
        .split(DataFusionError::BACK_TRACE_SEP)
        .next()
        .unwrap_or_default()
        .trim();
    while let Some(rest) = HEADINGS
        .iter()
        .find_map(|heading| text.strip_prefix(heading))
    {
        text = rest;
    }
    text.to_owned()
}
