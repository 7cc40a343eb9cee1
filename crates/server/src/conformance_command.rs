use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use godwit_conformance::{Card, Credentials, Format, Options, Target, Trust};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::runtime::Builder;

use crate::error::{Error, Result};
use crate::terminal::say;
use crate::timeout::timeout;

/// Which server, who we are there, and how the card is written.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// The server: grpc://HOST:PORT or grpc+tls://HOST:PORT.
    #[arg(long, value_name = "URL")]
    against: String,
    /// Log in with this name and the password of --password-file.
    #[arg(long, value_name = "NAME", requires = "password_file")]
    user: Option<String>,
    /// File that holds the password.
    #[arg(long, value_name = "FILE", requires = "user")]
    password_file: Option<PathBuf>,
    /// Log in with this bearer token.
    #[arg(
        long,
        value_name = "TOKEN",
        conflicts_with = "user",
        env = "GODWIT_CONFORMANCE_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// File of the authorities whose certificates are taken, in PEM form; without it those of the system.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    ca_file: Option<PathBuf>,
    /// Take any certificate.
    #[arg(long)]
    insecure: bool,
    /// How the card is written.
    #[arg(long, value_enum, default_value_t = Output::Text)]
    format: Output,
    /// A statement that returns at least one row, for servers that cannot run the default.
    #[arg(long, value_name = "SQL", default_value = "SELECT 1 AS a, 'text' AS t")]
    sql: String,
    /// A table that can be read, such as schema.table, for servers that do not list their tables.
    #[arg(long, value_name = "NAME")]
    table: Option<String>,
    /// Longest time for one probe, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    timeout: f64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Output {
    Text,
    Markdown,
    Json,
}

/// Prints the card of a server.
pub(crate) fn run(flags: Flags) -> Result<()> {
    let format = match flags.format {
        Output::Text => Format::Text,
        Output::Markdown => Format::Markdown,
        Output::Json => Format::Json,
    };
    let card = ask(flags.options()?)?;
    say(card.render(format).trim_end());
    Ok(())
}

fn ask(options: Options) -> Result<Card> {
    let bar = bar();
    let runtime = Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build();
    let card = runtime
        .map_err(Error::internal)?
        .block_on(godwit_conformance::run(options, |done, all, next| {
            bar.set_length(all as u64);
            bar.set_position(done as u64);
            bar.set_message(next);
        }));
    bar.finish_and_clear();
    Ok(card?)
}

impl Flags {
    fn options(self) -> Result<Options> {
        let timeout = timeout(self.timeout).map_err(Error::Usage)?;
        let credentials = match (self.user, self.password_file, self.token) {
            (Some(user), Some(path), _) => Credentials::Password {
                user,
                password: password(&path)?,
            },
            (_, _, Some(token)) => Credentials::Token(token),
            _ => Credentials::None,
        };
        let trust = match self.ca_file {
            Some(path) => Trust::Authorities(read(&path)?),
            None if self.insecure => Trust::Anyone,
            None => Trust::System,
        };
        Ok(Options {
            target: Target::parse(&self.against)?,
            credentials,
            trust,
            sql: self.sql,
            table: self
                .table
                .map(|name| name.split('.').map(str::to_owned).collect()),
            timeout,
        })
    }
}

fn password(path: &Path) -> Result<String> {
    let text = String::from_utf8(read(path)?)
        .map_err(|_| Error::Usage(format!("{}: the password is no UTF-8 text", path.display())))?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    Ok(line.strip_suffix('\r').unwrap_or(line).to_owned())
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|why| Error::Usage(format!("{}: {why}", path.display())))
}

/// On standard error, and only on a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg:40!}");
    // The template is a constant; were it wrong, the bar would look plain.
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}
