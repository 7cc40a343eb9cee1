use std::io::{self, IsTerminal, Read};

use crate::error::{Error, Result};
use crate::terminal::{note, say};

/// No password is longer; a file that was piped in by mistake is.
const MAX: u64 = 4096;

/// Reads a password from standard input and prints its Argon2id hash.
pub(crate) fn run() -> Result<()> {
    if io::stdin().is_terminal() {
        note("password, then Enter and Ctrl-D (it is shown while you type):");
    }
    let mut text = String::new();
    io::stdin()
        .lock()
        .take(MAX + 1)
        .read_to_string(&mut text)
        .map_err(|why| Error::Usage(format!("standard input: {why}")))?;
    if text.len() as u64 > MAX {
        return Err(Error::Usage(format!(
            "the password must be at most {MAX} bytes"
        )));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let password = line.strip_suffix('\r').unwrap_or(line);
    if password.is_empty() {
        return Err(Error::Usage("the password must not be empty".to_owned()));
    }
    say(godwit_auth::hash_password(password)?);
    Ok(())
}
