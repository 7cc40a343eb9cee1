use indicatif::{ProgressBar, ProgressStyle};

use crate::terminal::note;

/// A bar on a terminal; one line anywhere else.
pub(super) fn start(rows: u64, scale: f64) -> ProgressBar {
    let bar = ProgressBar::new(rows);
    if bar.is_hidden() {
        note(format_args!(
            "making TPC-H data at scale {scale}, about {rows} rows"
        ));
        return bar;
    }
    let style = ProgressStyle::with_template(
        "making TPC-H data {wide_bar} {percent}% of {human_len} rows, {eta} left",
    );
    // The template is a constant; were it wrong, the bar would look plain.
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
