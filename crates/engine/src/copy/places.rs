use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use datafusion::execution::runtime_env::RuntimeEnv;
use godwit_catalog::{Catalog, Object, ResolvedTable};
use godwit_config::{Mount, MountFormat, MountKind};

use super::Format;
use super::buckets::Buckets;
use crate::{Error, Result};

/// Where SQL may write and read.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    directories: Arc<[PathBuf]>,
    buckets: Arc<Buckets>,
    runtime: Arc<RuntimeEnv>,
}

/// A file that SQL named and may use.
#[derive(Debug)]
pub(super) enum Place {
    File(PathBuf),
    Object(Object),
}

/// What a text names, before it is known whether it is allowed.
enum Written<'a> {
    Path(&'a Path),
    Url(&'a str),
}

impl Places {
    pub(crate) fn new(config: &godwit_config::Copy, runtime: Arc<RuntimeEnv>) -> Self {
        let is_directory = |place: &&String| place.starts_with('/');
        let directories = config.allowed.iter().filter(is_directory);
        Self {
            directories: directories.map(PathBuf::from).collect(),
            buckets: Arc::new(Buckets::new(config)),
            runtime,
        }
    }

    /// The file that may be written: its directory is there and allowed, whatever links lead to it.
    pub(super) fn to_write(&self, path: &str) -> Result<Place> {
        let written = match self.written(path)? {
            Written::Path(written) => written,
            Written::Url(url) => return self.buckets.object(url).map(Place::Object),
        };
        let (Some(dir), Some(name)) = (written.parent(), written.file_name()) else {
            return Err(Error::invalid(format!("'{path}' names no file")));
        };
        let dir = self.inside(path, dir)?;
        let file = dir.join(name);
        if file.is_dir() {
            return Err(Error::invalid(format!("'{path}' is a directory")));
        }
        Ok(Place::File(file))
    }

    /// The file that may be read.
    fn to_read(&self, path: &str) -> Result<Place> {
        let written = match self.written(path)? {
            Written::Path(written) => written,
            Written::Url(url) => return self.buckets.object(url).map(Place::Object),
        };
        let file = self.inside(path, written)?;
        if file.is_file() {
            Ok(Place::File(file))
        } else {
            Err(Error::invalid(format!("'{path}' is no file")))
        }
    }

    fn written<'a>(&self, path: &'a str) -> Result<Written<'a>> {
        if self.directories.is_empty() && self.buckets.is_empty() {
            return Err(Error::Denied {
                message: "COPY: the configuration names no place that SQL may write to or read from (copy.allowed)"
                    .to_owned(),
            });
        }
        let written = Path::new(path);
        if written.is_absolute() {
            return Ok(Written::Path(written));
        }
        match path.split_once("://") {
            Some(("s3", _)) => Ok(Written::Url(path)),
            Some((scheme, _)) => Err(Error::Denied {
                message: format!(
                    "COPY: files of '{scheme}://' are out of reach; SQL reads and writes absolute paths and \
                     s3://BUCKET/KEY, where the configuration allows it (copy.allowed)"
                ),
            }),
            None => Err(Error::invalid(format!(
                "COPY takes the absolute path of a file on the server, or s3://BUCKET/KEY, not '{path}'"
            ))),
        }
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
            .directories
            .iter()
            .filter_map(|dir| fs::canonicalize(dir).ok())
            .any(|dir| real.starts_with(dir));
        if is_allowed { Ok(real) } else { Err(denied()) }
    }

    /// A file as a table: the options and the path as [`super::insert_of`] wrote them.
    ///
    /// # Errors
    /// [`Error::Denied`] when it may not be read, and whatever is wrong with it.
    pub(crate) async fn table(&self, options: &str, path: &str) -> Result<ResolvedTable> {
        let place = self.to_read(path)?;
        let mut mount = Mount::new(path);
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
        let runtime = Arc::clone(&self.runtime);
        let table = match place {
            Place::File(file) => {
                mount.path = file;
                Catalog::file(&mount, runtime).await
            }
            Place::Object(object) => Catalog::object(object, &mount, runtime).await,
        };
        table.map_err(|error| Error::from_catalog(&error))
    }
}
