use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep, sleep_until, timeout_at};
use tonic::Status;
use tonic::body::Body;
use tower::Service;

use super::{Answer, Inner, take_ready};

/// Ends a call, and what it has begun, when the time is up that its client gave it (`grpc-timeout`): also in the middle of an
/// answer, which the gRPC library leaves to the client.
#[derive(Debug, Clone)]
pub(crate) struct Deadline<S> {
    inner: S,
}

impl<S> Deadline<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner }
    }
}

impl<S: Inner> Service<Request<Body>> for Deadline<S> {
    type Response = Response<Body>;
    type Error = S::Error;
    type Future = Answer<S::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let mut inner = take_ready(&mut self.inner);
        let deadline = given(request.headers()).and_then(|time| Instant::now().checked_add(time));
        let Some(deadline) = deadline else {
            return Box::pin(inner.call(request));
        };
        Box::pin(async move {
            match timeout_at(deadline, inner.call(request)).await {
                Ok(answered) => Ok(answered?.map(|body| {
                    Body::new(Limited {
                        body: Some(body),
                        end: Box::pin(sleep_until(deadline)),
                    })
                })),
                Err(_) => Ok(expired().into_http()),
            }
        })
    }
}

/// The time that a client gives a call: at most eight digits and a unit. What is something else was sent by no gRPC library,
/// and is passed over as those do.
fn given(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

fn expired() -> Status {
    Status::deadline_exceeded("the time is up that the client gave this call (grpc-timeout)")
}

/// An answer that ends when its time is up.
struct Limited {
    /// Dropped at the end, and with it whatever makes the answer.
    body: Option<Body>,
    end: Pin<Box<Sleep>>,
}

impl HttpBody for Limited {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let Some(body) = &mut self.body else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(body).poll_frame(cx);
        // Asked first whether or not there is more to send: rows that come without a pause do not outrun their time.
        if self.end.as_mut().poll(cx).is_pending() {
            return polled;
        }
        self.body = None;
        let mut trailers = HeaderMap::new();
        match expired().add_header(&mut trailers) {
            Ok(()) => Poll::Ready(Some(Ok(Frame::trailers(trailers)))),
            Err(status) => Poll::Ready(Some(Err(status))),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body
            .as_ref()
            .map_or_else(SizeHint::default, HttpBody::size_hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_digits_and_a_unit() {
        let of = |text: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("grpc-timeout", text.parse().unwrap());
            given(&headers)
        };
        for (text, time) in [
            ("1n", Duration::from_nanos(1)),
            ("250u", Duration::from_micros(250)),
            ("10m", Duration::from_millis(10)),
            ("3S", Duration::from_secs(3)),
            ("2M", Duration::from_mins(2)),
            ("99999999H", Duration::from_secs(99_999_999 * 3600)),
        ] {
            assert_eq!(of(text), Some(time), "{text}");
        }
        for text in ["", "S", "1", "1s", "-1S", "123456789S", "1 S", "+1S"] {
            assert_eq!(of(text), None, "{text}");
        }
        assert_eq!(given(&HeaderMap::new()), None);
    }
}
