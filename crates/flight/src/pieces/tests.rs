use super::*;

#[test]
fn what_is_written_of_a_piece_is_found_in_it() {
    let pieces = Pieces::default();
    let piece = Bytes::from(vec![7; 10_000]);
    let sent = pieces.sent(piece);
    for part in [&sent[..], &sent[..9], &sent[5_000..], &sent[247..9_999]] {
        let found = pieces.find(part).unwrap();
        assert_eq!(found.as_ptr(), part.as_ptr());
        assert_eq!(found, part);
    }
    assert!(pieces.find(&[7; 100]).is_none());
}

#[test]
fn what_reaches_beyond_a_piece_is_not_found() {
    let pieces = Pieces::default();
    let whole = Bytes::from(vec![7; 10_000]);
    let _sent = pieces.sent(whole.slice(1_000..2_000));
    assert!(pieces.find(&whole[1_000..2_000]).is_some());
    assert!(pieces.find(&whole[1_500..2_001]).is_none());
    assert!(pieces.find(&whole[999..1_500]).is_none());
    assert!(pieces.find(&whole[3_000..3_001]).is_none());
}

#[test]
fn a_piece_that_is_known_is_not_kept() {
    let pieces = Pieces::default();
    let owner = Arc::new(());
    struct Owned(
        Vec<u8>,
        #[expect(dead_code, reason = "it is counted")] Arc<()>,
    );
    impl AsRef<[u8]> for Owned {
        fn as_ref(&self) -> &[u8] {
            &self.0
        }
    }
    let sent = pieces.sent(Bytes::from_owner(Owned(vec![7; 100], Arc::clone(&owner))));
    let found = pieces.find(&sent[10..20]).unwrap();
    drop(sent);
    assert_eq!(
        Arc::strong_count(&owner),
        2,
        "until what was found of it is dropped"
    );
    drop(found);
    assert_eq!(Arc::strong_count(&owner), 1);
}

#[test]
fn those_that_are_gone_are_forgotten() {
    let pieces = Pieces::default();
    let mut alive = Vec::new();
    for number in 0..10_000 {
        let sent = pieces.sent(Bytes::from(vec![7; 64]));
        if number % 100 == 0 {
            alive.push(sent);
        }
    }
    assert!(pieces.lock().by_start.len() <= 2 * alive.len() + FEW);
    assert!(alive.iter().all(|sent| pieces.find(sent).is_some()));
}
