use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use super::{ALONE, GATHERED, Gathered, KEPT, PARTS};
use crate::pieces::Pieces;

/// What arrives, write by write; it takes as many bytes as it is told, and then is busy.
#[derive(Debug)]
struct Wire {
    writes: Vec<Vec<u8>>,
    takes: usize,
    flushes: usize,
    shut: bool,
}

impl Wire {
    fn new() -> Self {
        Self {
            writes: Vec::new(),
            takes: usize::MAX,
            flushes: 0,
            shut: false,
        }
    }

    fn bytes(&self) -> Vec<u8> {
        self.writes.concat()
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let taken = bytes.len().min(self.takes);
        if taken == 0 {
            return Poll::Pending;
        }
        if self.takes != usize::MAX {
            self.takes -= taken;
        }
        self.writes.push(bytes[..taken].to_vec());
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.flushes += 1;
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shut = true;
        Poll::Ready(Ok(()))
    }
}

/// One write that must be taken as a whole.
fn write(gathered: &mut Gathered<Wire>, bytes: &[u8]) {
    let mut cx = Context::from_waker(Waker::noop());
    let slices = [IoSlice::new(bytes)];
    let polled = Pin::new(gathered).poll_write_vectored(&mut cx, &slices);
    assert!(matches!(polled, Poll::Ready(Ok(taken)) if taken == bytes.len()));
}

fn flush(gathered: &mut Gathered<Wire>) -> bool {
    let mut cx = Context::from_waker(Waker::noop());
    let polled = Pin::new(gathered).poll_flush(&mut cx);
    matches!(polled, Poll::Ready(Ok(())))
}

#[test]
fn frames_of_one_turn_go_out_together() {
    let mut gathered = Gathered::new(Wire::new());
    for frame in [&b"head"[..], b"body", b"trailers"] {
        write(&mut gathered, frame);
        assert!(flush(&mut gathered));
    }
    assert_eq!(gathered.inner.writes.len(), 0, "more may come");
    assert!(flush(&mut gathered));
    assert_eq!(gathered.inner.writes, [b"headbodytrailers".to_vec()]);
    assert_eq!(gathered.inner.flushes, 1);
    assert_eq!(gathered.held.capacity(), 0, "who waits holds no memory");
}

#[tokio::test]
async fn a_flush_that_waits_wakes_its_task() {
    let mut gathered = Gathered::new(Wire::new());
    write(&mut gathered, b"answer");
    let mut turns = 0;
    poll_fn(|cx| {
        turns += 1;
        assert!(matches!(
            Pin::new(&mut gathered).poll_flush(cx),
            Poll::Ready(Ok(()))
        ));
        if gathered.inner.writes.is_empty() {
            Poll::Pending
        } else {
            Poll::Ready(())
        }
    })
    .await;
    assert_eq!(turns, 2);
}

#[test]
fn what_is_held_is_bounded() {
    let mut gathered = Gathered::new(Wire::new());
    let frame = vec![7; 16 << 10];
    for _ in 0..100 {
        write(&mut gathered, &frame);
        assert!(flush(&mut gathered));
        assert!(gathered.held.bytes() <= GATHERED);
    }
    assert!(flush(&mut gathered));
    let sizes: Vec<usize> = gathered.inner.writes.iter().map(Vec::len).collect();
    assert_eq!(sizes.iter().sum::<usize>(), 100 * frame.len());
    assert_eq!(sizes.len(), (100 * frame.len()).div_ceil(GATHERED));
}

#[test]
fn large_writes_go_out_by_themselves_and_in_order() {
    let mut gathered = Gathered::new(Wire::new());
    write(&mut gathered, b"small");
    let large = vec![1; ALONE];
    write(&mut gathered, &large);
    assert_eq!(gathered.inner.writes, [b"small".to_vec(), large]);
    write(&mut gathered, b"after");
    assert_eq!(gathered.inner.writes.len(), 2);
}

