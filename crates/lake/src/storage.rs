//! Where the Parquet files are: a local directory or an S3 bucket.

use std::sync::Arc;

use datafusion::execution::object_store::ObjectStoreUrl;
use object_store::{ObjectStore, path::Path};

use crate::Result;

/// The data path of a lake.
#[derive(Debug, Clone)]
pub(crate) struct Storage {}

/// A file, where the object store finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// The store, as the query engine's registry knows it.
    pub(crate) store: ObjectStoreUrl,
    pub(crate) path: Path,
}

impl Storage {
    /// Where a file is. Paths are as the catalog has them: relative to the data path, or absolute (then of the same store as
    /// the data path, else [`crate::Error::Unsupported`]).
    pub(crate) fn locate(&self, path: &str) -> Result<Location> {
        let _ = path;
        unimplemented!()
    }
    /// The store of all files of the data path.
    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        unimplemented!()
    }
    /// Makes a file that was written survive a power failure: the file, and every directory above it up to the data path.
    /// Does nothing for object stores.
    pub(crate) async fn sync(&self, path: &str) -> Result<()> {
        let _ = path;
        unimplemented!()
    }
    /// Removes files; those that are not there are no error.
    pub(crate) async fn remove(&self, paths: Vec<String>) -> Result<()> {
        let _ = paths;
        unimplemented!()
    }
    /// A new name below a table's path: `{table path}ducklake-{uuid v7}{suffix}`, suffix `.parquet` or `-delete.parquet`.
    pub(crate) fn new_path(&self, table_path: &str, suffix: &str) -> String {
        let _ = (table_path, suffix);
        unimplemented!()
    }
}
