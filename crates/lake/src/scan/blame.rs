//! Errors that come up while a file is read name the file.

use std::error::Error as StdError;
use std::sync::Arc;

use datafusion::error::DataFusionError;
use object_store::path::Path as Location;

use crate::Error;
use crate::guard::{FileGuard, Undecodable};

/// The files of a table, which is named by its schema and name.
#[derive(Debug)]
pub(super) struct Files(pub(super) Arc<str>);

impl FileGuard for Files {
    fn explain(&self, location: &Location, error: DataFusionError) -> DataFusionError {
        explain(error, &self.0, location.as_ref())
    }

    fn answers_filters(&self) -> bool {
        false
    }
}

/// An error with the file that was read; errors that are not about it stay as they are.
pub(crate) fn explain(error: DataFusionError, table: &str, file: &str) -> DataFusionError {
    if find::<Error>(&error).is_some() {
        return error;
    }
    if is_missing(&error) {
        return Error::not_found(format!(
            "the file {file:?} of the table {table} is gone: the snapshot that it belongs to has expired, or it was removed by hand"
        ))
        .into();
    }
    let message = || format!("the file {file:?} of the table {table} cannot be read: {error}");
    if find::<Undecodable>(&error).is_some() {
        return Error::broken(message()).into();
    }
    match error.find_root() {
        DataFusionError::ObjectStore(_) => Error::unavailable(message()).into(),
        DataFusionError::ParquetError(parquet)
            if find::<object_store::Error>(parquet.as_ref()).is_some() =>
        {
            Error::unavailable(message()).into()
        }
        DataFusionError::ParquetError(_) | DataFusionError::ArrowError(..) => {
            Error::broken(message()).into()
        }
        _ => error,
    }
}

/// The same as an error of ours, whatever came up.
pub(crate) fn explained(error: DataFusionError, table: &str, file: &str) -> Error {
    let error = explain(error, table, file);
    match find::<Error>(&error) {
        Some(error) => error.clone(),
        None => Error::internal(error),
    }
}

/// Whether the file is not there. The reader of footers keeps the words of the error only.
fn is_missing(error: &DataFusionError) -> bool {
    match find::<object_store::Error>(error) {
        Some(error) => matches!(error, object_store::Error::NotFound { .. }),
        None => {
            let text = error.to_string();
            text.contains("Failed to fetch metadata") && text.contains("not found")
        }
    }
}

fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    let mut link = Some(error);
    while let Some(error) = link {
        if let Some(found) = error.downcast_ref::<E>() {
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
