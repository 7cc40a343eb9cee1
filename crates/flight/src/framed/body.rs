use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{BufMut, Bytes, BytesMut};
use futures::StreamExt;
use http::HeaderMap;
use http_body::{Body, Frame};
use prost::encoding::{encode_varint, encoded_len_varint};
use tonic::Status;

use crate::encode::Message;
use crate::pieces::Pieces;
use crate::service::Answers;

/// Pieces below this size are copied together: a frame of their own would cost more.
const SMALL: usize = 4 << 10;
/// What was copied together goes out once there is so much of it.
const TOGETHER: usize = 16 << 10;

/// Field 2, `data_header`, of FlightData, length-delimited.
const DATA_HEADER: u64 = 2 << 3 | 2;
/// Field 1000, `data_body`, of FlightData, length-delimited.
const DATA_BODY: u64 = 1000 << 3 | 2;

/// The body of an answer: its messages, each a length-prefixed FlightData, then its status in the trailers.
pub(super) struct Frames {
    messages: Answers<Message>,
    /// Where the connection finds what it need not copy.
    pieces: Pieces,
    /// Small pieces that go out together.
    small: BytesMut,
    ready: VecDeque<Bytes>,
    /// How it ended, until the trailers have said so.
    status: Option<Status>,
    ended: bool,
}

impl Frames {
    pub(super) fn new(messages: Answers<Message>, pieces: Pieces) -> Self {
        Self {
            messages,
            pieces,
            small: BytesMut::new(),
            ready: VecDeque::new(),
            status: None,
            ended: false,
        }
    }

    /// Adds a message: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>, Length-Prefixed-Message.
    fn add(&mut self, message: Message) -> Result<(), Status> {
        let body = message.body_bytes();
        let header = message.header.len();
        let length = field_length(DATA_HEADER, header) + field_length(DATA_BODY, body);
        let length = u32::try_from(length)
            .map_err(|_| Status::resource_exhausted(format!("a message of {length} bytes")))?;
        self.small.put_u8(0);
        self.small.put_u32(length);
        if header > 0 {
            put_field(&mut self.small, DATA_HEADER, header);
            self.put(message.header);
        }
        if body > 0 {
            put_field(&mut self.small, DATA_BODY, body);
            message.body.into_iter().for_each(|piece| self.put(piece));
        }
        Ok(())
    }

    fn put(&mut self, piece: Bytes) {
        if piece.len() < SMALL {
            self.small.extend_from_slice(&piece);
        } else {
            self.take_small();
            self.ready.push_back(self.pieces.sent(piece));
        }
    }

    fn take_small(&mut self) {
        if !self.small.is_empty() {
            self.ready.push_back(self.small.split().freeze());
        }
    }

    fn end(&mut self, status: Status) {
        self.take_small();
        self.ended = true;
        self.status = Some(status);
    }
}

/// How long a field is; one that has its default, nothing, is left out.
fn field_length(tag: u64, length: usize) -> usize {
    match length {
        0 => 0,
        _ => encoded_len_varint(tag) + encoded_len_varint(length as u64) + length,
    }
}

fn put_field(out: &mut BytesMut, tag: u64, length: usize) {
    encode_varint(tag, out);
    encode_varint(length as u64, out);
}

impl Body for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = self.get_mut();
        loop {
            if let Some(piece) = this.ready.pop_front() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if this.ended {
                let status = this.status.take();
                return Poll::Ready(status.map(|status| trailers(&status).map(Frame::trailers)));
            }
            if this.small.len() >= TOGETHER {
                this.take_small();
                continue;
            }
            match this.messages.poll_next_unpin(cx) {
                Poll::Ready(Some(Ok(message))) => {
                    if let Err(status) = this.add(message) {
                        this.end(status);
                    }
                }
                Poll::Ready(Some(Err(status))) => this.end(status),
                Poll::Ready(None) => this.end(Status::ok("")),
                Poll::Pending if this.small.is_empty() => return Poll::Pending,
                Poll::Pending => this.take_small(),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended && self.status.is_none() && self.ready.is_empty()
    }
}

fn trailers(status: &Status) -> Result<HeaderMap, Status> {
    let mut trailers = HeaderMap::new();
    status.add_header(&mut trailers)?;
    Ok(trailers)
}

#[cfg(test)]
mod tests;
