use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::OwnedSemaphorePermit;
use tonic::transport::server::Connected;

/// How much is gathered for one system call.
const GATHERED: usize = 256 << 10;
/// From this size on, a write costs less than a copy of its bytes would, and goes out by itself.
const ALONE: usize = 64 << 10;

/// A connection that gathers what is written to it and sends it when the task that writes has nothing more to say.
///
/// HTTP/2 writes and flushes each of its frames by itself, and most clients ask for frames of 16 KiB: a system call each.
/// A flush after a write therefore only wakes the task again; the flush of its next turn, with nothing written since, is
/// the one that sends. So the few frames of a small answer go out together too.
#[derive(Debug)]
pub(crate) struct Gathered<S> {
    inner: S,
    held: Vec<u8>,
    /// How much of what is held has been sent.
    sent: usize,
    /// Whether something was written since the last flush.
    written: bool,
    /// Given back when the connection is closed.
    _place: Option<OwnedSemaphorePermit>,
}

impl<S> Gathered<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self {
            inner,
            held: Vec::new(),
            sent: 0,
            written: false,
            _place: None,
        }
    }

    /// The same with a place among the connections that may be open.
    pub(crate) fn holding(self, place: OwnedSemaphorePermit) -> Self {
        Self {
            _place: Some(place),
            ..self
        }
    }

    fn is_empty(&self) -> bool {
        self.sent == self.held.len()
    }

    /// Whether so many bytes more can be held.
    fn has_room(&self, bytes: usize) -> bool {
        bytes < ALONE && self.held.len() + bytes <= GATHERED
    }
}

impl<S: AsyncWrite + Unpin> Gathered<S> {
    /// Sends all that is held.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while let Some(rest) = self.held.get(self.sent..).filter(|rest| !rest.is_empty()) {
            match ready!(Pin::new(&mut self.inner).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                sent => self.sent += sent,
            }
        }
        self.held.clear();
        self.sent = 0;
        Poll::Ready(Ok(()))
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
        let bytes = slices.iter().map(|slice| slice.len()).sum();
        if !this.has_room(bytes) {
            ready!(this.poll_send(cx))?;
        }
        this.written = true;
        if !this.has_room(bytes) {
            return Pin::new(&mut this.inner).poll_write_vectored(cx, slices);
        }
        for slice in slices {
            this.held.extend_from_slice(slice);
        }
        Poll::Ready(Ok(bytes))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if std::mem::take(&mut this.written) && !this.is_empty() {
            cx.waker().wake_by_ref();
            return Poll::Ready(Ok(()));
        }
        ready!(this.poll_send(cx))?;
        // A connection that waits holds no memory.
        this.held = Vec::new();
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
