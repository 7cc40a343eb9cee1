use std::io::{self, IsTerminal, Read};
use std::time::SystemTime;

use godwit_auth::Mint;
use godwit_config::{Config, parse_duration};

use crate::error::{Error, Result};
use crate::terminal::{note, say};

/// No token is longer; a file that was piped in by mistake is.
const MAX: u64 = 16 * 1024;

/// Prints a token for a service, and says on standard error what it is revoked by.
pub(crate) fn create(config: &Config, user: &str, ttl: &str, id: Option<&str>) -> Result<()> {
    let wrong = || {
        Error::Usage(format!(
            "--ttl {ttl:?}: must be a duration such as 30d or 12h"
        ))
    };
    let ttl = parse_duration(ttl).ok_or_else(wrong)?;
    let mint = Mint::open(config, &config.data_dir)?;
    let (token, id) = mint.create(user, id, ttl)?;
    note(format_args!("token id {id}, valid for {} s", ttl.as_secs()));
    if !mint.is_configured(user) {
        note(format_args!(
            "the configuration has no user \"{user}\"; the token is worth nothing until SQL makes one"
        ));
    }
    say(token.expose());
    Ok(())
}

/// Prints what a token says.
pub(crate) fn inspect(config: &Config) -> Result<()> {
    if io::stdin().is_terminal() {
        note("token, then Enter and Ctrl-D:");
    }
    let mut text = String::new();
    let read = io::stdin().lock().take(MAX + 1).read_to_string(&mut text);
    read.map_err(|why| Error::Usage(format!("standard input: {why}")))?;
    if text.len() as u64 > MAX {
        return Err(Error::Usage(format!("a token has at most {MAX} bytes")));
    }
    let token = text.trim();
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    let mint = Mint::open(config, &config.data_dir)?;
    let found = mint.inspect(token, SystemTime::now());
    if let Some(says) = &found.says {
        say(serde_json::to_string_pretty(says).map_err(Error::internal)?);
    }
    match found.refused {
        None => Ok(()),
        Some(why) => Err(Error::Data(format!("the token is not good: {why}"))),
    }
}

/// Makes another signing key.
pub(crate) fn rotate_key(config: &Config, forget_old: bool) -> Result<()> {
    say(Mint::open(config, &config.data_dir)?.rotate_key(forget_old)?);
    Ok(())
}
