//! What a client streams to the server.

use std::pin::Pin;
use std::task::{Context, Poll};

use arrow_flight::FlightData;
use futures::{Stream, StreamExt, TryStreamExt};
use tonic::{Request, Status, Streaming};

use crate::layers::BrokenOff;

/// The messages of an upload. It ends when the client has ended it; one that broke off ends with CANCELLED.
#[derive(Debug)]
pub(crate) struct Incoming {
    messages: Streaming<FlightData>,
    /// Until the end has been told.
    broken_off: Option<BrokenOff>,
}

impl Incoming {
    pub(crate) fn of(request: Request<Streaming<FlightData>>) -> Self {
        Self {
            broken_off: request.extensions().get::<BrokenOff>().cloned(),
            messages: request.into_inner(),
        }
    }

    /// The next message; `None` at the end.
    ///
    /// # Errors
    /// What gRPC says of a message that it cannot take; CANCELLED when the stream broke off.
    pub(crate) async fn message(&mut self) -> Result<Option<FlightData>, Status> {
        self.try_next().await
    }
}

impl Stream for Incoming {
    type Item = Result<FlightData, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let polled = self.messages.poll_next_unpin(cx);
        if let Poll::Ready(None) = &polled
            && self
                .broken_off
                .take()
                .is_some_and(|broken_off| broken_off.is_set())
        {
            let text = "the client's stream broke off before its end";
            return Poll::Ready(Some(Err(Status::cancelled(text))));
        }
        polled
    }
}
