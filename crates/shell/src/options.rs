use std::path::PathBuf;
use std::time::Duration;

use crate::output::Format;

/// What the command line says.
#[derive(Debug)]
pub struct Options {
    /// Which server, as who.
    pub server: Server,
    /// Profile of the configuration file that fills in what `server` does not say.
    pub profile: Option<String>,
    /// Where statements come from.
    pub source: Source,
    /// How rows are written; absent means what the profile says, else as a table.
    pub format: Option<Format>,
    /// File that rows are written to instead of standard output.
    pub output: Option<PathBuf>,
    /// Width of tables in characters; absent means that of the terminal.
    pub width: Option<usize>,
    /// Whether nothing is said but rows and errors.
    pub quiet: bool,
    /// Whether the time of each statement is said.
    pub timing: bool,
    /// Longest time for connecting.
    pub timeout: Duration,
}

/// Which server, as who; what is absent is filled in.
#[derive(Debug, Clone, Default)]
pub struct Server {
    /// Its address.
    pub url: Option<String>,
    /// The user's name.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// A bearer token.
    pub token: Option<Secret>,
    /// File of the authorities whose certificates are taken, in PEM form.
    pub tls_ca: Option<PathBuf>,
    /// Whether any certificate is taken.
    pub insecure: bool,
}

/// Where statements come from.
#[derive(Debug)]
pub enum Source {
    /// Somebody types them, or standard input holds them.
    Input,
    /// Here they are.
    Text(Vec<String>),
    /// Files hold them.
    Files(Vec<PathBuf>),
}

/// What is not shown.
#[derive(Clone, serde::Deserialize)]
#[serde(transparent)]
pub struct Secret(pub String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret")
    }
}
