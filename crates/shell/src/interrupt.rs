use futures::FutureExt;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::{Error, Result};

/// Ctrl-C, which ends what runs and not the shell. From the moment that this exists, the signal does nothing else.
#[derive(Debug)]
pub(crate) struct Interrupts(Signal);

impl Interrupts {
    /// Within a runtime.
    pub(crate) fn listen() -> Result<Self> {
        Ok(Self(signal(SignalKind::interrupt())?))
    }

    /// Forgets what came while nothing ran.
    pub(crate) fn forget(&mut self) {
        while self.0.recv().now_or_never().flatten().is_some() {}
    }

    /// Runs this to its end, or until Ctrl-C.
    pub(crate) async fn or<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            _ = self.0.recv() => Err(Error::Interrupted),
            done = work => done,
        }
    }
}
