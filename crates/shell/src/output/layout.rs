//! Which columns of a table are shown, and how wide.

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

#[cfg(test)]
mod tests;

/// A column with words in it is not made narrower than this.
const NARROWEST_TEXT: usize = 8;

/// What a column would like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wish {
    /// Width of its widest value.
    pub(super) width: usize,
    /// Whether part of a value would be a wrong one.
    pub(super) numeric: bool,
}

impl Wish {
    fn least(self) -> usize {
        if self.numeric {
            self.width
        } else {
            self.width.min(NARROWEST_TEXT)
        }
    }
}

/// Widths of the first columns that fit into `total`, borders included; at least of one.
pub(super) fn fit(wishes: &[Wish], total: Option<usize>) -> Vec<usize> {
    let Some(total) = total else {
        return wishes.iter().map(|wish| wish.width).collect();
    };
    let mut shown = wishes.len();
    while shown > 1 && framed(wishes[..shown].iter().map(|wish| wish.least())) > total {
        shown -= 1;
    }
    let wishes = &wishes[..shown];
    // The widest columns of words give way until all fit.
    let widest = wishes.iter().map(|wish| wish.width).max().unwrap_or(0);
    let capped = |cap: usize| {
        wishes
            .iter()
            .map(move |wish| wish.width.min(cap.max(wish.least())))
    };
    let (mut low, mut high) = (0, widest);
    while low < high {
        let cap = (low + high).div_ceil(2);
        if framed(capped(cap)) <= total {
            low = cap;
        } else {
            high = cap - 1;
        }
    }
    let widths: Vec<usize> = capped(low).collect();
    let room = total.saturating_sub(framed([0])).max(1);
    widths.into_iter().map(|width| width.min(room)).collect()
}

/// Width of a line with columns of these widths.
fn framed(widths: impl IntoIterator<Item = usize>) -> usize {
    1 + widths.into_iter().map(|width| width + 3).sum::<usize>()
}

/// Pads a text, or cuts it and says so.
pub(super) fn pad(line: &mut String, text: &str, width: usize, right: bool) {
    let own = text.width();
    if own > width {
        let cut = cut(text, width.saturating_sub(1));
        line.push_str(cut);
        line.push('…');
        spaces(line, width.saturating_sub(cut.width() + 1));
    } else if right {
        spaces(line, width - own);
        line.push_str(text);
    } else {
        line.push_str(text);
        spaces(line, width - own);
    }
}

fn spaces(line: &mut String, count: usize) {
    line.extend(std::iter::repeat_n(' ', count));
}

/// As much of a text as fits into a width.
pub(super) fn cut(text: &str, width: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > width {
            return &text[..at];
        }
    }
    text
}
