//! What a client streams to the server.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use arrow_flight::FlightData;
use futures::{Stream, StreamExt, TryStreamExt};
use tokio::time::{Sleep, sleep};
use tonic::body::Body;
use tonic::{Request, Status, Streaming};

use crate::Error;
use crate::layers::BrokenOff;

mod rest;
mod whole;

pub(crate) use rest::lend;
use whole::Messages;

/// The messages of an upload. It ends when the client has ended it; one that broke off ends with CANCELLED.
#[derive(Debug)]
pub(crate) struct Incoming {
    messages: Source,
    /// Until the end has been told.
    broken_off: Option<BrokenOff>,
    idle: Option<Duration>,
    /// When the client has taken too long with its next message.
    end: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug)]
enum Source {
    /// As the gRPC library takes them apart, compressed ones too.
    Library(Streaming<FlightData>),
    Own(Messages),
}

impl Incoming {
    /// What a client streams, with at most so long between two messages.
    pub(crate) fn of(
        request: Request<Streaming<FlightData>>,
        idle: Option<Duration>,
    ) -> Request<Self> {
        Self::from(request, idle, Source::Library)
    }

    /// The same of a body, its messages not compressed and none larger than `limit` bytes.
    pub(crate) fn of_body(
        request: Request<Body>,
        idle: Option<Duration>,
        limit: usize,
    ) -> Request<Self> {
        Self::from(request, idle, |body| Source::Own(Messages::of(body, limit)))
    }

    fn from<T>(
        request: Request<T>,
        idle: Option<Duration>,
        messages: impl FnOnce(T) -> Source,
    ) -> Request<Self> {
        let broken_off = request.extensions().get::<BrokenOff>().cloned();
        request.map(|inner| Self {
            messages: messages(inner),
            broken_off,
            idle,
            end: None,
        })
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
        let polled = match &mut self.messages {
            Source::Library(messages) => messages.poll_next_unpin(cx),
            Source::Own(messages) => messages.poll_next_unpin(cx),
        };
        if let Poll::Ready(None) = &polled
            && self
                .broken_off
                .take()
                .is_some_and(|broken_off| broken_off.is_set())
        {
            let text = "the client's stream broke off before its end";
            return Poll::Ready(Some(Err(Status::cancelled(text))));
        }
        match (polled, self.idle) {
            (Poll::Pending, Some(idle)) => self.wait(idle, cx),
            (polled, _) => {
                self.end = None;
                polled
            }
        }
    }
}

impl Incoming {
    /// There is no message: ready with an error when there should have been one.
    fn wait(
        &mut self,
        idle: Duration,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<FlightData, Status>>> {
        let end = self.end.get_or_insert_with(|| Box::pin(sleep(idle)));
        if end.as_mut().poll(cx).is_pending() {
            return Poll::Pending;
        }
        let why = Error::Idle {
            what: "sent",
            seconds: idle.as_secs_f64(),
        };
        let status = Status::deadline_exceeded(why.to_string());
        Poll::Ready(Some(Err(status)))
    }
}
