//! What happens around every RPC, from the outside in: `trace` names and times the call, `deadline` ends it when its client's time is up, `framing` puts a useful code on
//! messages that gRPC itself refuses, and `broken_off` a mark on uploads that did not end, `authenticate` finds out who calls, `session` in which session. Around all of them
//! `cors` and gRPC-web turn the calls of browsers into calls like all others, once `origins` lets their pages in.

mod authenticate;
mod broken_off;
mod cors;
mod deadline;
mod framing;
mod origins;
mod session;
mod trace;

pub(crate) use authenticate::certified;
pub(crate) use broken_off::BrokenOff;
pub(crate) use cors::cors;
pub(crate) use origins::Origins;
pub(crate) use session::forget;

use std::pin::Pin;

use http::{Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use crate::Flight;

/// All layers in their order.
#[derive(Debug, Clone)]
pub(crate) struct Layers {
    flight: Flight,
}

impl Layers {
    pub(crate) fn new(flight: Flight) -> Self {
        Self { flight }
    }
}

impl<S: Inner> Layer<S> for Layers {
    type Service = trace::Trace<
        deadline::Deadline<framing::Framing<authenticate::Authenticate<session::Sessions<S>>>>,
    >;

    fn layer(&self, inner: S) -> Self::Service {
        let session = session::Sessions::new(inner, self.flight.clone());
        let authenticate = authenticate::Authenticate::new(session, self.flight.clone());
        let shows_messages = !self.flight.options.redact_literals;
        trace::Trace::new(
            deadline::Deadline::new(framing::Framing::new(authenticate)),
            shows_messages,
        )
    }
}

/// A service that a layer can be put around.
pub(crate) trait Inner:
    Service<Request<Body>, Response = Response<Body>, Error: Send, Future: Send>
    + Clone
    + Send
    + 'static
{
}

impl<S> Inner for S where
    S: Service<Request<Body>, Response = Response<Body>, Error: Send, Future: Send>
        + Clone
        + Send
        + 'static
{
}

type Answer<E> = Pin<Box<dyn Future<Output = Result<Response<Body>, E>> + Send>>;

/// The service that was polled ready, leaving a clone in its place: a clone need not be ready.
fn take_ready<S: Clone>(inner: &mut S) -> S {
    let clone = inner.clone();
    std::mem::replace(inner, clone)
}

/// The RPC that a path names; `unknown` for what is none.
fn rpc(path: &str) -> &str {
    path.strip_prefix("/arrow.flight.protocol.FlightService/")
        .filter(|name| name.bytes().all(|byte| byte.is_ascii_alphabetic()))
        .unwrap_or("unknown")
}

/// Whether the answer is no failure, as far as its headers tell. What they carry besides must not go with a failure:
/// some clients show all headers to the user then.
fn succeeds<B>(response: &Response<B>) -> bool {
    let status = response.headers().get(Status::GRPC_STATUS);
    status.is_none_or(|code| code.as_bytes() == b"0")
}
