use std::error::Error as StdError;
use std::path::Path;

use datafusion::error::DataFusionError;

use crate::Error;

/// Puts the path into an error that came up while a file was read.
pub(crate) fn file(path: &Path, error: DataFusionError) -> DataFusionError {
    if find(&error).is_some() || !concerns_the_file(&error) {
        return error;
    }
    unreadable(path, &error).into()
}

/// The same as an error of ours, whatever came up.
pub(crate) fn unreadable(path: &Path, error: &DataFusionError) -> Error {
    find(error).cloned().unwrap_or_else(|| Error::File {
        path: path.to_owned(),
        why: message(error),
    })
}

/// Our own error within a chain of others'.
pub(crate) fn find(error: &DataFusionError) -> Option<&Error> {
    let mut link: Option<&(dyn StdError + 'static)> = Some(error);
    while let Some(error) = link {
        if let Some(found) = error.downcast_ref::<Error>() {
            return Some(found);
        }
        link = error.source();
    }
    None
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        Self::External(Box::new(error))
    }
}

/// Scans read files and select columns, no more, so nearly all that fails in one is the file's doing.
fn concerns_the_file(error: &DataFusionError) -> bool {
    match error {
        DataFusionError::ArrowError(..)
        | DataFusionError::ParquetError(_)
        | DataFusionError::ObjectStore(_)
        | DataFusionError::IoError(_)
        | DataFusionError::NotImplemented(_)
        | DataFusionError::SchemaError(..)
        | DataFusionError::Execution(_)
        | DataFusionError::External(_) => true,
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            concerns_the_file(inner)
        }
        DataFusionError::Shared(inner) => concerns_the_file(inner),
        DataFusionError::Collection(errors) => errors.iter().all(concerns_the_file),
        DataFusionError::SQL(..)
        | DataFusionError::Internal(_)
        | DataFusionError::Plan(_)
        | DataFusionError::Configuration(_)
        | DataFusionError::ExecutionJoin(_)
        | DataFusionError::ResourcesExhausted(_)
        | DataFusionError::Substrait(_)
        | DataFusionError::Ffi(_) => false,
    }
}

/// The message of the innermost error: the wrapping only says which library met it.
fn message(error: &DataFusionError) -> String {
    match error {
        DataFusionError::ArrowError(error, _) => error.to_string(),
        DataFusionError::ParquetError(error) => error.to_string(),
        DataFusionError::ObjectStore(error) => error.to_string(),
        DataFusionError::IoError(error) => crate::listing::reason(error),
        DataFusionError::External(error) => error.to_string(),
        DataFusionError::ExecutionJoin(error) => format!("its content cannot be decoded ({error})"),
        DataFusionError::NotImplemented(text) | DataFusionError::Execution(text) => text.clone(),
        DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
            message(inner)
        }
        DataFusionError::Shared(inner) => message(inner),
        other => other.strip_backtrace(),
    }
}
