//! Log lines on standard error.

use std::backtrace::Backtrace;
use std::io;

use godwit_config::{Check, Log, LogFormat};
use tracing::{Level, Metadata};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{FilterFn, filter_fn};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::reload::Handle;
use tracing_subscriber::util::SubscriberInitExt;

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

/// Libraries that log the statements they are given, passwords included.
const SHOWS_SECRETS: [&str; 1] = ["sqlparser"];
/// What shows parts of statements below the level `info`.
const SHOWS_LITERALS: [&str; 3] = [
    "datafusion",
    "godwit_lake::stats",
    "godwit_engine::progress",
];

/// Changes which lines are written.
pub(crate) struct Refilter(Option<Box<dyn Fn(EnvFilter) + Send>>);

impl Refilter {
    /// Has these lines written from now on. The text was checked with the configuration.
    pub(crate) fn take(&self, filter: &str) {
        if let Some(replace) = &self.0 {
            replace(EnvFilter::builder().parse_lossy(filter));
        }
    }
}

/// Starts logging. From here on panics are logged too, so that a collector sees them. Where literals are redacted, those
/// lines are left out that libraries would put them into.
pub(crate) fn start(config: &Log, redact_literals: bool) -> Refilter {
    use std::io::IsTerminal;

    let filter = EnvFilter::builder().parse_lossy(&config.filter);
    // Errors of standard error have nowhere to go, and must not become panics.
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .log_internal_errors(false);
    let (started, refilter) = match config.format {
        LogFormat::Text => {
            let builder = builder.with_ansi(io::stderr().is_terminal());
            let builder = builder.with_filter_reloading();
            let refilter = refilter(builder.reload_handle());
            let lines = builder.finish();
            (lines.with(quiet(redact_literals)).try_init(), refilter)
        }
        LogFormat::Json => {
            let builder = builder.json().flatten_event(true).with_filter_reloading();
            let refilter = refilter(builder.reload_handle());
            let lines = builder.finish();
            (lines.with(quiet(redact_literals)).try_init(), refilter)
        }
    };
    if started.is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            tracing::error!(backtrace = %Backtrace::capture(), "{panic}");
        }));
    }
    refilter
}

fn refilter<S: 'static>(handle: Handle<EnvFilter, S>) -> Refilter {
    Refilter(Some(Box::new(move |filter| {
        // It fails only once there is nothing left that logs.
        let _ = handle.reload(filter);
    })))
}

/// Keeps statements out of the log, whatever `log.filter` says.
fn quiet(redact_literals: bool) -> FilterFn<impl Fn(&Metadata<'_>) -> bool> {
    filter_fn(move |line| {
        let is_of = |targets: &[&str]| targets.iter().any(|name| line.target().starts_with(name));
        let literals = redact_literals && *line.level() > Level::INFO && is_of(&SHOWS_LITERALS);
        !is_of(&SHOWS_SECRETS) && !literals
    })
}
