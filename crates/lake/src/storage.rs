//! Where the Parquet files are: a local directory or an S3 bucket.

mod failure;
mod local;
mod s3;
#[cfg(test)]
mod tests;

use std::path::{self, PathBuf};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::execution::runtime_env::RuntimeEnv;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::{ObjectStore, path::Path};
use uuid::Uuid;

use crate::{Error, Result};

pub use failure::chain;
pub(crate) use local::{make, sync_one};
pub use s3::open_bucket;

/// The data path of a lake. A clone is the same one.
#[derive(Debug, Clone)]
pub(crate) struct Storage {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    place: Place,
    store: Arc<dyn ObjectStore>,
    url: ObjectStoreUrl,
    /// The data path as the store has it.
    base: Path,
    /// The data path as the catalog has it, with a slash at the end.
    data_path: String,
    runtime: Arc<RuntimeEnv>,
}

#[derive(Debug)]
enum Place {
    Local(PathBuf),
    S3 { bucket: String },
}

/// A file, where the object store finds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    /// The store, as the query engine's registry knows it.
    pub(crate) store: ObjectStoreUrl,
    pub(crate) path: Path,
}

/// A file that is there, whether a snapshot knows it or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Listed {
    /// Relative to the data path.
    pub(crate) path: String,
    pub(crate) bytes: u64,
    pub(crate) modified: DateTime<Utc>,
}

impl Storage {
    /// The data path of a configuration, `directory` where it names none. Its store gets a URL of its own in the runtime,
    /// so that it is not mixed up with files that are mounted. Makes nothing yet, see [`Self::expect`].
    pub(crate) fn open(
        config: &godwit_config::Lake,
        directory: &path::Path,
        runtime: Arc<RuntimeEnv>,
    ) -> Result<Self> {
        let (place, store, base, data_path) = match config.data.as_deref() {
            Some(url) if url.starts_with("s3://") => s3::open(config, url)?,
            Some(directory) => local::open(path::Path::new(directory))?,
            None => local::open(directory)?,
        };
        let url = format!("lake://{}/", Uuid::new_v4().simple());
        let url = ObjectStoreUrl::parse(url).map_err(Error::internal)?;
        runtime.register_object_store(url.as_ref(), Arc::clone(&store));
        let inner = Arc::new(Inner {
            place,
            store,
            url,
            base,
            data_path,
            runtime,
        });
        Ok(Self { inner })
    }

    /// As the catalog has it: absolute, or a URL, with a slash at the end.
    pub(crate) fn data_path(&self) -> &str {
        &self.inner.data_path
    }

    /// Where a file is. Paths are as the catalog has them: relative to the data path, or absolute (then of the same store as
    /// the data path, else [`crate::Error::Unsupported`]).
    pub(crate) fn locate(&self, path: &str) -> Result<Location> {
        let parsed = match (&self.inner.place, path.split_once("://")) {
            (Place::S3 { bucket }, Some(("s3", rest))) => match rest.split_once('/') {
                Some((name, key)) if name == bucket => Path::parse(key),
                _ => return Err(self.elsewhere(path)),
            },
            (_, Some(_)) => return Err(self.elsewhere(path)),
            (Place::S3 { .. }, None) if path.starts_with('/') => return Err(self.elsewhere(path)),
            (Place::Local(_), None) if path.starts_with('/') => Path::parse(path),
            // Not part by part, which would write some characters in another way than they are in the names of files.
            (_, None) => Path::parse(format!("{}/{path}", self.inner.base)),
        };
        let path = parsed.map_err(|why| {
            Error::broken(format!(
                "the catalog names the file {path:?}, which is no path: {why}"
            ))
        })?;
        let store = self.inner.url.clone();
        Ok(Location { store, path })
    }

    /// The data path, where it is a directory.
    pub(crate) fn directory(&self) -> Option<&path::Path> {
        match &self.inner.place {
            Place::Local(directory) => Some(directory),
            Place::S3 { .. } => None,
        }
    }

    /// The store of all files of the data path.
    pub(crate) fn store(&self) -> &Arc<dyn ObjectStore> {
        &self.inner.store
    }

