//! Log lines on standard error.

use std::backtrace::Backtrace;
use std::io;

use godwit_config::{Check, Log, LogFormat};
use tracing_subscriber::EnvFilter;

/// Says in a configuration report what is wrong with `log.filter`.
pub(crate) const FILTER_CHECK: Check = Check {
    key: "log.filter",
    rule: |text| match EnvFilter::builder().parse(text) {
        Ok(_) => Ok(()),
        Err(why) => Err(format!(
            "must be a level, or levels by module such as \"info,godwit_flight=debug\": {why}"
        )),
    },
};

/// Starts logging. From here on panics are logged too, so that a collector sees them.
pub(crate) fn start(config: &Log) {
    use std::io::IsTerminal;

    let filter = EnvFilter::builder().parse_lossy(&config.filter);
    // Errors of standard error have nowhere to go, and must not become panics.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .log_internal_errors(false);
    let started = match config.format {
        LogFormat::Text => builder.with_ansi(io::stderr().is_terminal()).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            tracing::error!(backtrace = %Backtrace::capture(), "{panic}");
        }));
    }
}