#[test]
fn memory_is_kept_by_those_who_send_much() {
    let mut gathered = Gathered::new(Wire::new());
    for _ in 0..3 {
        write(&mut gathered, &vec![7; 16 << 10]);
        write(&mut gathered, &vec![7; 16 << 10]);
        assert_eq!(gathered.held.capacity(), GATHERED);
        assert!(flush(&mut gathered) && flush(&mut gathered));
        assert_eq!(gathered.held.capacity(), GATHERED);
    }
    write(&mut gathered, b"trailers");
    assert!(flush(&mut gathered) && flush(&mut gathered));
    assert_eq!(gathered.held.capacity(), 0);
}

#[test]
fn a_busy_wire_loses_and_repeats_nothing() {
    let pieces = Pieces::default();
    let mut gathered = Gathered::new(Wire::new()).keeping(pieces.clone());
    let mut cx = Context::from_waker(Waker::noop());
    let mut expected = Vec::new();
    let mut number = 0_u8;
    for size in [
        10, 40_000, 63_000, 100_000, 5, 50_000, 50_000, 50_000, 50_000, 50_000,
    ] {
        number += 1;
        let mut bytes = Bytes::from(vec![number; size]);
        if number.is_multiple_of(2) {
            bytes = pieces.sent(bytes);
        }
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            gathered.inner.takes = 7_777;
            let slices = [IoSlice::new(rest)];
            match Pin::new(&mut gathered).poll_write_vectored(&mut cx, &slices) {
                Poll::Ready(Ok(taken)) => rest = &rest[taken..],
                Poll::Ready(Err(error)) => panic!("{error}"),
                Poll::Pending => assert_eq!(gathered.inner.takes, 0),
            }
        }
        expected.extend(bytes);
    }
    gathered.inner.takes = 10;
    while !matches!(
        Pin::new(&mut gathered).poll_shutdown(&mut cx),
        Poll::Ready(Ok(()))
    ) {
        assert!(!gathered.inner.shut, "not before all is sent");
        gathered.inner.takes = 30_000;
    }
    assert!(gathered.inner.shut);
    assert!(gathered.inner.bytes() == expected);
}

#[test]
fn a_wire_that_takes_nothing_is_an_error() {
    struct Closed;
    impl AsyncWrite for Closed {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            _: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(0))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }
    let mut gathered = Gathered::new(Closed);
    let mut cx = Context::from_waker(Waker::noop());
    let slices = [IoSlice::new(b"bytes")];
    assert!(
        Pin::new(&mut gathered)
            .poll_write_vectored(&mut cx, &slices)
            .is_ready()
    );
    let polled = Pin::new(&mut gathered).poll_shutdown(&mut cx);
    let Poll::Ready(Err(error)) = polled else {
        panic!("nothing was sent");
    };
    assert_eq!(error.kind(), io::ErrorKind::WriteZero);
}

#[test]
fn pieces_are_kept_and_not_copied() {
    let pieces = Pieces::default();
    let mut gathered = Gathered::new(Wire::new()).keeping(pieces.clone());
    let sent = pieces.sent(Bytes::from(vec![7; 300_000]));
    let mut expected = Vec::new();
    for frame in [&sent[..16_384], &sent[16_384..20_000], &sent[20_000..]] {
        write(&mut gathered, b"head");
        write(&mut gathered, frame);
        assert!(flush(&mut gathered));
        expected.extend([b"head", frame].concat());
    }
    drop(sent);
    assert_eq!(gathered.inner.writes.len(), 0, "more may come");
    assert_eq!(gathered.held.copied(), 3 * b"head".len());
    assert!(flush(&mut gathered));
    assert!(gathered.inner.bytes() == expected);
}

#[test]
fn no_more_is_kept_than_goes_out_at_once() {
    let pieces = Pieces::default();
    let mut gathered = Gathered::new(Wire::new()).keeping(pieces.clone());
    let sent = pieces.sent(Bytes::from(vec![7; 4 << 20]));
    for frame in sent.chunks(16 << 10) {
        write(&mut gathered, b"head");
        write(&mut gathered, frame);
        assert!(gathered.held.bytes() <= KEPT && gathered.held.parts() <= PARTS);
    }
}
