//! What is said to the person who started the process, as opposed to logged. A closed stream is nobody listening, which is
//! no reason to stop.

use std::fmt::Display;
use std::io::{self, Write};

/// Writes lines to standard output, at once.
pub(crate) fn say(text: impl Display) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes lines to standard error.
pub(crate) fn note(text: impl Display) {
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{text}").and_then(|()| err.flush());
}
