use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often it is said that connections cannot be accepted.
const EVERY: Duration = Duration::from_mins(1);

/// Accepts that failed, for want of file descriptors for example. Clients wait then, and nobody else would tell.
#[derive(Debug, Default)]
pub(crate) struct Failures {
    said: Mutex<Option<Instant>>,
}

impl Failures {
    /// Writes one to the log, unless one was written shortly before.
    pub(crate) fn note(&self, why: &io::Error) {
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if said.is_none_or(|said| said.elapsed() >= EVERY) {
            *said = Some(Instant::now());
            tracing::warn!(%why, "connections cannot be accepted, and wait");
        }
    }
}
