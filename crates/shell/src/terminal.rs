//! What is said to the person who sits there, as opposed to what is written. A closed stream is nobody listening, which
//! is no reason to stop.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use console::Term;

/// Narrowest terminal that is believed; some say that they have no columns at all.
const NARROWEST: usize = 20;

/// Writes a line to standard error.
pub(crate) fn note(text: impl Display) {
    // Nothing that was written before may come after it.
    let _ = io::stdout().flush();
    let mut err = io::stderr().lock();
    let _ = writeln!(err, "{text}").and_then(|()| err.flush());
}

/// Writes an error, in red where that is welcome.
pub(crate) fn complain(text: impl Display) {
    let word = console::style("error:").for_stderr().red().bold();
    note(format_args!("{word} {text}"));
}

/// Whether somebody types.
pub(crate) fn is_typed() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// Whether somebody sees what is said.
pub(crate) fn is_watched() -> bool {
    io::stderr().is_terminal()
}

/// Whether what goes to standard output is seen on a terminal.
pub(crate) fn shows_output() -> bool {
    io::stdout().is_terminal()
}

/// Columns of the terminal that standard output is; absent when it is none.
pub(crate) fn width() -> Option<usize> {
    let size = shows_output().then(|| Term::stdout().size_checked())?;
    size.map(|(_, columns)| usize::from(columns).max(NARROWEST))
}

/// Asks for a line; absent where nobody can answer.
pub(crate) fn ask(question: &str) -> Option<String> {
    let term = Term::stderr();
    term.write_str(question).ok()?;
    let mut line = String::new();
    io::stdin().read_line(&mut line).ok()?;
    Some(line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// Asks for a line that is not shown while it is typed; absent where nobody can answer.
pub(crate) fn ask_hidden(question: &str) -> Option<String> {
    let term = Term::stderr();
    if !term.is_term() {
        return None;
    }
    term.write_str(question).ok()?;
    term.read_secure_line().ok()
}

/// Text as it may go to a terminal: control characters, which could move the cursor or worse, are written out.
pub(crate) fn harmless(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}
