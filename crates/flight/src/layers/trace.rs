use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tracing::{Instrument, Span, field};

use super::{Answer, Inner, METHODS, method, take_ready};
use crate::connection::Peer;
use crate::figures::Meter;
use crate::status::QueryId;

/// Gives each call its id and its span, and one line in the log when it has ended, with its code; then it is counted. A call
/// ends with its last byte, not with its headers.
#[derive(Debug, Clone)]
pub(crate) struct Trace<S> {
    inner: S,
    meter: Meter,
    /// Whether the log may show messages of errors, which quote what was sent.
    shows_messages: bool,
}

impl<S> Trace<S> {
    pub(crate) fn new(inner: S, meter: Meter, shows_messages: bool) -> Self {
        Self {
            inner,
            meter,
            shows_messages,
        }
    }
}

impl<S: Inner> Service<Request<Body>> for Trace<S> {
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let mut inner = take_ready(&mut self.inner);
        // Where gRPC servers have it, whatever the connection.
        if let Some(peer) = request.extensions().get::<Peer>().cloned() {
            request.extensions_mut().insert(peer.tcp);
        }
        let id = QueryId::random();
        request.extensions_mut().insert(id);
        let method = method(request.uri().path());
        let name = METHODS[method];
        self.meter.begin(method);
        let span = tracing::info_span!("rpc", rpc = name, query_id = %id, user = field::Empty);
        let mut ending = Ending {
            span: span.clone(),
            meter: self.meter.clone(),
            method,
            started: Instant::now(),
            logged: false,
            shows_messages: self.shows_messages,
        };
        let answer = async move {
            let response = inner.call(request).await?;
            ending.see(response.headers());
            Ok(response.map(|body| Body::new(Traced { body, ending })))
        };
        Box::pin(answer.instrument(span))
    }
}

/// The end of a call, told once: by its status, or by its being dropped.
#[derive(Debug)]
struct Ending {
    span: Span,
    meter: Meter,
    method: usize,
    started: Instant,
    logged: bool,
    shows_messages: bool,
}

impl Ending {
    fn see(&mut self, headers: &HeaderMap) {
        if let Some(status) = Status::from_header_map(headers) {
            self.tell(status.code(), status.message());
        }
    }

    fn tell(&mut self, code: Code, message: &str) {
        if std::mem::replace(&mut self.logged, true) {
            return;
        }
        let elapsed = self.started.elapsed();
        self.meter.end(self.method, code, elapsed);
        let elapsed_ms = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX);
        let _entered = self.span.enter();
        match code {
            Code::Ok => tracing::debug!(elapsed_ms, "done"),
            _ if self.shows_messages => tracing::info!(elapsed_ms, ?code, message, "failed"),
            _ => tracing::info!(elapsed_ms, ?code, "failed"),
        }
    }
}

impl Drop for Ending {
    fn drop(&mut self) {
        self.tell(Code::Cancelled, "the client went away");
    }
}

struct Traced {
    body: Body,
    ending: Ending,
}

impl HttpBody for Traced {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        let span = this.ending.span.clone();
        let polled = span.in_scope(|| Pin::new(&mut this.body).poll_frame(cx));
        if let Poll::Ready(Some(Ok(frame))) = &polled
            && let Some(trailers) = frame.trailers_ref()
        {
            this.ending.see(trailers);
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
