//! From the layers to a [`Config`]. Each key that a layer sets is tried alone on top of the defaults, so that every wrong
//! one gives its own problem; the good ones are merged, and the rules between keys come last.

mod environment;
mod file;
mod flags;
mod settings;

use std::path::PathBuf;

use crate::problem::Problems;
use crate::validate::Report;
use crate::{Config, validate};

pub(crate) use settings::{Settings, show};

/// Where the configuration comes from, in rising order of precedence.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The TOML file; it must exist when it is named.
    pub file: Option<PathBuf>,
    /// Environment variables; those whose name does not start with `GODWIT_` are ignored.
    pub env: Vec<(String, String)>,
    /// Flags: the dotted key, the value, and the spelling of the flag for messages. For the key `mounts` the value is
    /// `NAME=PATH`.
    pub flags: Vec<(String, String, String)>,
}

/// A rule about one key that only the caller can check.
#[derive(Debug, Clone, Copy)]
pub struct Check {
    /// The dotted key; its value must be a text.
    pub key: &'static str,
    /// Says what is allowed if the value is wrong, as a clause that starts with "must".
    pub rule: fn(&str) -> Result<(), String>,
}

impl Sources {
    /// The environment of this process, and the given file and flags.
    pub fn of_process(file: Option<PathBuf>, flags: Vec<(String, String, String)>) -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self {
            file,
            env: std::env::vars_os()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
            flags,
        }
    }
}

/// Reads all layers: defaults, file, environment, flags.
///
/// # Errors
/// Everything that is wrong, at once: unknown keys, wrong types, bad values, broken rules between keys.
pub fn load(sources: &Sources) -> Result<Config, Problems> {
    load_checked(sources, &[])
}

/// [`load()`], with rules that only the caller can check reported among all others.
///
/// # Errors
/// As [`load()`].
pub fn load_checked(sources: &Sources, checks: &[Check]) -> Result<Config, Problems> {
    let mut settings = Settings::new(checks);
    if let Some(path) = &sources.file {
        file::read(path, &mut settings);
    }
    environment::read(&sources.env, &mut settings);
    flags::read(&sources.flags, &mut settings);
    settings.require();

    match settings.config() {
        Some(config) if !settings.is_incomplete() => {
            let mut report = Report::new(settings);
            validate::rules(&config, &mut report);
            report.finish(config)
        }
        _ => Err(Problems(settings.into_problems())),
    }
}
