use std::task::{Context, Poll};

use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;

use super::{Answer, Inner, broken_off, take_ready};
use crate::status::{QueryId, framing, message};

/// Messages that gRPC refuses before an RPC sees them: too large, or no protobuf. Its codes for these, OUT_OF_RANGE and
/// INTERNAL, would blame the server.
#[derive(Debug, Clone)]
pub(crate) struct Framing<S> {
    inner: S,
}

impl<S> Framing<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S: Inner> Service<Request<Body>> for Framing<S> {
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut inner = take_ready(&mut self.inner);
        let id = request.extensions().get::<QueryId>().copied();
        Box::pin(async move {
            let response = inner.call(broken_off::watch(request)).await?;
            let status = response.extensions().get::<Status>();
            Ok(match (id, status.and_then(better)) {
                (Some(id), Some((code, text))) => Status::new(code, message(&text, id)).into_http(),
                _ => response,
            })
        })
    }
}

fn better(refused: &Status) -> Option<(Code, String)> {
    let code = framing(refused).filter(|code| *code != refused.code())?;
    let text = if code == Code::ResourceExhausted {
        format!("{} (wire.max_request_bytes)", refused.message())
    } else {
        format!("the request cannot be read: {}", refused.message())
    };
    Some((code, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_of_grpc_are_replaced() {
        let table = [
            (
                Status::out_of_range(
                    "Error, decoded message length too large: found 9 bytes, the limit is: 8 bytes",
                ),
                Some(Code::ResourceExhausted),
            ),
            (
                Status::internal("failed to decode Protobuf message: invalid tag value: 0"),
                Some(Code::InvalidArgument),
            ),
            (
                Status::internal("Missing request message."),
                Some(Code::InvalidArgument),
            ),
            (Status::internal("internal error; the log has more"), None),
            (Status::not_found("no such table"), None),
        ];
        for (refused, code) in table {
            assert_eq!(better(&refused).map(|(code, _)| code), code, "{refused}");
        }
    }
}
