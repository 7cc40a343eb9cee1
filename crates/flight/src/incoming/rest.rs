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

/// A stream that comes back when it is dropped before its end; with its way back until then.
#[derive(Debug)]
pub(crate) struct Lent<S>(Option<(S, oneshot::Sender<S>)>);

/// What was not read of a stream that was lent.
#[derive(Debug)]
pub(crate) struct Rest<S>(oneshot::Receiver<S>);

/// Lends a stream.
pub(crate) fn lend<S>(stream: S) -> (Lent<S>, Rest<S>) {
    let (back, rest) = oneshot::channel();
    (Lent(Some((stream, back))), Rest(rest))
}

impl<S: Stream<Item = Result<FlightData, Status>> + Unpin> Stream for Lent<S> {
    type Item = S::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some((stream, _)) = &mut self.0 else {
            return Poll::Ready(None);
        };
        let polled = stream.poll_next_unpin(cx);
        if let Poll::Ready(None | Some(Err(_))) = &polled {
            self.0 = None;
        }
        polled
    }
}

impl<S> Drop for Lent<S> {
    fn drop(&mut self) {
        if let Some((stream, back)) = self.0.take() {
            // Nobody wants it where the answer has ended in another way.
            let _ = back.send(stream);
        }
    }
}

impl<S: Stream<Item = Result<FlightData, Status>> + Unpin> Rest<S> {
    /// Takes and drops it until it ends or rests, as long as there is patience; gives nothing.
    pub(crate) fn pass<T>(self) -> impl Stream<Item = T> {
        stream::once(self.pass_within(REST, PATIENCE)).filter_map(async |()| None)
    }

    async fn pass_within(self, rest: Duration, patience: Duration) {
        let all = async move {
            let Ok(mut stream) = self.0.await else {
                return;
            };
            while let Ok(Some(Ok(_))) = timeout(rest, stream.next()).await {}
        };
        // What is left then is dropped, with the call.
        let _ = timeout(patience, all).await;
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    /// Nothing here is waited for as long as that.
    const EVER: Duration = Duration::from_secs(3600);
    const SOON: Duration = Duration::from_millis(20);

    fn messages(count: usize) -> impl Stream<Item = Result<FlightData, Status>> + Unpin {
        stream::iter((0..count).map(|_| Ok(FlightData::default())))
    }

    #[tokio::test]
    async fn what_was_read_to_its_end_is_not_waited_for() {
        let (mut lent, rest) = lend(messages(3));
        assert_eq!(lent.by_ref().count().await, 3);
        assert!(lent.next().await.is_none());
        drop(lent);
        rest.pass_within(EVER, EVER).await;
    }

    #[tokio::test]
    async fn a_client_that_ends_or_rests_is_let_go() {
        let (lent, rest) = lend(messages(3));
        drop(lent);
        rest.pass_within(EVER, EVER).await;
        let (mut lent, rest) = lend(messages(3).chain(stream::pending()));
        assert!(lent.next().await.is_some());
        drop(lent);
        rest.pass_within(SOON, EVER).await;
    }

    #[tokio::test]
    async fn a_client_without_end_tries_the_patience() {
        let busy = stream::repeat_with(|| Ok(FlightData::default()));
        let busy = busy.then(async |message| {
            tokio::task::yield_now().await;
            message
        });
        let (lent, rest) = lend(Box::pin(busy));
        drop(lent);
        rest.pass_within(EVER, SOON).await;
    }

    #[tokio::test]
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
