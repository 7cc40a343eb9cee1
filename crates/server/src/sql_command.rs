use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use godwit_shell::{Format, Options, Secret, Server, Source};

use crate::timeout::timeout;

/// Which server, as who, what to run, and how to write what comes out.
#[derive(Debug, Args)]
pub(crate) struct Flags {
    /// The server: grpc://HOST:PORT or grpc+tls://HOST:PORT [default: that of the profile, else grpc://127.0.0.1:8815].
    url: Option<String>,
    /// Log in with this name, and the password of GODWIT_PASSWORD, else of the profile, else one that is asked for.
    #[arg(long, short, value_name = "NAME", env = "GODWIT_USER")]
    user: Option<String>,
    /// Log in with this bearer token.
    #[arg(
        long,
        value_name = "TOKEN",
        conflicts_with = "user",
        env = "GODWIT_TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// File of the authorities whose certificates are taken, in PEM form; without it those of the system.
    #[arg(long, value_name = "FILE", conflicts_with = "insecure")]
    tls_ca: Option<PathBuf>,
    /// Take any certificate.
    #[arg(long)]
    insecure: bool,
    /// Profile of ~/.config/godwit/shell.toml that fills in what is not said here.
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// Run these statements and leave; may be given many times.
    #[arg(long, short, value_name = "SQL", conflicts_with = "file")]
    command: Vec<String>,
    /// Run the statements of this file and leave; may be given many times.
    #[arg(long, short, value_name = "FILE")]
    file: Vec<PathBuf>,
    /// table, csv, json, ndjson, markdown, arrow or parquet.
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// Write rows to this file.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Width of tables in characters; without it that of the terminal, and unlimited elsewhere.
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(20..))]
    width: Option<u16>,
    /// Say nothing but rows and errors.
    #[arg(long, short)]
    quiet: bool,
    /// Say how long each statement takes.
    #[arg(long)]
    timing: bool,
    /// Longest time for connecting, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0)]
    timeout: f64,
}

/// Runs the shell.
pub(crate) fn run(flags: Flags) -> ExitCode {
    match flags.options() {
        Ok(options) => godwit_shell::run(options),
        Err(why) => {
            crate::terminal::note(format_args!("error: {why}"));
            ExitCode::from(godwit_shell::USAGE)
        }
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "it belongs to a client, and a command line would show it to everybody on the machine"
)]
fn password() -> Option<String> {
    std::env::var("GODWIT_PASSWORD").ok()
}

impl Flags {
    fn options(self) -> Result<Options, String> {
        let timeout = timeout(self.timeout)?;
        let source = match (self.command, self.file) {
            (texts, _) if !texts.is_empty() => Source::Text(texts),
            (_, files) if !files.is_empty() => Source::Files(files),
            _ => Source::Input,
        };
        Ok(Options {
            server: Server {
                url: self.url,
                user: self.user,
                password: password().map(Secret),
                token: self.token.map(Secret),
                tls_ca: self.tls_ca,
                insecure: self.insecure,
            },
            profile: self.profile,
            source,
            format: self.format,
            output: self.output,
            width: self.width.map(usize::from),
            quiet: self.quiet,
            timing: self.timing,
            timeout,
        })
    }
}
