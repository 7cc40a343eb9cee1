//! Subcommands and flags. Values are not judged here: a flag is one more source of the configuration.

mod flags;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::error::Result;
use crate::terminal::note;
use crate::token_command;
use crate::{config_command, conformance_command, demo, hash_password, serve, sql_command};
use flags::{Flags, PlaceFlags};

/// An Arrow Flight SQL server.
#[derive(Debug, Parser)]
#[command(name = "godwit", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until a signal comes (SIGINT or SIGTERM).
    Serve {
        #[command(flatten)]
        flags: Flags,
    },
    /// Make TPC-H data once, serve it, and show how to connect.
    Demo {
        #[command(flatten)]
        flags: Flags,
        /// Size of the data: 1 is about 1 GB as text, 300 MB as Parquet.
        #[arg(long, value_name = "FACTOR", default_value = "0.1")]
        scale: String,
    },
    /// Look at the configuration.
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Read a password from standard input and print its hash for `users.NAME.password_hash`.
    HashPassword,
    /// Make and read tokens for services, and change the key that signs them.
    ///
    /// The server may run meanwhile or not.
    Token {
        #[command(subcommand)]
        command: TokenCommand,
    },
    /// Print a card of what any Flight SQL server does: every RPC, action and command, and what clients depend on.
    ///
    /// The server gets nothing but temporary tables of random names, which are removed again.
    ///
    /// Marks: yes; partly, with a deviation that some client trips over; no; refused, which is UNIMPLEMENTED; broken, which
    /// is INTERNAL, UNKNOWN or a dead connection; hangs; untested. Exit code 0 when the card could be made, 69 when the
    /// server cannot be reached or refuses the credentials.
    Conformance(Box<conformance_command::Flags>),
    /// Type SQL, or run a script, at any Flight SQL server.
    ///
    /// Standard input that is no terminal is a script. A script ends at the first error. Exit code 0 when all went well, 1
    /// when a statement failed, 2 when the command line or the profile is wrong, 3 when the server cannot be reached or
    /// refuses the credentials, 130 when Ctrl-C ended it.
    Sql(Box<sql_command::Flags>),
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Report everything that is wrong with the configuration, as `serve` would.
    Check(Box<Flags>),
    /// Print the JSON schema of the configuration file.
    Schema,
    /// Print a configuration file with every key, its meaning and its default.
    Example,
}

#[derive(Debug, Subcommand)]
enum TokenCommand {
    /// Print a token with which a service calls as a user.
    ///
    /// It is not renewed. `REVOKE TOKEN 'ID'` ends it before its time, and it is worth nothing while the user does not
    /// exist, is disabled or has expired.
    Create {
        #[command(flatten)]
        place: PlaceFlags,
        /// As whom the service calls.
        #[arg(long, value_name = "NAME")]
        user: String,
        /// How long it stays valid; at most `auth.service_token_max_ttl`.
        #[arg(long, value_name = "DURATION", default_value = "30d")]
        ttl: String,
        /// What it is revoked by; a random one if there is none here.
        #[arg(long, value_name = "ID")]
        id: Option<String>,
    },
    /// Read a token from standard input, and print what it says and whether it is good.
    ///
    /// Exit code 0 when it is, 65 when it is not. Whether its user exists, and whether it was revoked, only the server
    /// knows.
    Inspect(PlaceFlags),
    /// Make another signing key, and print its id.
    ///
    /// A running server takes it within `auth.refresh_interval`. What was signed before stays good.
    RotateKey {
        #[command(flatten)]
        place: PlaceFlags,
        /// Remove all other keys: every token so far, of services and of logins, is worthless.
        #[arg(long)]
        forget_old: bool,
    },
}

/// Does what the command line asks for.
pub(crate) fn run() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(error) => {
            note(&error);
            error.exit_code()
        }
    }
}

fn dispatch(command: Command) -> Result<ExitCode> {
    match command {
        // What others than operators call has exit codes of its own.
        Command::Sql(flags) => return Ok(sql_command::run(*flags)),
        Command::Serve { flags } => serve::run(flags.sources()),
        Command::Demo { flags, scale } => demo::run(flags.load()?, &scale),
        Command::Config { command } => match command {
            ConfigCommand::Check(flags) => config_command::check(&flags.load()?),
            ConfigCommand::Schema => config_command::schema(),
            ConfigCommand::Example => {
                config_command::example();
                Ok(())
            }
        },
        Command::HashPassword => hash_password::run(),
        Command::Token { command } => match command {
            TokenCommand::Create {
                place,
                user,
                ttl,
                id,
            } => token_command::create(&place.load()?, &user, &ttl, id.as_deref()),
            TokenCommand::Inspect(place) => token_command::inspect(&place.load()?),
            TokenCommand::RotateKey { place, forget_old } => {
                token_command::rotate_key(&place.load()?, forget_old)
            }
        },
        Command::Conformance(flags) => conformance_command::run(*flags),
    }?;
    Ok(ExitCode::SUCCESS)
}

/// Help and version are answers; anything else is a mistake in the command line.
fn refuse(error: &clap::Error) -> ExitCode {
    // Printing can only fail where nobody reads.
    let _ = error.print();
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
        _ if std::env::args_os().nth(1).is_some_and(|word| word == "sql") => {
            ExitCode::from(godwit_shell::USAGE)
        }
        _ => ExitCode::from(64),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
