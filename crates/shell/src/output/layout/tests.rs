use super::*;

fn text(width: usize) -> Wish {
    Wish {
        width,
        numeric: false,
    }
}

fn number(width: usize) -> Wish {
    Wish {
        width,
        numeric: true,
    }
}

#[test]
fn what_fits_is_left_alone() {
    let wishes = [text(10), number(3)];
    assert_eq!(fit(&wishes, None), [10, 3]);
    assert_eq!(fit(&wishes, Some(20)), [10, 3]);
}

#[test]
fn words_give_way_and_numbers_do_not() {
    assert_eq!(
        fit(&[text(100), number(12), text(9)], Some(60)),
        [29, 12, 9]
    );
    assert_eq!(fit(&[text(100), text(100)], Some(60)), [26, 26]);
}

#[test]
fn no_line_is_wider_than_it_may_be() {
    for total in 20..200 {
        for wishes in [
            vec![number(30), number(30), number(30)],
            vec![text(5); 40],
            vec![text(300)],
            vec![number(300), text(3)],
        ] {
            let widths = fit(&wishes, Some(total));
            assert!(!widths.is_empty());
            assert!(
                framed(widths.iter().copied()) <= total,
                "{total} {widths:?}"
            );
        }
    }
}

#[test]
fn wide_characters_count_twice() {
    let padded = |text: &str, width, right| {
        let mut line = String::new();
        pad(&mut line, text, width, right);
        assert_eq!(line.width(), width, "{line:?}");
        line
    };
    assert_eq!(padded("ab", 4, true), "  ab");
    assert_eq!(padded("日本語", 6, false), "日本語");
    assert_eq!(padded("日本語", 5, false), "日本…");
    assert_eq!(padded("日本語", 4, false), "日… ");
    assert_eq!(padded("abc", 2, true), "a…");
    assert_eq!(padded("e\u{301}e\u{301}", 2, false), "e\u{301}e\u{301}");
}
