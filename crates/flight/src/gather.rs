use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tonic::transport::server::Connected;

use crate::pieces::Pieces;
use queue::Queue;

mod queue;

/// How much is copied for one system call.
const GATHERED: usize = 256 << 10;
/// How much is gathered for one system call when nothing has to be copied for it, and in how many parts.
const KEPT: usize = 512 << 10;
const PARTS: usize = 72;
/// Below this size bytes are copied rather than kept, whatever they are of.
const SMALL: usize = 2 << 10;
/// From this size on, a write costs less than a copy of its bytes would, and goes out at once, after what is held.
const ALONE: usize = 64 << 10;
/// A connection that has sent less than this since it last had nothing to say gives its memory back; one that sends much
/// will need it again at once.
const LITTLE: usize = 16 << 10;

/// A connection that gathers what is written to it and sends it when the task that writes has nothing more to say.
///
/// HTTP/2 writes and flushes each of its frames by itself, and most clients ask for frames of 16 KiB: a system call each.
/// A flush after a write therefore only wakes the task again; the flush of its next turn, with nothing written since, is
/// the one that sends. So the few frames of a small answer go out together too.
///
/// What is written is copied, unless it is of a piece that can be kept until it is sent.
#[derive(Debug)]
pub(crate) struct Gathered<S> {
    inner: S,
    pieces: Pieces,
    held: Queue,
    /// Whether something was written since the last flush.
    written: bool,
    /// Given back when the connection is closed.
    _place: Option<OwnedSemaphorePermit>,
}

impl<S> Gathered<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            pieces: Pieces::default(),
            held: Queue::default(),
            written: false,
            _place: None,
        }
    }

    /// The same that keeps what is of these pieces.
    pub(crate) fn keeping(self, pieces: Pieces) -> Self {
        Self { pieces, ..self }
    }

    /// The same with a place among the connections that may be open.
    pub(crate) fn holding(self, place: OwnedSemaphorePermit) -> Self {
        Self {
            _place: Some(place),
            ..self
        }
    }

    /// Whether what is held must be sent before this can be held too.
    fn is_full(&self, bytes: usize, copied: usize, parts: usize) -> bool {
        self.held.bytes() + bytes > KEPT
            || self.held.copied() + copied > GATHERED
            || self.held.parts() + parts > PARTS
    }

    /// What of this can be kept, slice by slice.
    fn find(&self, slices: &[IoSlice<'_>]) -> Vec<Option<Bytes>> {
        let found = slices.iter().map(|slice| {
            let is_small = slice.len() < SMALL;
            (!is_small).then(|| self.pieces.find(slice)).flatten()
        });
        found.collect()
    }

    fn copy(&mut self, bytes: &[u8]) {
        if self.held.copied() + bytes.len() > self.held.capacity().max(LITTLE) {
            self.held.reserve(GATHERED);
        }
        self.held.copy(bytes);
    }
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    /// Sends all that is held.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.held.bytes() > 0 {
            let mut slices = [IoSlice::new(&[]); PARTS];
            let filled = self.held.fill(&mut slices);
            let slices = slices.get(..filled).unwrap_or_default();
            let sent = match slices {
                [one] => Pin::new(&mut self.inner).poll_write(cx, one),
                several => Pin::new(&mut self.inner).poll_write_vectored(cx, several),
            };
            match ready!(sent)? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.held.advance(sent),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends all that is held, and then these slices without holding them; says how much was taken of these.
    fn poll_send_with(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        loop {
            let held = self.held.bytes();
            let mut all = [IoSlice::new(&[]); PARTS];
            let filled = self.held.fill(&mut all);
            for (place, slice) in all.iter_mut().skip(filled).zip(slices) {
                *place = IoSlice::new(slice);
            }
            let all = all.get(..filled + slices.len()).unwrap_or(&all);
            match ready!(Pin::new(&mut self.inner).poll_write_vectored(cx, all))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => {
                    self.held.advance(sent);
                    if sent > held {
                        return Poll::Ready(Ok(sent - held));
                    }
                }
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Gathered<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let found = this.find(slices);
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        let kept: usize = found.iter().flatten().map(Bytes::len).sum();
        if bytes - kept >= ALONE {
            return this.poll_send_with(cx, slices);
        }
        if this.is_full(bytes, bytes - kept, slices.len()) {
            ready!(this.poll_send(cx))?;
        }
        this.written = true;
        for (slice, found) in slices.iter().zip(found) {
            match found {
                Some(kept) => this.held.keep(kept),
                None => this.copy(slice),
            }
        }
        Poll::Ready(Ok(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.written) && this.held.bytes() > 0 {
            cx.waker().wake_by_ref();
            return Poll::Ready(Ok(()));
        }
        let is_little = this.held.bytes() < LITTLE;
        ready!(this.poll_send(cx))?;
        if is_little {
            // A connection that waits holds no memory.
            this.held = Queue::default();
        }
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Gathered<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().inner).poll_read(cx, buffer)
    }
}

impl<S: Connected> Connected for Gathered<S> {
    type ConnectInfo = S::ConnectInfo;

    fn connect_info(&self) -> Self::ConnectInfo {
        self.inner.connect_info()
    }
}

#[cfg(test)]
mod tests;
