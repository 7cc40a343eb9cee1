use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use chrono::{DateTime, Utc};
use datafusion::error::DataFusionError;
use futures::stream::{self, BoxStream, StreamExt};
use godwit_lake::guard::FileGuard;
use object_store::path::Path as Location;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore,
    PutMultipartOptions, PutOptions, PutPayload, PutResult,
};

use crate::listing::DataFile;
use crate::object::PinnedObject;
use crate::{Error, blame};

/// A table's files as they were when it was resolved. What is read later must still be that.
#[derive(Debug)]
pub(crate) struct Pins {
    table: String,
    files: HashMap<Location, Pin>,
    /// The store, where the files are not on the disk.
    object: Option<Arc<PinnedObject>>,
}

#[derive(Debug)]
struct Pin {
    path: PathBuf,
    size: u64,
    modified: DateTime<Utc>,
}

impl Pins {
    pub(crate) fn new<'a>(table: &str, files: impl Iterator<Item = &'a DataFile> + Clone) -> Self {
        let object = files.clone().find_map(|file| file.object.clone());
        let pin = |file: &DataFile| {
            let pin = Pin {
                path: file.path.clone(),
                size: file.meta.size,
                modified: file.meta.last_modified,
            };
            (file.meta.location.clone(), pin)
        };
        Self {
            table: table.to_owned(),
            files: files.map(pin).collect(),
            object,
        }
    }

    /// Puts the file's path into an error of a scan. A file that has changed is the reason for whatever came up.
    pub(crate) fn explain(&self, location: &Location, error: DataFusionError) -> DataFusionError {
        if let Some(said) = self
            .object
            .as_ref()
            .and_then(|object| object.take_failure())
        {
            return said.into();
        }
        match (self.verify(location), self.files.get(location)) {
            (Err(changed), _) => changed.into(),
            (Ok(()), Some(pin)) => blame::file(&pin.path, error),
            (Ok(()), None) => error,
        }
    }

    /// The store that the files are read through; `disk` when that is where they are.
    pub(crate) fn store(self: &Arc<Self>, disk: Arc<dyn ObjectStore>) -> PinnedStore {
        let inner = match &self.object {
            Some(object) => Arc::clone(object) as Arc<dyn ObjectStore>,
            None => disk,
        };
        PinnedStore {
            inner,
            pins: Arc::clone(self),
        }
    }

    /// Fails when the file is not what it was. An object cannot be: every request for it says which one is meant.
    pub(crate) fn verify(&self, location: &Location) -> Result<(), Error> {
        if self.object.is_some() {
            return Ok(());
        }
        let Some(pin) = self.files.get(location) else {
            return Ok(());
        };
        let found = fs::metadata(&pin.path).and_then(|found| Ok((found.len(), found.modified()?)));
        match found {
            Ok((size, modified)) => self.compare(pin, size, modified.into()),
            Err(error) => Err(self.changed(&pin.path, &crate::listing::reason(&error))),
        }
    }

    fn verify_meta(&self, meta: &ObjectMeta) -> Result<(), Error> {
        let pin = self.files.get(&meta.location);
        pin.map_or(Ok(()), |pin| {
            self.compare(pin, meta.size, meta.last_modified)
        })
    }

    fn compare(&self, pin: &Pin, size: u64, modified: DateTime<Utc>) -> Result<(), Error> {
        if size != pin.size {
            return Err(self.changed(
                &pin.path,
                &format!("it had {} bytes and has {size}", pin.size),
            ));
        }
        if modified != pin.modified {
            return Err(self.changed(&pin.path, "it was written to or replaced"));
        }
        Ok(())
    }

    fn changed(&self, path: &Path, why: &str) -> Error {
        Error::Changed {
            table: self.table.clone(),
            path: path.to_owned(),
            why: why.to_owned(),
        }
    }
}

/// Guards a scan: it reads nothing but pinned files.
#[derive(Debug)]
pub(super) struct PinGuard(pub(super) Arc<Pins>);

impl FileGuard for PinGuard {
    fn store(&self, store: Arc<dyn ObjectStore>) -> Arc<dyn ObjectStore> {
        Arc::new(self.0.store(store))
    }

    fn explain(&self, location: &Location, error: DataFusionError) -> DataFusionError {
        self.0.explain(location, error)
    }

    fn verify(&self, location: &Location) -> Result<(), DataFusionError> {
        Ok(self.0.verify(location)?)
    }

    fn answers_filters(&self) -> bool {
        true
    }
}

/// A view of a store that gives out nothing but what its pins say, and that nothing can be written through.
#[derive(Debug)]
pub(crate) struct PinnedStore {
    inner: Arc<dyn ObjectStore>,
    pins: Arc<Pins>,
}

impl fmt::Display for PinnedStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pinned({})", self.inner)
    }
}

#[async_trait]
impl ObjectStore for PinnedStore {
    async fn get_opts(
        &self,
        location: &Location,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        let result = self.inner.get_opts(location, options).await?;
        self.pins.verify_meta(&result.meta).map_err(foreign)?;
        Ok(result)
    }

    async fn get_ranges(
        &self,
        location: &Location,
        ranges: &[Range<u64>],
    ) -> object_store::Result<Vec<Bytes>> {
        let bytes = self.inner.get_ranges(location, ranges).await;
        // Looked at after the read: what was read can only be older than what is seen now.
        self.pins.verify(location).map_err(foreign)?;
        bytes
    }

    fn list(
        &self,
        prefix: Option<&Location>,
    ) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(
        &self,
        prefix: Option<&Location>,
    ) -> object_store::Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn put_opts(
        &self,
        _: &Location,
        _: PutPayload,
        _: PutOptions,
    ) -> object_store::Result<PutResult> {
        Err(self.read_only())
    }

    async fn put_multipart_opts(
        &self,
        _: &Location,
        _: PutMultipartOptions,
    ) -> object_store::Result<Box<dyn MultipartUpload>> {
        Err(self.read_only())
    }

    fn delete_stream(
        &self,
        _: BoxStream<'static, object_store::Result<Location>>,
    ) -> BoxStream<'static, object_store::Result<Location>> {
        stream::iter([Err(self.read_only())]).boxed()
    }

    async fn copy_opts(
        &self,
        _: &Location,
        _: &Location,
        _: CopyOptions,
    ) -> object_store::Result<()> {
        Err(self.read_only())
    }
}

impl PinnedStore {
    fn read_only(&self) -> object_store::Error {
        foreign(super::read_only(&self.pins.table))
    }
}

/// Our error in the only form that an object store may return it.
fn foreign(error: Error) -> object_store::Error {
    object_store::Error::Generic {
        store: "mount",
        source: Box::new(error),
    }
}
