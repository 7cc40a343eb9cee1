use std::time::Duration;

use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

/// How often the bar is drawn while nothing happens.
const TICK: Duration = Duration::from_millis(100);

/// How long a statement runs before its bar is shown: most have ended by then.
const PATIENCE: Duration = Duration::from_millis(300);

/// Steps of a bar that shows a fraction.
const STEPS: u64 = 1000;

/// What has come so far, on standard error where that is a terminal.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: Option<ProgressBar>,
    since: std::time::Instant,
    shown: bool,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

impl Progress {
    /// Shown after a moment, or never.
    pub(crate) fn start(wanted: bool) -> Self {
        Self {
            bar: wanted.then(ProgressBar::no_length),
            since: std::time::Instant::now(),
            shown: false,
            rows: 0,
            bytes: 0,
        }
    }

    /// Whether anybody sees it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.bar.is_some()
    }

    /// How much of it is done, if that is known: 0 to 1.
    pub(crate) fn fraction(&mut self, done: Option<f64>) {
        let Some(bar) = &self.bar else { return };
        if let Some(done) = done {
            bar.set_length(STEPS);
            // A fraction of STEPS is never out of range.
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "between 0 and STEPS"
            )]
            bar.set_position((done.clamp(0.0, 1.0) * STEPS as f64) as u64);
        }
        self.show();
    }

    /// More rows and bytes have come or gone.
    pub(crate) fn add(&mut self, rows: usize, bytes: u64) {
        self.rows += rows as u64;
        self.bytes += bytes;
        self.show();
    }

    /// Takes the bar away; rows are written below.
    pub(crate) fn hide(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }

    fn show(&mut self) {
        let Some(bar) = &self.bar else { return };
        if !self.shown {
            if self.since.elapsed() < PATIENCE {
                return;
            }
            self.shown = true;
            bar.enable_steady_tick(TICK);
        }
        let template = match bar.length() {
            Some(_) => "{wide_bar} {percent:>3}% {elapsed} {msg}",
            None => "{spinner} {elapsed} {msg}",
        };
        // The template is a constant; were it wrong, the bar would look plain.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(format!(
            "{} rows, {}",
            HumanCount(self.rows),
            HumanBytes(self.bytes)
        ));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.hide();
    }
}
