use std::future::poll_fn;

use arrow_flight::FlightData;
use futures::{FutureExt, stream};
use prost::Message as _;
use tonic::Code;

use super::*;

fn message(header: &[u8], pieces: &[usize]) -> Message {
    let body = pieces.iter().enumerate();
    Message {
        header: Bytes::copy_from_slice(header),
        body: body
            .map(|(number, length)| Bytes::from(vec![u8::try_from(number).unwrap(); *length]))
            .collect(),
    }
}

fn frames(messages: Vec<Result<Message, Status>>) -> Frames {
    Frames::new(stream::iter(messages).boxed(), Pieces::default())
}

async fn next(frames: &mut Frames) -> Option<Frame<Bytes>> {
    let frame = poll_fn(|cx| Pin::new(&mut *frames).poll_frame(cx)).await;
    frame.map(Result::unwrap)
}

/// The messages as a client takes them apart, and the trailers.
async fn received(mut frames: Frames) -> (Vec<FlightData>, HeaderMap) {
    let mut bytes = BytesMut::new();
    let mut trailers = None;
    while let Some(frame) = next(&mut frames).await {
        assert!(trailers.is_none(), "nothing comes after the trailers");
        match frame.into_data() {
            Ok(data) => bytes.extend_from_slice(&data),
            Err(frame) => trailers = frame.into_trailers().ok(),
        }
    }
    let (mut bytes, trailers) = (bytes.freeze(), trailers.unwrap());
    assert!(frames.is_end_stream());
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let prefix = bytes.split_to(5);
        assert_eq!(prefix[0], 0, "not compressed");
        let length = u32::from_be_bytes(prefix[1..].try_into().unwrap());
        let message = bytes.split_to(length.try_into().unwrap());
        messages.push(FlightData::decode(message).unwrap());
    }
    (messages, trailers)
}

#[tokio::test]
async fn messages_are_those_that_protobuf_would_write() {
    let sent = [
        message(b"schema", &[]),
        message(b"", &[]),
        message(b"", &[7]),
        message(b"rows", &[1, 4095, 4096, 63, 200_000, 1]),
        message(&[9; 5000], &[4000, 4000, 4000, 4000, 4000]),
    ];
    let (received, trailers) = received(frames(sent.iter().cloned().map(Ok).collect())).await;
    let expected: Vec<FlightData> = sent.into_iter().map(FlightData::from).collect();
    assert_eq!(received, expected);
    assert_eq!(trailers["grpc-status"], "0");
}

#[tokio::test]
async fn large_pieces_are_not_copied_and_small_ones_go_together() {
    let large = Bytes::from(vec![1; 100_000]);
    let message = Message {
        header: Bytes::from_static(b"rows"),
        body: vec![
            large.clone(),
            Bytes::from_static(b"ab"),
            Bytes::from_static(b"cd"),
        ],
    };
    let mut frames = frames(vec![Ok(message.clone()), Ok(message)]);
    let mut pieces = Vec::new();
    while let Some(frame) = next(&mut frames).await {
        pieces.extend(frame.into_data());
    }
    assert_eq!(pieces.len(), 5);
    for piece in [&pieces[1], &pieces[3]] {
        assert_eq!(piece.as_ptr(), large.as_ptr());
    }
}

#[tokio::test]
async fn what_is_there_does_not_wait_for_more() {
    let first = stream::iter([Ok(message(b"schema", &[]))]);
    let mut frames = Frames::new(first.chain(stream::pending()).boxed(), Pieces::default());
    assert!(next(&mut frames).now_or_never().flatten().is_some());
    assert!(next(&mut frames).now_or_never().is_none());
}

#[tokio::test]
async fn an_error_comes_after_what_was_sent_before() {
    let failed = Status::new(Code::NotFound, "no such table");
    let frames = frames(vec![Ok(message(b"schema", &[])), Err(failed)]);
    let (received, trailers) = received(frames).await;
    assert_eq!(received.len(), 1);
    assert_eq!(trailers["grpc-status"], "5");
    assert_eq!(trailers["grpc-message"], "no%20such%20table");
}
