use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::{Extensions, HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tracing::{Instrument, Span, field};

use super::{Answer, Inner, METHODS, context, method, take_ready};
use crate::Flight;
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
    /// One of how many calls a collector sees whose client does not say; none without a collector.
    traces_one_in: Option<u32>,
}

impl<S> Trace<S> {
    pub(crate) fn new(inner: S, flight: &Flight) -> Self {
        Self {
            inner,
            meter: flight.meter.clone(),
            shows_messages: !flight.options.redact_literals,
            traces_one_in: flight.options.traces_one_in,
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
        let sent = context::span(name, id, request.headers(), self.traces_one_in);
        let span = tracing::info_span!(parent: None, "rpc", rpc = name, query_id = %id, user = field::Empty);
        if !sent.is_disabled() {
            request.extensions_mut().insert(Logged(span.clone()));
        }
        let mut ending = Ending {
            span: span.clone(),
            sent: sent.clone(),
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
        Box::pin(answer.instrument(sent).instrument(span))
    }
}

/// The span of a call that the log shows, where it is not the current one: the call is traced.
#[derive(Debug, Clone)]
struct Logged(Span);

/// Notes whose call it is, for the log.
pub(crate) fn name_user(extensions: &Extensions, user: &str) {
    let span = match extensions.get::<Logged>() {
        Some(Logged(span)) => span.clone(),
        None => Span::current(),
    };
    span.record("user", user);
}

/// The end of a call, told once: by its status, or by its being dropped.
#[derive(Debug)]
struct Ending {
    span: Span,
    /// What a collector gets.
    sent: Span,
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
        context::end(&self.sent, code);
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
        let (sent, span) = (this.ending.sent.clone(), this.ending.span.clone());
        let poll = || Pin::new(&mut this.body).poll_frame(cx);
        let polled = span.in_scope(|| sent.in_scope(poll));
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
