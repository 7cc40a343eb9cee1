use super::*;

fn shown(queue: &Queue, most: usize) -> Vec<Vec<u8>> {
    let mut slices = vec![IoSlice::new(&[]); most];
    let filled = queue.fill(&mut slices);
    slices[..filled]
        .iter()
        .map(|slice| slice.to_vec())
        .collect()
}

#[test]
fn parts_come_in_order_whoever_has_them() {
    let mut queue = Queue::default();
    queue.copy(b"he");
    queue.copy(b"ad");
    queue.keep(Bytes::from_static(b"piece"));
    queue.copy(b"tail");
    assert_eq!(queue.bytes(), 13);
    assert_eq!(shown(&queue, 8), [&b"head"[..], b"piece", b"tail"]);
    assert_eq!(shown(&queue, 2), [&b"head"[..], b"piece"]);
}

#[test]
fn what_was_sent_is_shown_no_more() {
    for step in 1..=13 {
        let mut queue = Queue::default();
        queue.copy(b"head");
        queue.keep(Bytes::from_static(b"piece"));
        queue.copy(b"tail");
        let mut sent = 0;
        while queue.bytes() > 0 {
            assert_eq!(shown(&queue, 8).concat(), &b"headpiecetail"[sent..]);
            queue.advance(step);
            sent = (sent + step).min(13);
        }
        assert!(shown(&queue, 8).is_empty());
        queue.copy(b"again");
        assert_eq!(shown(&queue, 8), [b"again"]);
    }
}
