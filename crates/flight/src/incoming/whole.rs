use std::pin::Pin;
use std::task::{Context, Poll, ready};

use arrow::buffer::{Buffer, MutableBuffer};
use arrow_flight::FlightData;
use bytes::Bytes;
use futures::Stream;
use http_body::Body as _;
use prost::Message;
use tonic::body::Body;
use tonic::{Code, Status};

/// What stands before a message: whether it is compressed, and its length.
/// <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, Length-Prefixed-Message.
const PREFIX: usize = 5;
/// Where buffers of columns begin, and how long their padding is, in bytes.
const ALIGNMENT: usize = 64;

/// The messages of a request, taken apart here instead of by the gRPC library: it would collect them in a buffer in which
/// they lie anywhere, and columns that are not aligned have to be copied once more. Here each message gets a buffer of its
/// own, at the end of which it lies: with the body last in it, as all clients send it, columns are where they must be.
#[derive(Debug)]
pub(super) struct Messages {
    frames: Body,
    limit: usize,
    prefix: Vec<u8>,
    message: Option<Draft>,
    /// What is left of the last frame.
    rest: Bytes,
    ended: bool,
}

/// A message of which not all bytes are there.
#[derive(Debug)]
struct Draft {
    bytes: MutableBuffer,
    /// Where the message begins, and where it ends.
    begin: usize,
    end: usize,
}

impl Draft {
    fn of(length: usize) -> Self {
        let end = length.next_multiple_of(ALIGNMENT);
        let begin = end - length;
        let mut bytes = MutableBuffer::with_capacity(end);
        bytes.resize(begin, 0);
        Self { bytes, begin, end }
    }

    fn take(&mut self, rest: &mut Bytes) {
        let bytes = rest.split_to(rest.len().min(self.end - self.bytes.len()));
        self.bytes.extend_from_slice(&bytes);
    }

    fn is_whole(&self) -> bool {
        self.bytes.len() == self.end
    }

    fn decode(self) -> Result<FlightData, Status> {
        let bytes = Bytes::from_owner(Whole(self.bytes.into()));
        let message = FlightData::decode(bytes.slice(self.begin..));
        message.map_err(|error| Status::internal(error.to_string()))
    }
}

struct Whole(Buffer);

impl AsRef<[u8]> for Whole {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Messages {
    /// Takes messages up to `limit` bytes.
    pub(super) fn of(frames: Body, limit: usize) -> Self {
        Self {
            frames,
            limit,
            prefix: Vec::with_capacity(PREFIX),
            message: None,
            rest: Bytes::new(),
            ended: false,
        }
    }

    /// The next message, if all of it has come.
    fn take_message(&mut self) -> Result<Option<FlightData>, Status> {
        let mut message = match self.message.take() {
            Some(message) => message,
            None => {
                let missing = PREFIX - self.prefix.len();
                let bytes = self.rest.split_to(missing.min(self.rest.len()));
                self.prefix.extend_from_slice(&bytes);
                let Ok(prefix) = <[u8; PREFIX]>::try_from(self.prefix.as_slice()) else {
                    return Ok(None);
                };
                self.prefix.clear();
                Draft::of(length(prefix, self.limit)?)
            }
        };
        message.take(&mut self.rest);
        if message.is_whole() {
            return message.decode().map(Some);
        }
        self.message = Some(message);
        Ok(None)
    }

    fn is_between_messages(&self) -> bool {
        self.message.is_none() && self.prefix.is_empty()
    }
}

/// The words are those of the gRPC library, by which it is told what they mean to a client.
fn length(prefix: [u8; PREFIX], limit: usize) -> Result<usize, Status> {
    let [compressed, length @ ..] = prefix;
    if compressed != 0 {
        return Err(Status::internal(
            "protocol error: a compressed message in a call that names no compression",
        ));
    }
    let length = u32::from_be_bytes(length) as usize;
    if length > limit {
        return Err(Status::out_of_range(format!(
            "Error, decoded message length too large: found {length} bytes, the limit is: {limit} bytes"
        )));
    }
    Ok(length)
}

impl Stream for Messages {
    type Item = Result<FlightData, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        while !this.ended {
            match this.take_message() {
                Ok(None) => {}
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Err(status) => {
                    this.ended = true;
                    return Poll::Ready(Some(Err(status)));
                }
            }
            let frame = match ready!(Pin::new(&mut this.frames).poll_frame(cx)) {
                Some(Ok(frame)) => frame.into_data().ok(),
                Some(Err(status)) => {
                    this.ended = true;
                    // That the client has gone, whoever reads learns from what watches the body.
                    let has_gone = status.code() == Code::Cancelled;
                    return Poll::Ready((!has_gone).then_some(Err(status)));
                }
                None => None,
            };
            match frame {
                Some(bytes) => this.rest = bytes,
                None => {
                    this.ended = true;
                    if !this.is_between_messages() {
                        let status = Status::internal("Unexpected EOF decoding stream.");
                        return Poll::Ready(Some(Err(status)));
                    }
                }
            }
        }
        Poll::Ready(None)
    }
}

#[cfg(test)]
mod tests;
