use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a server to stop: SIGINT and SIGTERM. Once made, they no longer end the process by themselves.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

/// The signals that ask for the configuration to be read again: SIGHUP. It no longer ends the process by itself. Must be
/// called on a runtime.
pub(crate) fn hangups() -> io::Result<Signal> {
    signal(SignalKind::hangup())
}

impl Signals {
    /// Takes the signals over. Must be called on a runtime.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The name of the next signal. Nothing is lost when the future is dropped.
    pub(crate) async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}
