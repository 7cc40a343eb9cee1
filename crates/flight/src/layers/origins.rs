use std::sync::Arc;
use std::task::{Context, Poll};

use http::header::ORIGIN;
use http::{HeaderValue, Request, Response};
use tonic::Status;
use tonic::body::Body;
use tower::{Layer, Service};

use super::{Answer, Inner, rpc, take_ready};

/// Refuses the calls of pages that are not allowed to call. Without it such a call would be made, and only its answer
/// be kept from the page; and a page whose name was made to point at this server would pass for one of the server's own,
/// of which there are none. Browsers name the origin with every call; other clients do not.
#[derive(Debug, Clone)]
pub(crate) struct Origins {
    allowed: Arc<Allowed>,
}

#[derive(Debug)]
enum Allowed {
    Any,
    Only(Vec<HeaderValue>),
}

impl Origins {
    pub(crate) fn new(allowed_origins: &[String]) -> Self {
        let allowed = if allowed_origins.iter().any(|origin| origin == "*") {
            Allowed::Any
        } else {
            let origins = allowed_origins.iter();
            Allowed::Only(
                origins
                    .filter_map(|origin| HeaderValue::try_from(origin).ok())
                    .collect(),
            )
        };
        Self {
            allowed: Arc::new(allowed),
        }
    }
}

impl<S> Layer<S> for Origins {
    type Service = Checked<S>;

    fn layer(&self, inner: S) -> Checked<S> {
        Checked {
            inner,
            allowed: Arc::clone(&self.allowed),
        }
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Checked<S> {
    inner: S,
    allowed: Arc<Allowed>,
}

impl<S: Inner> Service<Request<Body>> for Checked<S> {
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut inner = take_ready(&mut self.inner);
        if self.allowed.admits(&request) {
            return Box::pin(inner.call(request));
        }
        tracing::info!(rpc = rpc(request.uri().path()), origin = ?request.headers().get(ORIGIN), "page refused");
        let text = "pages of this origin may not call this server (web.allowed_origins)";
        Box::pin(async move { Ok(Status::permission_denied(text).into_http()) })
    }
}

impl Allowed {
    fn admits(&self, request: &Request<Body>) -> bool {
        let mut named = request.headers().get_all(ORIGIN).iter();
        match self {
            Self::Any => true,
            Self::Only(allowed) => named.all(|origin| allowed.contains(origin)),
        }
    }
}
