use bytes::BytesMut;
use futures::StreamExt;
use http_body::Frame;

use super::*;

/// A body that comes in frames of so many bytes.
struct Frames {
    bytes: Bytes,
    at_once: usize,
    then: Option<Status>,
}

impl http_body::Body for Frames {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        if self.bytes.is_empty() {
            return Poll::Ready(self.then.take().map(Err));
        }
        let length = self.at_once.min(self.bytes.len());
        Poll::Ready(Some(Ok(Frame::data(self.bytes.split_to(length)))))
    }
}

fn upload(bytes: impl Into<Bytes>, at_once: usize, then: Option<Status>) -> Messages {
    let bytes = bytes.into();
    Messages::of(
        Body::new(Frames {
            bytes,
            at_once,
            then,
        }),
        100_000,
    )
}

fn message(header: usize, body: usize) -> FlightData {
    let letter = u8::try_from(body % 251).unwrap();
    FlightData {
        data_header: vec![letter; header].into(),
        data_body: vec![letter; body].into(),
        ..FlightData::default()
    }
}

fn encoded(messages: &[FlightData]) -> BytesMut {
    let mut bytes = BytesMut::new();
    for message in messages {
        let length = u32::try_from(message.encoded_len()).unwrap();
        bytes.extend_from_slice(&[0]);
        bytes.extend_from_slice(&length.to_be_bytes());
        message.encode(&mut bytes).unwrap();
    }
    bytes
}

#[tokio::test]
async fn messages_come_out_whole_however_they_are_cut() {
    let sent = [
        message(100, 0),
        FlightData::default(),
        message(7, 80_000),
        message(130, 640),
        message(0, 8),
    ];
    let bytes = encoded(&sent).freeze();
    for at_once in [1, 2, 4, 5, 6, 99, 16 << 10, 1 << 20] {
        let messages: Vec<_> = upload(bytes.clone(), at_once, None).collect().await;
        let messages: Vec<_> = messages.into_iter().map(Result::unwrap).collect();
        assert_eq!(messages, sent);
    }
}

#[tokio::test]
async fn bodies_are_aligned() {
    let sent: Vec<_> = (0..20).map(|header| message(header, 64 * 30)).collect();
    let mut messages = upload(encoded(&sent), 1000, None);
    while let Some(message) = messages.next().await {
        let at = message.unwrap().data_body.as_ptr() as usize;
        assert_eq!(at % ALIGNMENT, 0);
    }
}

#[tokio::test]
async fn what_cannot_be_a_message_ends_the_upload() {
    let good = encoded(&[message(10, 10)]);
    let mut broken_protobuf = good.clone();
    broken_protobuf[5] = 0xff;
    let mut compressed = good.clone();
    compressed[0] = 1;
    let cases = [
        (good[..3].to_vec(), "Unexpected EOF decoding stream"),
        (good[..10].to_vec(), "Unexpected EOF decoding stream"),
        (
            broken_protobuf.to_vec(),
            "failed to decode Protobuf message",
        ),
        (compressed.to_vec(), "protocol error: "),
        (
            vec![0, 1, 0, 0, 0],
            "Error, decoded message length too large",
        ),
    ];
    for (bytes, expected) in cases {
        let both = [encoded(&[message(1, 1)]).to_vec(), bytes].concat();
        let mut messages = upload(both, 64, None);
        assert_eq!(messages.next().await.unwrap().unwrap(), message(1, 1));
        let status = messages.next().await.unwrap().unwrap_err();
        assert!(status.message().starts_with(expected), "{status}");
        assert!(messages.next().await.is_none());
    }
}

#[tokio::test]
async fn an_error_of_the_connection_is_passed_on_and_a_client_that_goes_just_ends_it() {
    let begun = encoded(&[message(10, 10)]).split_to(8);
    let mut messages = upload(begun.clone(), 64, Some(Status::unavailable("reset")));
    let status = messages.next().await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    assert!(messages.next().await.is_none());
    let mut messages = upload(begun, 64, Some(Status::cancelled("gone")));
    assert!(messages.next().await.is_none());
}
