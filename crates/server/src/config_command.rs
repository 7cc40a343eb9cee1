use godwit_config::{Config, example_toml, json_schema};

use crate::error::{Error, Result};
use crate::terminal::say;
use crate::tls;

/// Says that a configuration is right. That it could be read is the caller's proof for nearly everything.
pub(crate) fn check(config: &Config) -> Result<()> {
    tls::check(&config.tls)?;
    godwit_auth::check_issuers(config)?;
    say("the configuration is valid");
    Ok(())
}

/// Prints the JSON schema.
pub(crate) fn schema() -> Result<()> {
    say(serde_json::to_string_pretty(&json_schema()).map_err(Error::internal)?);
    Ok(())
}

/// Prints the example file.
pub(crate) fn example() {
    say(example_toml().trim_end());
}
