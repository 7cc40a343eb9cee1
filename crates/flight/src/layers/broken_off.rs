use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::Request;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::Status;
use tonic::body::Body;

/// Whether the client's stream broke off before its end. The gRPC library makes both look alike where the client
/// cancelled its call, and half an upload must not pass for a whole one.
#[derive(Debug, Clone, Default)]
pub(crate) struct BrokenOff(Arc<AtomicBool>);

impl BrokenOff {
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Puts a [`BrokenOff`] into the request that its body will set.
pub(super) fn watch(mut request: Request<Body>) -> Request<Body> {
    let broken_off = BrokenOff::default();
    request.extensions_mut().insert(broken_off.clone());
    request.map(|body| Body::new(Watched { body, broken_off }))
}

struct Watched {
    body: Body,
    broken_off: BrokenOff,
}

impl HttpBody for Watched {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let polled = Pin::new(&mut self.body).poll_frame(cx);
        if let Poll::Ready(Some(Err(_))) = &polled {
            self.broken_off.0.store(true, Ordering::Release);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
