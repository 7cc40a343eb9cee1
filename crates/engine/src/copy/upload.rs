use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use godwit_catalog::Object;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutMultipartOptions};
use tokio::runtime::Handle;
use tokio::task::{JoinHandle, JoinSet};

use crate::{Error, Result};

/// How large a part of an object is, in bytes; all but the last are equal, as some services want it.
const PART: usize = 10 << 20;
/// How many parts an object may have, by S3's rules.
const MAX_PARTS: usize = 10_000;
/// Parts that are under way at once.
const AT_ONCE: usize = 2;

type Beginning = JoinHandle<object_store::Result<Box<dyn MultipartUpload>>>;

/// What an encoder wrote and no part has taken yet. A clone is the same one.
#[derive(Debug, Clone, Default)]
pub(super) struct Buffer(Arc<Mutex<BytesMut>>);

/// An object that is being written. It is not seen before it is whole; dropped before that, it never is.
#[derive(Debug)]
pub(super) struct Upload {
    object: Object,
    buffer: Buffer,
    /// The request that begins it, while it is under way.
    beginning: Option<Beginning>,
    begun: Option<Box<dyn MultipartUpload>>,
    parts: JoinSet<object_store::Result<()>>,
    count: usize,
    runtime: Handle,
}

impl Upload {
    /// Of what is written to the buffer. Nothing is sent yet.
    pub(super) fn new(object: Object, buffer: Buffer) -> Self {
        Self {
            object,
            buffer,
            beginning: None,
            begun: None,
            parts: JoinSet::new(),
            count: 0,
            runtime: Handle::current(),
        }
    }

    pub(super) fn url(&self) -> &str {
        &self.object.url
    }

    /// Sends the parts that are full, and waits until no more than a few are under way.
    pub(super) async fn send(&mut self) -> Result<()> {
        while let Some(part) = self.buffer.part() {
            self.send_part(part).await?;
        }
        Ok(())
    }

    /// Sends the rest, and makes the object what was written.
    pub(super) async fn finish(mut self) -> Result<()> {
        self.send().await?;
        let rest = self.buffer.rest();
        if self.begun.is_none() {
            let put = self.object.store.put(&self.object.key, rest.into()).await;
            return put.map(drop).map_err(|why| self.failed(&why));
        }
        if !rest.is_empty() {
            self.send_part(rest).await?;
        }
        self.wait(0).await?;
        let Some(begun) = &mut self.begun else {
            return Ok(());
        };
        if let Err(why) = begun.complete().await {
            return Err(self.failed(&why));
        }
        // There is nothing left to abort.
        self.begun = None;
        Ok(())
    }

    async fn send_part(&mut self, part: Bytes) -> Result<()> {
        if self.count == MAX_PARTS {
            return Err(Error::invalid(format!(
                "'{}': an object of S3 has at most {MAX_PARTS} parts, of {PART} bytes here; copy fewer rows at a time",
                self.object.url
            )));
        }
        self.wait(AT_ONCE - 1).await?;
        if self.begun.is_none() {
            self.begun = Some(self.begin().await?);
        }
        if let Some(begun) = &mut self.begun {
            self.count += 1;
            self.parts.spawn(begun.put_part(part.into()));
        }
        Ok(())
    }

    /// In a task of its own: whoever is dropped meanwhile must still learn what there is to take back.
    async fn begin(&mut self) -> Result<Box<dyn MultipartUpload>> {
        let object = self.object.clone();
        let begin = async move {
            let options = PutMultipartOptions::default();
            object.store.put_multipart_opts(&object.key, options).await
        };
        let begun = self.beginning.insert(self.runtime.spawn(begin)).await;
        self.beginning = None;
        let begun = begun.map_err(|why| Error::from_join(&why, "copy"))?;
        begun.map_err(|why| self.failed(&why))
    }

    /// Until no more parts than these are under way.
    async fn wait(&mut self, parts: usize) -> Result<()> {
        while self.parts.len() > parts {
            match self.parts.join_next().await {
                Some(Ok(Ok(()))) | None => {}
                Some(Ok(Err(why))) => return Err(self.failed(&why)),
                Some(Err(why)) => return Err(Error::from_join(&why, "copy")),
            }
        }
        Ok(())
    }

    fn failed(&self, why: &object_store::Error) -> Error {
        Error::from_catalog(&self.object.failed(why))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        let (begun, beginning) = (self.begun.take(), self.beginning.take());
        if begun.is_none() && beginning.is_none() {
            return;
        }
        let (mut parts, url) = (mem::take(&mut self.parts), mem::take(&mut self.object.url));
        self.runtime.spawn(async move {
            // A part that arrives after the end would be kept, and paid for.
            parts.shutdown().await;
            let late = match beginning {
                Some(task) => task.await.ok().and_then(Result::ok),
                None => None,
            };
            let Some(mut begun) = begun.or(late) else {
                return;
            };
            if let Err(why) = begun.abort().await {
                tracing::warn!(url, error = %why, "an unfinished upload is left in its bucket");
            }
        });
    }
}

impl Buffer {
    /// The next whole part.
    fn part(&self) -> Option<Bytes> {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        (bytes.len() >= PART).then(|| bytes.split_to(PART).freeze())
    }

    fn rest(&self) -> Bytes {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        mem::take(&mut *bytes).freeze()
    }
}

impl Write for Buffer {
    fn write(&mut self, written: &[u8]) -> io::Result<usize> {
        let mut bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        bytes.extend_from_slice(written);
        Ok(written.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
