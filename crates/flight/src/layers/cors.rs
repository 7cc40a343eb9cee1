//! Which pages may call, and what their browser lets them send and see.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method};
use tower_http::cors::{AllowOrigin, Any, CorsLayer};

use crate::format::{COMPRESSION_HEADER, PROFILE_HEADER};

/// How long a browser may remember that a page is allowed.
const REMEMBERED: Duration = Duration::from_hours(1);
/// What pages may send besides what every page may.
const SENT: [HeaderName; 7] = [
    AUTHORIZATION,
    CONTENT_TYPE,
    HeaderName::from_static("x-grpc-web"),
    HeaderName::from_static("x-user-agent"),
    HeaderName::from_static("grpc-timeout"),
    HeaderName::from_static(PROFILE_HEADER),
    HeaderName::from_static(COMPRESSION_HEADER),
];
/// What pages may see of an answer: its status, where there are no rows to carry it, and the token of a handshake.
const SEEN: [HeaderName; 4] = [
    HeaderName::from_static("grpc-status"),
    HeaderName::from_static("grpc-message"),
    HeaderName::from_static("grpc-status-details-bin"),
    AUTHORIZATION,
];

/// Answers the questions that browsers ask before they let a page of another origin call, and marks the answers that
/// the page may read. Whoever the page is, its calls need credentials as all others do. Cookies are only for origins
/// that are listed. What a page calls without asking, [`super::Origins`] refuses.
pub(crate) fn cors(allowed_origins: &[String]) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::POST])
        .allow_headers(SENT)
        .expose_headers(SEEN)
        .max_age(REMEMBERED);
    if allowed_origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(Any);
    }
    let origins = allowed_origins.iter();
    let origins = origins.filter_map(|origin| HeaderValue::try_from(origin).ok());
    layer
        .allow_origin(AllowOrigin::list(origins.collect::<Vec<_>>()))
        .allow_credentials(true)
}
