//! The process: arguments, telemetry, wiring, listeners, signals, drain.
//!
//! Owns: the subcommands of `godwit` and their exit codes, everything that is made once at start (data directory and its
//! lock, certificate, runtime, listener) and the order in which a server stops. Refuses to know: what a query is.
//!
//! Reading order: `cli` (subcommands and flags), `error` (exit codes), `serve` (the way from a configuration to a running
//! server), the parts that it uses (`data_dir`, `tls`, `signals`, `systemd`, `address`, `telemetry`, `reload`, `http`,
//! `metrics`, `allocator`), `demo`, the other subcommands.

mod address;
mod allocator;
mod backup_command;
mod cli;
mod config_command;
mod conformance_command;
mod data_dir;
mod demo;
mod error;
mod hash_password;
mod http;
mod metrics;
mod reload;
mod serve;
mod signals;
mod sql_command;
mod systemd;
mod telemetry;
mod terminal;
mod timeout;
mod tls;
mod token_command;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
