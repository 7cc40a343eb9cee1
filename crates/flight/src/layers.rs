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
        let meter = self.flight.meter.clone();
        let inner = deadline::Deadline::new(framing::Framing::new(authenticate));
        trace::Trace::new(inner, meter, shows_messages)
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

/// What can be called; the last stands for all that cannot.
pub(crate) const METHODS: [&str; 14] = [
    "Handshake",
    "ListFlights",
    "GetFlightInfo",
    "PollFlightInfo",
    "GetSchema",
    "DoGet",
    "DoPut",
    "DoExchange",
    "DoAction",
    "ListActions",
    "health/Check",
    "health/Watch",
    "reflection",
    "unknown",
];
/// How many of them are Flight's; they come first.
const FLIGHT: usize = 10;
const UNKNOWN: usize = METHODS.len() - 1;

/// The place in [`METHODS`] of what a path names.
fn method(path: &str) -> usize {
    let path = path.strip_prefix('/').unwrap_or_default();
    let at = |name: &str| METHODS[..UNKNOWN].iter().position(|known| *known == name);
    let known = match path.rsplit_once('/') {
        Some(("arrow.flight.protocol.FlightService", name)) => at(name).filter(|at| *at < FLIGHT),
        Some(("grpc.health.v1.Health", "Check")) => at("health/Check"),
        Some(("grpc.health.v1.Health", "Watch")) => at("health/Watch"),
        Some((
            "grpc.reflection.v1.ServerReflection" | "grpc.reflection.v1alpha.ServerReflection",
            "ServerReflectionInfo",
        )) => at("reflection"),
        _ => None,
    };
    known.unwrap_or(UNKNOWN)
}

/// The RPC that a path names; `unknown` for what is none.
fn rpc(path: &str) -> &'static str {
    METHODS[method(path)]
}

/// Whether the answer is no failure, as far as its headers tell. What they carry besides must not go with a failure:
/// some clients show all headers to the user then.
fn succeeds<B>(response: &Response<B>) -> bool {
    let status = response.headers().get(Status::GRPC_STATUS);
    status.is_none_or(|code| code.as_bytes() == b"0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_be_called_has_a_name() {
        for (path, name) in [
            ("/arrow.flight.protocol.FlightService/DoGet", "DoGet"),
            (
                "/arrow.flight.protocol.FlightService/ListActions",
                "ListActions",
            ),
            ("/arrow.flight.protocol.FlightService/doget", "unknown"),
            ("/arrow.flight.protocol.FlightService/reflection", "unknown"),
            ("/grpc.health.v1.Health/Check", "health/Check"),
            ("/grpc.health.v1.Health/Watch", "health/Watch"),
            ("/grpc.health.v1.Health/List", "unknown"),
            (
                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                "reflection",
            ),
            ("/grpc.reflection.v1.ServerReflection/Other", "unknown"),
            ("arrow.flight.protocol.FlightService/DoGet", "unknown"),
            ("/health/Check", "unknown"),
            ("/", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(rpc(path), name, "{path}");
        }
    }
}
