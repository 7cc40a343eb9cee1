use std::fmt;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use object_store::path::Path as Location;
use object_store::{
    Attributes, CopyOptions, GetOptions, GetRange, GetResult, GetResultPayload, ListResult,
    MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions, PutOptions, PutPayload,
    PutResult,
};

use super::Object;
use crate::Error;

/// How much one request asks for, in bytes: what a slow reader leaves waiting is no more than a few of them.
const CHUNK: u64 = 4 << 20;
/// Requests that are under way ahead of the reader.
const AHEAD: usize = 2;

/// How many objects had no version that the service named.
static UNNAMED: AtomicU64 = AtomicU64::new(0);

/// A store of a single object, which is either what it was or an error. Its location in here is unlike that of any other
/// content, since the engine's caches go by location, size and time alone.
#[derive(Debug)]
pub(crate) struct PinnedObject {
    object: Object,
    meta: ObjectMeta,
    /// What went wrong last, until somebody asks.
    failure: Arc<Mutex<Option<Error>>>,
}

impl PinnedObject {
    /// `found` is what the object is now.
    pub(super) fn new(object: Object, found: ObjectMeta) -> Self {
        let version = match &found.e_tag {
            Some(tag) => tag.clone(),
            None => format!("unnamed-{}", UNNAMED.fetch_add(1, Ordering::Relaxed)),
        };
        let location = Location::from_iter(["s3", &object.url, &version]);
        let meta = ObjectMeta { location, ..found };
        Self {
            object,
            meta,
            failure: Arc::default(),
        }
    }

    /// What it is, under its location in here.
    pub(crate) fn meta(&self) -> &ObjectMeta {
        &self.meta
    }

    /// What went wrong with it since this was asked last.
    pub(crate) fn take_failure(&self) -> Option<Error> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take()
    }

    /// One request for a part of it.
    fn ask(&self, range: Range<u64>) -> impl Future<Output = object_store::Result<Bytes>> + use<> {
        let options = GetOptions {
            if_match: self.meta.e_tag.clone(),
            range: Some(GetRange::Bounded(range.clone())),
            ..GetOptions::default()
        };
        let (object, failure) = (self.object.clone(), Arc::clone(&self.failure));
        async move {
            let got = object.store.get_opts(&object.key, options).await;
            let bytes = match got {
                Ok(got) => got.bytes().await,
                Err(why) => Err(why),
            };
            let error = match bytes {
                Ok(bytes) if bytes.len() as u64 == range.end - range.start => return Ok(bytes),
                Ok(_) => changed(&object, "it has become shorter"),
                Err(why) => explain(&object, &why),
            };
            let mut failure = failure.lock().unwrap_or_else(PoisonError::into_inner);
            *failure = Some(error.clone());
            Err(foreign(error))
        }
    }
}

/// An object that went or was replaced is no longer the one that was planned on.
fn explain(object: &Object, why: &object_store::Error) -> Error {
    match why {
        object_store::Error::Precondition { .. } => changed(object, "it was replaced"),
        object_store::Error::NotFound { .. } => changed(object, "it does not exist"),
        why => object.failed(why),
    }
}

fn changed(object: &Object, why: &str) -> Error {
    Error::Changed {
        table: object.url.clone(),
        path: object.url.clone().into(),
        why: why.to_owned(),
    }
}

/// Our error in the only form that an object store may return it.
fn foreign(error: Error) -> object_store::Error {
    object_store::Error::Generic {
        store: "S3",
        source: Box::new(error),
    }
}

impl fmt::Display for PinnedObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.object.url)
    }
}

#[async_trait]
impl ObjectStore for PinnedObject {
    async fn get_opts(
        &self,
        location: &Location,
        options: GetOptions,
    ) -> object_store::Result<GetResult> {
        if *location != self.meta.location {
            return Err(self.only_one(location));
        }
        let size = self.meta.size;
        let range = match &options.range {
            _ if options.head || size == 0 => 0..0,
            None => 0..size,
            Some(range) => range
                .as_range(size)
                .map_err(|why| object_store::Error::Generic {
                    store: "S3",
                    source: Box::new(why),
                })?,
        };
        let starts = (range.start..range.end).step_by(usize::try_from(CHUNK).unwrap_or(1));
        let asks: Vec<_> = starts
            .map(|start| self.ask(start..range.end.min(start + CHUNK)))
            .collect();
        let chunks = stream::iter(asks).buffered(AHEAD).boxed();
        Ok(GetResult {
            payload: GetResultPayload::Stream(chunks),
            meta: self.meta.clone(),
            range,
            attributes: Attributes::default(),
        })
    }

    fn list(&self, _: Option<&Location>) -> BoxStream<'static, object_store::Result<ObjectMeta>> {
        stream::iter([Ok(self.meta.clone())]).boxed()
    }

    async fn list_with_delimiter(&self, _: Option<&Location>) -> object_store::Result<ListResult> {
        Ok(ListResult {
            common_prefixes: Vec::new(),
            objects: vec![self.meta.clone()],
        })
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

impl PinnedObject {
    fn read_only(&self) -> object_store::Error {
        foreign(Error::ReadOnly {
            table: self.object.url.clone(),
            why: "it is only read".to_owned(),
        })
    }

    fn only_one(&self, location: &Location) -> object_store::Error {
        object_store::Error::NotFound {
            path: location.to_string(),
            source: self.object.url.clone().into(),
        }
    }
}
