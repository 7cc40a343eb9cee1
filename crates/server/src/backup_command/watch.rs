use std::sync::atomic::{AtomicBool, Ordering};

use godwit_lake::backup::{Progress, Step};
use indicatif::{ProgressBar, ProgressStyle};

/// Shows on a terminal how far it has come, and holds the wish to stop.
#[derive(Debug)]
pub(super) struct Watch {
    /// Hidden where standard error is no terminal.
    bar: ProgressBar,
    is_stopped: AtomicBool,
}

impl Default for Watch {
    fn default() -> Self {
        let bar = ProgressBar::new(0);
        let template = "{msg} {wide_bar} {binary_bytes} of {binary_total_bytes}, {eta} left";
        // The template is a constant; were it wrong, the bar would look plain.
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        let is_stopped = AtomicBool::new(false);
        Self { bar, is_stopped }
    }
}

impl Watch {
    pub(super) fn stop(&self) {
        self.is_stopped.store(true, Ordering::Relaxed);
    }

    pub(super) fn end(&self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Watch {
    fn begin(&self, step: Step, files: u64, bytes: u64) {
        self.bar.reset();
        self.bar.set_length(bytes);
        self.bar.set_message(match step {
            Step::Catalog => "copying the catalog".to_owned(),
            Step::Copy => format!("copying {files} files"),
            Step::Verify => format!("verifying {files} files"),
            Step::Restore => format!("restoring {files} files"),
        });
    }

    fn advance(&self, bytes: u64) {
        self.bar.inc(bytes);
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }
}