    /// What an error of the store means for the lake.
    pub(crate) fn failed(&self, path: &str, why: &object_store::Error) -> Error {
        failure::failed(&format!("{}{path}", self.inner.data_path), why)
    }

    /// Makes files that were written survive a power failure: the files, and every directory above them up to the data
    /// path, each once. Does nothing for object stores.
    pub(crate) async fn sync_all(&self, paths: Vec<String>) -> Result<()> {
        match &self.inner.place {
            Place::Local(directory) => local::sync(directory.clone(), paths).await,
            Place::S3 { .. } => Ok(()),
        }
    }

    /// Removes files; those that are not there are no error.
    pub(crate) async fn remove(&self, paths: Vec<String>) -> Result<()> {
        let places = paths
            .iter()
            .map(|path| Ok(self.locate(path)?.path))
            .collect::<Result<Vec<_>>>()?;
        if let Place::Local(directory) = &self.inner.place {
            return local::remove(directory.clone(), paths).await;
        }
        let places = stream::iter(places.into_iter().map(Ok)).boxed();
        let mut removed = self.inner.store.delete_stream(places);
        while let Some(result) = removed.next().await {
            match result {
                Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
                Err(why) => return Err(self.failed("", &why)),
            }
        }
        Ok(())
    }

    /// All files below a prefix that ends with a slash, or of the whole data path (an empty one); in a directory those too
    /// that were never finished.
    pub(crate) fn list(&self, prefix: &str) -> BoxStream<'static, Result<Listed>> {
        if let Place::Local(directory) = &self.inner.place {
            return local::list(directory.clone(), prefix.to_owned());
        }
        let location = match self.locate(prefix.trim_end_matches('/')) {
            Ok(location) => location,
            Err(why) => return stream::once(async { Err(why) }).boxed(),
        };
        let (this, base) = (self.clone(), format!("{}/", self.inner.base));
        let base = base.trim_start_matches('/').to_owned();
        self.inner
            .store
            .list(Some(&location.path))
            .map(move |entry| {
                let entry = entry.map_err(|why| this.failed("", &why))?;
                let path = entry.location.as_ref();
                Ok(Listed {
                    path: path.strip_prefix(&base).unwrap_or(path).to_owned(),
                    bytes: entry.size,
                    modified: entry.last_modified,
                })
            })
            .boxed()
    }

    /// A new name below a table's path: `{table path}ducklake-{uuid v7}{suffix}`, suffix `.parquet` or `-delete.parquet`.
    pub(crate) fn new_path(&self, table_path: &str, suffix: &str) -> String {
        format!("{table_path}ducklake-{}{suffix}", Uuid::now_v7())
    }

    /// Whether a data path that a catalog names is this one.
    pub(crate) async fn is_at(&self, data_path: &str) -> Result<bool> {
        let same = data_path.trim_end_matches('/') == self.inner.data_path.trim_end_matches('/');
        match &self.inner.place {
            Place::Local(directory) if !same => {
                local::is_same(directory.clone(), PathBuf::from(data_path)).await
            }
            _ => Ok(same),
        }
    }

    /// A Parquet file of the data path, if there is any.
    pub(crate) async fn any_file(&self) -> Result<Option<String>> {
        let mut files = self.list("");
        while let Some(file) = files.try_next().await? {
            if file.path.ends_with(".parquet") {
                return Ok(Some(file.path));
            }
        }
        Ok(None)
    }

    /// Makes the directory if there is none, for the server's user only.
    ///
    /// # Errors
    /// [`Error::Broken`] when there is none and the catalog knows so many files.
    pub(crate) async fn expect(&self, files: u64) -> Result<()> {
        match &self.inner.place {
            Place::Local(directory) => local::expect(directory.clone(), files).await,
            Place::S3 { .. } => Ok(()),
        }
    }

    fn elsewhere(&self, path: &str) -> Error {
        Error::unsupported(format!(
            "the file {path} is not in the store of {}, the only one that this server reads for the lake",
            self.inner.data_path
        ))
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // It is an error only when it is gone already.
        let _ = self.runtime.deregister_object_store(self.url.as_ref());
    }
}
