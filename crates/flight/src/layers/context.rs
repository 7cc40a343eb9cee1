//! The span of a call that is sent to collectors, apart from those of the log.

use http::HeaderMap;
use opentelemetry::global;
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::TraceContextExt;
use tonic::Code;
use tracing::{Span, field};
use tracing_opentelemetry::OpenTelemetrySpanExt;

use crate::status::QueryId;

/// A span of a call, below that of its client where the client names one (W3C Trace Context, in the headers `traceparent`
/// and `tracestate`). It is none where there is no collector, where the client does not want it, and for most of the others
/// when only one of `one_in` is traced.
pub(super) fn span(
    method: &'static str,
    id: QueryId,
    headers: &HeaderMap,
    one_in: Option<u32>,
) -> Span {
    let Some(one_in) = one_in else {
        return Span::none();
    };
    let client = global::get_text_map_propagator(|known| known.extract(&Headers(headers)));
    let of_client = client.span().span_context().clone();
    let is_wanted = if of_client.is_valid() {
        of_client.is_sampled()
    } else {
        id.is_one_in(one_in)
    };
    if !is_wanted {
        return Span::none();
    }
    let span = tracing::info_span!(
        target: "godwit_trace",
        parent: None,
        "call",
        otel.name = method,
        otel.kind = "server",
        otel.status_code = field::Empty,
        rpc.system = "grpc",
        rpc.method = method,
        rpc.grpc.status_code = field::Empty,
        query_id = %id,
    );
    if let Err(why) = span.set_parent(client) {
        tracing::debug!(%why, "the span of a client is not taken");
    }
    span
}

/// Notes how the call ended.
pub(super) fn end(span: &Span, code: Code) {
    span.record("rpc.grpc.status_code", code as i32);
    let is_ours = matches!(
        code,
        Code::Unknown
            | Code::DeadlineExceeded
            | Code::Unimplemented
            | Code::Internal
            | Code::Unavailable
            | Code::DataLoss
    );
    if is_ours {
        span.record("otel.status_code", "ERROR");
    }
}

struct Headers<'a>(&'a HeaderMap);

impl Extractor for Headers<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key)?.to_str().ok()
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(http::HeaderName::as_str).collect()
    }
}
