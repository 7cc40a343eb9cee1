use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::{Buf, Bytes};
use object_store::ObjectStoreExt;
use tokio::runtime::Handle;

use super::PinnedObject;

/// How much is asked for at once, in bytes.
const WINDOW: u64 = 1 << 20;

/// An object as blocking code reads it. Only for threads that may block.
#[derive(Debug)]
pub(crate) struct ObjectReader {
    object: Arc<PinnedObject>,
    runtime: Handle,
    at: u64,
    /// What was read and not yet taken; it begins at `at`.
    window: Bytes,
}

impl ObjectReader {
    /// At the start of the object. The runtime is the one that talks to the store.
    pub(crate) fn new(object: Arc<PinnedObject>, runtime: Handle) -> Self {
        Self {
            object,
            runtime,
            at: 0,
            window: Bytes::new(),
        }
    }
}

impl Read for ObjectReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let meta = self.object.meta();
        if self.window.is_empty() && self.at < meta.size {
            let range = self.at..meta.size.min(self.at + WINDOW);
            let bytes = self.object.get_range(&meta.location, range);
            self.window = self.runtime.block_on(bytes).map_err(io::Error::other)?;
        }
        let length = self.window.len().min(into.len());
        self.window
            .copy_to_slice(into.get_mut(..length).unwrap_or_default());
        self.at += length as u64;
        Ok(length)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let to = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.object.meta().size.checked_add_signed(by),
            SeekFrom::Current(by) => self.at.checked_add_signed(by),
        };
        let Some(to) = to else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        let ahead = to
            .checked_sub(self.at)
            .and_then(|ahead| usize::try_from(ahead).ok());
        match ahead.filter(|ahead| *ahead <= self.window.len()) {
            Some(ahead) => self.window.advance(ahead),
            None => self.window.clear(),
        }
        self.at = to;
        Ok(to)
    }
}
