use bytes::Bytes;
use godwit_engine::{Readiness, Standing};
use http_body_util::Full;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};

use crate::metrics::{CONTENT_TYPE as METRICS, Metrics};

const TEXT: &str = "text/plain; charset=utf-8";

/// What is answered to whom.
#[derive(Debug, Clone)]
pub(crate) struct Answers {
    readiness: Readiness,
    metrics: Metrics,
}

impl Answers {
    pub(crate) fn new(readiness: Readiness, metrics: Metrics) -> Self {
        Self { readiness, metrics }
    }

    /// The answer to one request; its body is not looked at.
    pub(super) async fn answer<B>(&self, request: &Request<B>) -> Response<Full<Bytes>> {
        if ![Method::GET, Method::HEAD].contains(request.method()) {
            let mut refused = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD");
            let allowed = HeaderValue::from_static("GET, HEAD");
            refused.headers_mut().insert(ALLOW, allowed);
            return refused;
        }
        match request.uri().path() {
            // Whoever reads this has been served by the threads that accept connections.
            "/livez" => text(StatusCode::OK, "alive"),
            "/readyz" => ready(self.readiness.ask().await),
            "/metrics" => respond(StatusCode::OK, METRICS, self.metrics.page().await),
            _ => text(
                StatusCode::NOT_FOUND,
                "there are /livez, /readyz and /metrics",
            ),
        }
    }
}

fn ready(standing: Standing) -> Response<Full<Bytes>> {
    let words = match standing {
        Standing::Ready { lake: true } => "ready",
        Standing::Ready { lake: false } => {
            "ready, but the catalog of durable tables does not answer"
        }
        Standing::Stopping => "stopping",
        Standing::Slow => "a query has not ended within 5 seconds",
        Standing::Failed => "a query failed; the log says why",
    };
    let status = if standing.is_ready() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    text(status, words)
}

fn text(status: StatusCode, words: &str) -> Response<Full<Bytes>> {
    respond(status, TEXT, format!("{words}\n"))
}

fn respond(status: StatusCode, kind: &'static str, body: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
