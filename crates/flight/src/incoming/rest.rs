//! What a client still sends when its answer is complete.
//!
//! A call ends with its answer. A client that still writes then sees its write fail, and Arrow's C++ library, which pyarrow is
//! made of, throws away what was not yet read of the answer when that happens. So the last word waits for the client to
//! end, or to rest, and what it sends meanwhile is taken and dropped.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow_flight::FlightData;
use futures::{Stream, StreamExt, stream};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tonic::Status;

/// A client that has sent nothing for so long has no write under way.
const REST: Duration = Duration::from_millis(200);
/// How long a client that does not rest has for reading its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A stream that comes back when it is dropped before its end.
#[derive(Debug)]
pub(crate) struct Lent<S> {
    stream: Option<S>,
    back: Option<oneshot::Sender<S>>,
}

/// What was not read of a stream that was lent.
#[derive(Debug)]
pub(crate) struct Rest<S>(oneshot::Receiver<S>);

/// Lends a stream.
pub(crate) fn lend<S>(stream: S) -> (Lent<S>, Rest<S>) {
    let (back, rest) = oneshot::channel();
    let lent = Lent {
        stream: Some(stream),
        back: Some(back),
    };
    (lent, Rest(rest))
}

impl<S: Stream<Item = Result<FlightData, Status>> + Unpin> Stream for Lent<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(stream) = &mut self.stream else {
            return Poll::Ready(None);
        };
        let polled = stream.poll_next_unpin(cx);
        if let Poll::Ready(None | Some(Err(_))) = &polled {
            self.stream = None;
        }
        polled
    }
}

impl<S> Drop for Lent<S> {
    fn drop(&mut self) {
        if let (Some(stream), Some(back)) = (self.stream.take(), self.back.take()) {
            // Nobody wants it where the answer has ended in another way.
            let _ = back.send(stream);
        }
    }
}

impl<S: Stream<Item = Result<FlightData, Status>> + Unpin> Rest<S> {
    /// Takes and drops it until it ends or rests, as long as there is patience; gives nothing.
    pub(crate) fn pass<T>(self) -> impl Stream<Item = T> {
        let all = async move {
            let Ok(mut stream) = self.0.await else {
                return;
            };
            while let Ok(Some(Ok(_))) = timeout(REST, stream.next()).await {}
        };
        stream::once(timeout(PATIENCE, all)).filter_map(async |_| None)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;
    use tokio::time::Instant;

    use super::*;

    fn messages(count: usize) -> impl Stream<Item = Result<FlightData, Status>> + Unpin {
        stream::iter((0..count).map(|_| Ok(FlightData::default())))
    }

    async fn passed<S: Stream<Item = Result<FlightData, Status>> + Unpin>(
        rest: Rest<S>,
    ) -> Duration {
        let began = Instant::now();
        assert_eq!(rest.pass::<()>().count().await, 0);
        began.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_read_to_its_end_is_not_waited_for() {
        let (mut lent, rest) = lend(messages(3).chain(stream::pending()).take(3));
        assert_eq!(lent.by_ref().count().await, 3);
        assert!(lent.next().await.is_none());
        drop(lent);
        assert_eq!(passed(rest).await, Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_ends_or_rests_is_let_go() {
        let (lent, rest) = lend(messages(3));
        drop(lent);
        assert_eq!(passed(rest).await, Duration::ZERO);
        let (mut lent, rest) = lend(messages(3).chain(stream::pending()));
        assert!(lent.next().await.is_some());
        drop(lent);
        assert!(passed(rest).await < 2 * REST);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_without_end_tries_the_patience() {
        let busy = stream::repeat_with(|| Ok(FlightData::default()));
        let busy = busy.then(async |message| {
            tokio::time::sleep(REST / 2).await;
            message
        });
        let (lent, rest) = lend(Box::pin(busy));
        drop(lent);
        let took = passed(rest).await;
        assert!((PATIENCE..PATIENCE + REST).contains(&took), "{took:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_passed_before_it_is_back() {
        let (lent, rest) = lend(messages(1));
        let mut passing = Box::pin(rest.pass::<()>());
        assert!(passing.next().now_or_never().is_none());
        drop(lent);
        assert!(passing.next().await.is_none());
    }

    #[tokio::test]
    async fn a_stream_that_failed_has_no_rest() {
        let failing = stream::iter([Err(Status::cancelled("gone")), Ok(FlightData::default())]);
        let (mut lent, rest) = lend(failing);
        assert!(lent.next().await.unwrap().is_err());
        assert!(lent.next().await.is_none());
        drop(lent);
        assert!(rest.0.await.is_err());
    }
}
